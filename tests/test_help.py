"""What a user is told without a page: `--help` of every command, completion, the manual page."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from envcheck.cli.app import app
from tests.manual import PAGE, manual


def commands() -> Iterator[tuple[str, "TyperGroup"]]:
    """Every command, groups too, by the words that call it."""
    ahead = [("envcheck", get_command(app))]
    while ahead:
        name, command = ahead.pop()
        yield name, command  # type: ignore[misc]
        if isinstance(command, TyperGroup):
            ahead += [(f"{name} {word}", inner) for word, inner in command.commands.items()]


COMMANDS = dict(commands())


def helped(name: str) -> str:
    command = COMMANDS[name]
    return command.get_help(command.make_context(name, [], resilient_parsing=True))


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_80_columns(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = helped(name).splitlines()
    assert len(lines) > 5
    assert not [line for line in lines if len(line) > 80]
    cut = [line for line in lines if line.endswith("...") and not line.startswith("Usage:")]
    assert not cut, "the first sentence is too long for a list"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name: str) -> None:
    for parameter in COMMANDS[name].params:
        assert getattr(parameter, "help", None), f"{name}: {parameter.name}"
        idle = parameter.default is False and any(
            word.startswith("--no-") for word in parameter.secondary_opts
        )
        assert not idle, f"{name} {parameter.secondary_opts} does nothing: name the flag itself"


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """An environment with the command as installers write it."""
    script = tmp_path / "envcheck"
    script.write_text(f"#!{sys.executable}\nfrom envcheck.__main__ import main\nmain()\n")
    script.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HOME": str(tmp_path)}


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("envcheck do", ["doctor"]),
        ("envcheck gpu-watch pi", ["pick"]),
        ("envcheck doctor --sna", ["--snapshot"]),
        ("envcheck doctor --fail-on n", ["note"]),
        ("envcheck doctor --no-such", []),
    ],
)
def test_bash_completes(typed: str, offered: list[str], shell: dict[str, str]) -> None:
    words = typed.split()
    script = f"""
        eval "$(envcheck --show-completion)"
        COMP_WORDS=({typed}) COMP_CWORD={len(words) - 1}
        $(complete -p envcheck | sed 's/.*-F \\([^ ]*\\).*/\\1/') envcheck
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    ran = subprocess.run(
        ["bash", "--norc", "-c", script], env=shell, capture_output=True, text=True, timeout=60
    )
    assert ran.stdout.split() == offered, ran.stderr


@pytest.mark.parametrize("kind", ["bash", "zsh", "fish"])
def test_every_shell_has_its_script(kind: str, shell: dict[str, str]) -> None:
    ran = subprocess.run(
        ["envcheck"],
        env={**shell, "_ENVCHECK_COMPLETE": f"source_{kind}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0 and f"complete_{kind}" in ran.stdout


def test_the_manual_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == manual(), "run `make docs`"


def test_the_manual_names_every_command_and_option() -> None:
    page = manual().replace(r"\-", "-")
    for name, command in COMMANDS.items():
        if name == "envcheck":
            continue
        assert f'.SS "{name}"\n' in page
        section = page.partition(f'.SS "{name}"\n')[2].partition(".SS ")[0]
        for parameter in command.params:
            for option in parameter.opts:
                assert option in section or not option.startswith("-"), f"{name} {option}"


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is what reads manual pages")
def test_the_manual_page_is_sound_roff() -> None:
    ran = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", str(PAGE)],
        capture_output=True,
        env={**os.environ, "GROFF_NO_SGR": "1"},
    )
    assert ran.returncode == 0 and not ran.stderr, ran.stderr.decode()
    text = re.sub(".\x08", "", ran.stdout.decode())  # bold is a letter struck twice
    assert "--exit-zero" in text and "EXIT STATUS" in text
