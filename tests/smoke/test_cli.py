"""`envcheck smoke` as a user runs it, where no torch is installed."""

import json
import subprocess
import sys

import pytest


def smoke(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "envcheck", "smoke", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("slowfast", "--model", "slowfast_r5"), "x3d_m"),
        (("slowfast", "--labels", "/nonexistent"), "No such file"),
        (("slowfast", "--batch", "0"), "batch"),
        (("slowfast", "--precision", "fp8"), "fp8"),
        (("torch", "--device", "cuda:x"), "cuda:N"),
        (("torch", "--device", "tpu"), "cuda:N"),
        (("torch", "--select", "SMK999"), "no check"),
        (("torch", "--timeout", "0"), "timeout"),
    ],
)
def test_bad_usage_is_one_clear_error(arguments: tuple[str, ...], words: str) -> None:
    ran = smoke(*arguments)
    assert ran.returncode == 2, ran.stdout
    assert words in ran.stderr and "Traceback" not in ran.stderr and ran.stdout == ""


@pytest.mark.parametrize("target", ["torch", "slowfast"])
def test_without_torch_it_says_so(target: str) -> None:
    ran = smoke(target, "--python", sys.executable, "--format", "json")
    report = json.loads(ran.stdout)
    assert ran.returncode == 1 and report["verdict"] == "unfit"
    assert [finding["name"] for finding in report["findings"]] == ["torch_import_fails"]
    assert not report["crashed"]


def test_an_interpreter_that_is_not_there() -> None:
    ran = smoke("torch", "--python", "/nonexistent/python", "--format", "json")
    assert ran.returncode == 2 and ran.stdout == "" and "not an interpreter" in ran.stderr


def test_help_fits_80_columns() -> None:
    for command in ((), ("torch",), ("slowfast",)):
        ran = subprocess.run(
            [sys.executable, "-m", "envcheck", "smoke", *command, "--help"],
            capture_output=True,
            text=True,
            check=True,
            env={"COLUMNS": "80", "TERMINAL_WIDTH": "80", "PATH": "/usr/bin:/bin"},
        )
        assert max(map(len, ran.stdout.splitlines())) <= 80
