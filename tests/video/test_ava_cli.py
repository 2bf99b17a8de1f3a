"""`envcheck dataset ava` as a user runs it."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.video import ava_set

COMMAND = [sys.executable, "-m", "envcheck", "dataset", "ava"]


def dataset(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=120
    )


def test_a_report_in_every_detail(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    ran = dataset(str(root), "--no-frames", "--format", "json")
    report = json.loads(ran.stdout)
    assert ran.returncode == 0 and ran.stderr == ""
    assert report["verdict"] == "fit" and report["snapshot"]["dataset"]["root"] == str(root)
    assert {part["of"] for part in report["snapshot"]["dataset"]["parts"]} >= {"split", "boxes"}


def test_what_was_read_can_be_judged_again(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    ava_set.edit(root / "frame_lists/train.csv", ava_set.HEADER, "0 1 2 3 4")
    ran = dataset(str(root), "--no-frames", "--format", "json")
    (tmp_path / "report.json").write_text(ran.stdout)
    again = subprocess.run(
        [sys.executable, "-m", "envcheck", "doctor", "--snapshot", str(tmp_path / "report.json"),
         "--select", "AVA"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == again.returncode == 1
    assert "AVA020 frame_list_without_header" in again.stdout and str(root) in again.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("/nonexistent",), "/nonexistent: No such file"),
        (("/dev/null",), "/dev/null: Not a directory"),
        (("/", "--set", "AVA.TEST_LISTS"), "KEY=VALUE"),
        (("/", "--set", "AVA.TEST_LIST=x"), "AVA.TEST_LISTS"),
        (("/", "--select", "AVA999"), "no check"),
        ((), "Missing argument"),
    ],
)
def test_bad_usage_is_one_clear_error(arguments: tuple[str, ...], words: str) -> None:
    ran = dataset(*arguments)
    assert ran.returncode == 2 and ran.stdout == ""
    assert words in ran.stderr and "Traceback" not in ran.stderr


def test_findings_can_be_left_out(tmp_path: Path) -> None:
    assert dataset(str(tmp_path)).returncode == 1
    assert dataset(str(tmp_path), "--exit-zero").returncode == 0
    assert dataset(str(tmp_path), "--ignore", "dataset_files_absent").returncode == 0


def test_progress_is_shown_on_a_terminal_only(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    near, far = pty.openpty()
    ran = subprocess.run(
        [*COMMAND, str(root), "--no-frames"],
        stdout=subprocess.PIPE, stderr=far, check=True, env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    os.close(far)
    shown = os.read(near, 1 << 16).decode()
    os.close(near)
    assert "\x1b[" in shown and "%" in shown
    assert b"fit: " in ran.stdout and b"\x1b" not in ran.stdout


def test_help_fits_80_columns() -> None:
    for command in ([], ["ava"]):
        ran = subprocess.run(
            [sys.executable, "-m", "envcheck", "dataset", *command, "--help"],
            capture_output=True,
            text=True,
            check=True,
            env={"COLUMNS": "80", "TERMINAL_WIDTH": "80", "PATH": "/usr/bin:/bin"},
        )
        assert max(map(len, ran.stdout.splitlines())) <= 80
    assert "--set" in ran.stdout
