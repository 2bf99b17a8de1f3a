"""The commands as a user runs them: exit codes, streams, start-up imports, bad usage."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from envcheck.facts import encode
from tests.make_docs import ROOT
from tests.rules.machine import change, healthy

ENVCHECK = [sys.executable, "-m", "envcheck"]


def run(*arguments: str, stdin: str = "", **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*ENVCHECK, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environ},
    )


def saved(path: Path, **changes: object) -> str:
    file = path / "machine.json"
    file.write_bytes(encode(change(healthy(), **changes)))
    return str(file)


def modules(code: str) -> set[str]:
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules, file=sys.stderr)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ran.stderr.split())


def test_version_loads_next_to_nothing() -> None:
    code = (
        "import sys; sys.argv = ['envcheck', '--version']\nfrom envcheck.__main__ import run; run()"
    )
    ours = {name for name in modules(code) if name.split(".")[0] == "envcheck"}
    assert ours == {"envcheck", "envcheck.__main__", "envcheck.errors"}


def test_loading_the_commands_stays_light() -> None:
    loaded = modules("import envcheck.cli.app")
    heavy = {"torch", "pynvml", "msgspec", "psutil", "asyncio", "rich.console", "rich.table"}
    assert not loaded & heavy
    assert not {name for name in loaded if name.startswith(("envcheck.probes", "envcheck.rules"))}


def test_doctor_never_imports_torch_rich_or_pynvml(tmp_path: Path) -> None:
    file = saved(tmp_path)
    code = (
        f"import sys; sys.argv = ['envcheck', 'doctor', '--snapshot', {file!r}]\n"
        "from envcheck.__main__ import run; run()"
    )
    assert not modules(code) & {"torch", "pynvml", "rich", "rich.console", "psutil", "asyncio"}


@pytest.mark.parametrize(
    ("changes", "arguments", "code"),
    [
        ({}, (), 0),
        ({"torch__cuda": None}, (), 1),
        ({"torch__cuda": None}, ("--exit-zero",), 0),
        ({"torch__cuda": None}, ("--ignore", "cpu_only_build,TCH006,TCH007"), 0),
        ({"torch__cuda": None}, ("--select", "DRV"), 0),
    ],
)
def test_exit_codes(
    tmp_path: Path, changes: dict[str, object], arguments: tuple[str, ...], code: int
) -> None:
    ran = run("doctor", "--snapshot", saved(tmp_path, **changes), *arguments)
    assert ran.returncode == code, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("doctor", "--select", "driver_to_old"), "driver_too_old"),
        (("doctor", "--sysroot", "/nonexistent"), "not a directory"),
        (("doctor", "--python", "/nonexistent"), "not an interpreter"),
        (("doctor", "--python", "/dev/zero"), "not an interpreter"),
        (("doctor", "--snapshot", "/nonexistent"), "No such file"),
        (("doctor", "--snapshot", "/"), "Is a directory"),
        (("doctor", "--format", "xml"), "xml"),
        (("doctor", "--timeout", "0"), "timeout"),
        (("explain", "NOPE1"), "no check"),
        (("nonsense",), "nonsense"),
    ],
)
def test_bad_usage_is_one_clear_error(arguments: tuple[str, ...], words: str) -> None:
    ran = run(*arguments)
    assert ran.returncode == 2
    assert words in ran.stderr and "Traceback" not in ran.stderr and ran.stdout == ""


@pytest.mark.parametrize("text", ["", "nothing", "[]", "{}", '{"schema_version": 99}', "\x00\xff"])
def test_what_is_no_snapshot_is_refused(text: str) -> None:
    ran = run("doctor", "--snapshot", "-", stdin=text)
    assert ran.returncode == 2 and "Traceback" not in ran.stderr


def test_json_is_one_object_its_schema_describes(tmp_path: Path) -> None:
    ran = run("doctor", "--snapshot", saved(tmp_path, torch__cuda=None), "--format", "json")
    report = json.loads(ran.stdout)
    schema = json.loads((ROOT / "envcheck/schema/report.json").read_text())
    jsonschema.validate(report, schema)
    assert set(report) >= {
        "schema_version", "tool", "verdict", "exit_code", "findings", "passed", "skipped",
        "crashed", "durations", "snapshot",
    }  # fmt: skip
    finding = next(f for f in report["findings"] if f["name"] == "cpu_only_build")
    assert set(finding) >= {
        "code", "name", "severity", "subject", "message", "evidence", "remedy", "links",
    }  # fmt: skip
    assert set(finding["remedy"]) >= {"text", "commands", "safety"}


def test_a_saved_report_is_judged_again_the_same(tmp_path: Path) -> None:
    first = run("doctor", "--snapshot", saved(tmp_path, torch__cuda=None), "--format", "json")
    again = run("doctor", "--snapshot", "-", "--format", "json", stdin=first.stdout)
    assert json.loads(again.stdout) == json.loads(first.stdout)


def test_concise_is_one_line_a_finding(tmp_path: Path) -> None:
    ran = run("doctor", "--snapshot", saved(tmp_path, torch__cuda=None), "--format", "concise")
    assert "TCH004 cpu_only_build: torch" in ran.stdout
    assert all(line[:6].isalnum() for line in ran.stdout.splitlines())


def test_text_from_a_snapshot_cannot_steer_the_terminal(tmp_path: Path) -> None:
    evil = "2.0\x1b[2J\x1b]0;owned\x07\u202e\nDRV999 fake: line"
    file = saved(tmp_path, torch__version=evil, torch__cuda=None, host__os_name=evil)
    for fmt in ("text", "concise"):
        ran = run("doctor", "--snapshot", file, "--format", fmt)
        assert ran.returncode == 1
        assert not set("\x1b\x07\u202e") & set(ran.stdout)
        assert not any(line.startswith("DRV999") for line in ran.stdout.splitlines())


def test_colour_only_where_it_is_wanted(tmp_path: Path) -> None:
    file = saved(tmp_path)
    assert "\x1b[" not in run("doctor", "--snapshot", file).stdout
    assert "\x1b[" in run("doctor", "--snapshot", file, FORCE_COLOR="1").stdout


def test_ascii_where_the_stream_cannot_encode(tmp_path: Path) -> None:
    file = saved(tmp_path, torch__cuda=None)
    ran = run("doctor", "--snapshot", file, PYTHONIOENCODING="ascii")
    assert ran.stdout.isascii() and "x TCH004" in ran.stdout


def test_a_closed_stdout_is_no_crash() -> None:
    ran = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m envcheck explain DRV002 >&-"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0 and ran.stderr == ""


def test_explain_prints_the_documentation() -> None:
    by_code, by_name = run("explain", "DRV002"), run("explain", "driver_too_old")
    assert by_code.returncode == 0 and by_code.stdout == by_name.stdout
    assert "minor" in by_code.stdout and "https://docs.nvidia.com" in by_code.stdout


def test_doctor_on_this_very_machine() -> None:
    ran = run("doctor", "--format", "json")
    report = json.loads(ran.stdout)
    assert ran.returncode == report["exit_code"] and not report["crashed"]
    assert report["snapshot"]["python"]["version"].startswith("3.")


def test_help_fits_80_columns() -> None:
    for command in ((), ("doctor",), ("explain",)):
        ran = run(*command, "--help", COLUMNS="80", TERMINAL_WIDTH="80")
        assert ran.returncode == 0
        assert max(map(len, ran.stdout.splitlines())) <= 80
