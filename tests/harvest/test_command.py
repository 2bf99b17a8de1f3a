"""`envcheck builds harvest` as a user runs it: configured through pip, exit codes, progress."""

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envcheck.cli.progress import monitor_for
from envcheck.kb.harvest import harvest
from envcheck.render.harvest import render
from envcheck.render.style import Style
from tests.harvest.server import Index
from tests.harvest.wheels import torch_wheel, wheel_name
from tests.test_cli import run

if TYPE_CHECKING:
    import subprocess

NAME = wheel_name()


def command(index: Index, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    where = {
        "PIP_INDEX_URL": f"{index.url}/simple",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_FIND_LINKS": "",
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_DEFAULT_TIMEOUT": "5",
    }
    return run("builds", "harvest", *arguments, **where, **more)


def test_a_harvest(index: Index, tmp_path: Path) -> None:
    index.files = {NAME: torch_wheel()}
    ran = command(index, "torch==9.1.0", "--out", str(tmp_path))
    assert ran.returncode == 0, ran.stderr
    assert "9.1.0 linux-x86_64, CUDA 12.4: sm_80 sm_90 compute_90" in ran.stdout
    assert ran.stdout.splitlines()[-1].startswith("1 read, ")
    assert ran.stderr == f"1/1 {NAME}: read\n"
    assert [path.name for path in tmp_path.iterdir()] == ["9.1.0.toml"]
    again = command(index, "torch==9.1.0", "--out", str(tmp_path))
    assert "1 measured before" in again.stdout and again.returncode == 0


def test_what_was_harvested_is_in_the_matrix(index: Index, tmp_path: Path) -> None:
    index.files = {NAME: torch_wheel()}
    where = {"ENVCHECK_KB": str(tmp_path)}
    assert command(index, "torch==9.1.0", **where).returncode == 0
    shown = run("builds", "--torch", "9.1.0", **where)
    assert "9.1.0   12.4*" in shown.stdout


def test_a_wheel_that_cannot_be_read(index: Index, tmp_path: Path) -> None:
    index.files = {NAME: b"<html>", wheel_name("9.2.0"): torch_wheel("9.2.0")}
    ran = command(index, "--all-since", "9", "--out", str(tmp_path))
    assert ran.returncode == 3
    assert f"{NAME}: no zip file" in ran.stdout and "1 failed" in ran.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["9.2.0.toml"]


def test_an_index_that_does_not_answer(index: Index, tmp_path: Path) -> None:
    index.statuses = [403]
    ran = command(index, "torch==9.1.0", "--out", str(tmp_path))
    assert ran.returncode == 3
    assert "403" in ran.stderr and "Traceback" not in ran.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["/dev/null/x", "/proc/x"])
def test_a_folder_that_cannot_be_written(index: Index, place: str) -> None:
    ran = command(index, "torch==9.1.0", "--out", place)
    assert ran.returncode == 3 and place in ran.stderr and "Traceback" not in ran.stderr
    assert not index.log


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_on_a_terminal(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    index.files = {NAME: torch_wheel()}
    screen = Terminal()
    with monitor_for(screen) as monitor:
        harvest("torch==9.1.0", monitor, folder=tmp_path, config=index.config)
    shown = screen.getvalue()
    assert "1/1" in shown and "0.0 MB" in shown and "\x1b[" in shown


def test_names_cannot_steer_a_terminal(index: Index, tmp_path: Path) -> None:
    text = b"__version__ = '9.1.0\x1b[2J'\ncuda = None\n"
    index.files = {NAME: torch_wheel(replaced={"torch/version.py": text})}
    with monitor_for(io.StringIO()) as monitor:
        results = harvest("torch==9.1.0", monitor, folder=tmp_path, config=index.config)
    assert "\x1b" in results[0].reason
    assert "\x1b" not in render(results, Style()) and "\\x1b[2J" in render(results, Style())
