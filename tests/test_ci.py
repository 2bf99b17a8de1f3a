"""The formats as commands give them: in Actions, into files, as a monitoring plug-in."""

import gc
import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from envcheck import __main__
from envcheck.ci import LIMIT, in_actions
from tests.render.reading import annotation, schema, validate_junit
from tests.test_cli import run, saved

SICK: dict[str, object] = {"torch__cuda": None}


class Ran(msgspec.Struct, frozen=True):
    """What a command gave."""

    returncode: int
    stdout: str
    stderr: str


Command = Callable[..., Ran]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """A command line within this process: ten times as fast as one of its own."""

    def call(*arguments: str, **environ: str) -> Ran:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["envcheck", *arguments])
            for name, value in environ.items():
                patch.setenv(name, value)
            code = __main__.run()
        gc.enable()
        return Ran(code, *capsys.readouterr())

    return call


def in_a_step(summary: Path | str) -> dict[str, str]:
    return {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}


def test_actions_get_annotations_and_a_summary_by_themselves(
    command: Command, tmp_path: Path
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("what another command of this step wrote")
    file = saved(tmp_path, **SICK)
    alone = command("doctor", "--snapshot", file)
    ran = command("doctor", "--snapshot", file, **in_a_step(summary))
    assert ran.returncode == alone.returncode == 1 and ran.stderr == ""
    below = ran.stdout.removeprefix(alone.stdout).splitlines()
    assert len(below) >= 1 and "TCH004" in annotation(below[0]).properties["title"]
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("what another command of this step wrote\n## envcheck: ❌ unfit\n")
    assert "| ❌ error | `TCH004` cpu_only_build | torch |" in text


@pytest.mark.parametrize("fmt", ["json", "sarif", "html", "concise", "nagios"])
def test_only_text_and_github_fill_the_summary(command: Command, tmp_path: Path, fmt: str) -> None:
    summary = tmp_path / "summary.md"
    file = saved(tmp_path, **SICK)
    ran = command("doctor", "--snapshot", file, "--format", fmt, **in_a_step(summary))
    assert not summary.exists() and "::error" not in ran.stdout


def test_the_github_format_is_the_annotations_alone(command: Command, tmp_path: Path) -> None:
    file = saved(tmp_path, **SICK)
    ran = command("doctor", "--snapshot", file, "--format", "github")
    assert all(annotation(line) for line in ran.stdout.splitlines()) and ran.returncode == 1


@pytest.mark.parametrize("kind", ["folder", "pipe", "full", "nowhere", "large"])
def test_a_summary_that_cannot_be_written_changes_nothing_else(tmp_path: Path, kind: str) -> None:
    summary = tmp_path / "summary"
    if kind == "folder":
        summary.mkdir()
    elif kind == "pipe":
        os.mkfifo(summary)
    elif kind == "full":
        summary = Path("/dev/full")
    elif kind == "nowhere":
        summary = tmp_path / "not/there"
    else:
        summary.write_bytes(b"x" * LIMIT)
    # in a process of its own, which has a time limit: a pipe nobody reads must not stop it
    ran = run("doctor", "--snapshot", saved(tmp_path, **SICK), **in_a_step(summary))
    assert ran.returncode == 1 and "TCH004" in ran.stdout
    assert ran.stderr.startswith("envcheck: GITHUB_STEP_SUMMARY") and ran.stderr.count("\n") == 1


def test_elsewhere_nothing_is_added(command: Command, tmp_path: Path) -> None:
    assert not in_actions({"GITHUB_ACTIONS": "false"}) and not in_actions({})
    summary = tmp_path / "s.md"
    ran = command("doctor", "--snapshot", saved(tmp_path), GITHUB_STEP_SUMMARY=str(summary))
    assert ran.returncode == 0 and not summary.exists() and "::" not in ran.stdout


def test_what_a_file_holds_is_no_command_to_the_runner(command: Command, tmp_path: Path) -> None:
    evil = "::stop-commands::x ##[error]owned"
    file = saved(tmp_path, host__os_name=evil, torch__cuda=None, torch__version="\n::error::owned")
    ran = command("doctor", "--snapshot", file, **in_a_step(tmp_path / "s.md"))
    commands = [line for line in ran.stdout.splitlines() if line.lstrip().startswith("::")]
    assert commands and all("title=" in line.split("::")[1] for line in commands)
    assert "##[" not in ran.stdout.partition("::error")[0]


@pytest.mark.parametrize("fmt", ["sarif", "junit", "html", "markdown", "json"])
def test_a_file_gets_the_format_and_people_the_text(
    command: Command, tmp_path: Path, fmt: str
) -> None:
    target = tmp_path / "report"
    file = saved(tmp_path, **SICK)
    ran = command("doctor", "--snapshot", file, "--format", fmt, "--output", str(target))
    assert ran.returncode == 1 and ran.stdout == command("doctor", "--snapshot", file).stdout
    direct = command("doctor", "--snapshot", file, "--format", fmt).stdout
    assert target.read_text(encoding="utf-8") == direct
    if fmt == "sarif":
        schema().validate(json.loads(direct))
    if fmt == "junit":
        validate_junit(direct)


def test_a_file_is_replaced_whole_or_kept(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    target = folder / "report.html"
    target.write_text("old")
    file = saved(tmp_path, **SICK)
    arguments = ("doctor", "--snapshot", file, "--format", "html", "-o", str(target))
    assert command(*arguments).returncode == 1
    assert target.read_text().startswith("<!doctype html>")
    assert [path.name for path in folder.iterdir()] == ["report.html"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~umask()


def test_a_link_stays_a_link(command: Command, tmp_path: Path) -> None:
    target, link = tmp_path / "target.xml", tmp_path / "link.xml"
    target.write_text("old")
    link.symlink_to(target)
    file = saved(tmp_path)
    ran = command("doctor", "--snapshot", file, "--format", "junit", "-o", str(link))
    assert ran.returncode == 0
    assert link.is_symlink() and target.read_text().startswith("<?xml")


def test_an_error_message_cannot_steer_the_terminal(command: Command) -> None:
    ran = command("doctor", "--snapshot", "/no\x1b[2J/\udcff\u202e")
    assert ran.returncode == 2
    assert ran.stderr == "envcheck: /no\\x1b[2J/\\xdcff\\x202e: No such file or directory\n"


def test_a_file_that_cannot_be_written_is_said_below_the_text(
    command: Command, tmp_path: Path
) -> None:
    target = str(tmp_path / "no/such/folder.xml")
    ran = command("doctor", "--snapshot", saved(tmp_path), "--format", "junit", "-o", target)
    assert ran.returncode == 2 and "fit: " in ran.stdout
    assert ran.stderr == f"envcheck: {target}: No such file or directory\n"


def test_a_plug_in_has_its_own_exit_codes(command: Command, tmp_path: Path) -> None:
    nagios = ("--format", "nagios")
    fit = command("doctor", "--snapshot", saved(tmp_path), *nagios)
    assert (fit.returncode, fit.stdout[:12]) == (0, "ENVCHECK OK:")
    sick = command("doctor", "--snapshot", saved(tmp_path, **SICK), *nagios)
    assert (sick.returncode, sick.stdout[:18]) == (2, "ENVCHECK CRITICAL:")
    assert sick.stdout.count("\n") == 1
    wrong = command("doctor", "--snapshot", "/nonexistent", *nagios)
    assert (wrong.returncode, wrong.stdout) == (
        3,
        "ENVCHECK UNKNOWN: /nonexistent: No such file or directory\n",
    )
    assert (
        command("doctor", "--snapshot", saved(tmp_path, **SICK), *nagios, "--exit-zero").returncode
        == 0
    )


def test_data_is_utf_8_and_text_is_escaped_where_it_cannot_be_encoded(tmp_path: Path) -> None:
    file = saved(tmp_path, host__os_name="Ubuntu «é» 漢", torch__cuda=None)
    text = run("doctor", "--snapshot", file, PYTHONIOENCODING="ascii")
    assert text.returncode == 1 and "\\xabe9" not in text.stdout and "\\u6f22" in text.stdout
    page = run("doctor", "--snapshot", file, "--format", "html", PYTHONIOENCODING="ascii")
    assert page.returncode == 1 and "漢" in page.stdout


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
