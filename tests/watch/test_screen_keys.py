"""What keys do, down to the process that is ended."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psutil
import pytest

from envcheck.watch.screen.control import Control
from envcheck.watch.screen.ink import UNICODE
from envcheck.watch.screen.kill import Refused, Victim
from envcheck.watch.screen.view import View
from envcheck.watch.tick import ProcessTick, Unread
from tests.watch.ticks import gpu, process, tick

ELSEWHERE = Unread("NOT_VISIBLE", "process 5 is outside this container")
INITIAL = "pid:[4026531836]"
DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(600)"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc that says: these are the machine's own process numbers."""
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/ns/pid").symlink_to(INITIAL)
    return tmp_path


@pytest.fixture
def child() -> Iterator["subprocess.Popen[str]"]:
    """A process that ignores TERM, once it does."""
    with subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE, text=True) as made:
        assert made.stdout is not None
        made.stdout.readline()
        yield made
        made.kill()


def row(pid: int, shift_s: float = 0, **values: Any) -> ProcessTick:
    """The process as the sampler would show it."""
    stamp = datetime.fromtimestamp(psutil.Process(pid).create_time() + shift_s, timezone.utc)
    started = stamp.isoformat(timespec="seconds").replace("+00:00", "Z")
    return process(pid, **{"started": started, "user": "ada", "command": "train", **values})


def watching(*processes: ProcessTick, live: bool = True, proc: Path = Path("/proc")) -> Control:
    control = Control(UNICODE, live=live, proc=proc)
    control.take(tick(gpu(0), gpu(1), processes=processes))
    return control


def press(control: Control, *keys: str) -> list[str]:
    return [control.press(key, key if len(key) == 1 else None) for key in keys]


def test_kill_asks_then_terminates_then_kills(child: "subprocess.Popen[str]", proc: Path) -> None:
    control = watching(row(child.pid), proc=proc)
    press(control, "down", "k")
    assert control.scene.view.mode == "confirm"
    assert f"Send TERM to {child.pid} of user ada? train" in control.scene.view.question
    press(control, "y")
    assert control.scene.notice == f"TERM sent to {child.pid}; k again sends KILL"
    assert child.poll() is None
    press(control, "k")
    assert f"Send KILL to {child.pid}" in control.scene.view.question
    press(control, "y")
    assert child.wait(20) == -9
    control.take(tick(gpu(0)))
    assert control.scene.notice == f"{child.pid} has ended"


@pytest.mark.parametrize("key", ["n", "escape", "enter", "k", "down", "q"])
def test_only_y_kills(child: "subprocess.Popen[str]", proc: Path, key: str) -> None:
    control = watching(row(child.pid), proc=proc)
    answers = press(control, "down", "k", key)
    assert answers[-1] == ("quit" if key == "q" else "")
    assert control.scene.view.mode == "watch"
    assert control.scene.notice == ""
    assert child.poll() is None


def test_nothing_is_killed_without_a_choice(child: "subprocess.Popen[str]", proc: Path) -> None:
    control = watching(row(child.pid), proc=proc)
    press(control, "k", "y")
    assert control.scene.notice == ""
    assert child.poll() is None


def test_the_choice_follows_its_process(child: "subprocess.Popen[str]", proc: Path) -> None:
    """When the chosen process leaves the table, no other one takes its place."""
    other = row(os.getpid(), gpu_memory_bytes=1)
    control = watching(row(child.pid), other, proc=proc)
    press(control, "down")
    control.take(tick(gpu(0), processes=(other,)))
    press(control, "k")
    assert control.scene.view.mode == "watch"
    assert control.scene.notice == "choose a process with Up and Down first"


def test_a_recording_kills_nothing(child: "subprocess.Popen[str]", proc: Path) -> None:
    control = watching(row(child.pid), live=False, proc=proc)
    press(control, "down", "k")
    assert control.scene.notice == "a recording: its processes are not to be ended"


def test_a_process_that_is_not_ours_to_see(proc: Path) -> None:
    control = watching(process(5, started=ELSEWHERE), proc=proc)
    press(control, "down", "k")
    assert "process 5 is outside this container" in control.scene.notice
    assert control.scene.view.mode == "watch"


def test_another_namespace_is_never_killed(
    child: "subprocess.Popen[str]", tmp_path: Path, proc: Path
) -> None:
    """The driver's number may be somebody else here, even if all looks well."""
    (proc / "self/ns/pid").unlink()
    (proc / "self/ns/pid").symlink_to("pid:[4026532198]")
    with pytest.raises(Refused, match="may be another process here"):
        Victim(row(child.pid), proc)
    descriptors = proc / str(child.pid) / "fd"
    descriptors.mkdir(parents=True)
    (descriptors / "3").symlink_to("/dev/nvidia0")
    assert Victim(row(child.pid), proc).alive


def test_a_reused_number_is_another_process(child: "subprocess.Popen[str]", proc: Path) -> None:
    with pytest.raises(Refused, match="another process now"):
        Victim(row(child.pid, shift_s=-3600), proc)


def test_a_process_that_has_ended(child: "subprocess.Popen[str]", proc: Path) -> None:
    gone = row(child.pid)
    victim = Victim(gone, proc)
    child.kill()
    child.wait(20)
    assert not victim.alive
    with pytest.raises(Refused, match="has ended"):
        victim.strike()
    with pytest.raises(Refused, match="has ended"):
        Victim(gone, proc)


def test_itself_is_not_ended(proc: Path) -> None:
    with pytest.raises(Refused):
        Victim(row(os.getpid()), proc)


def test_filter_is_typed() -> None:
    control = watching(process(1, command="train"), process(2, command="serve"))
    press(control, "slash", "s", "q", "backspace", "e", "enter")
    press(control, "down")
    assert control.scene.view == View(filter="se", chosen=(2, 0))
    press(control, "escape")
    assert control.scene.view == View()


def test_quit_always_works() -> None:
    for keys in ((), ("slash", "a"), ("question_mark",), ("enter",)):
        control = watching()
        press(control, *keys)
        assert press(control, "ctrl+c") == ["quit"]
    assert press(watching(), "q") == ["quit"]


def test_moving_stays_on_the_table() -> None:
    control = watching(*(process(pid) for pid in range(1, 4)))
    seen = []
    for key in ("down", "down", "down", "down", "up", "pageup", "pagedown"):
        press(control, key)
        seen.append(control.scene.view.chosen)
    assert seen == [(1, 0), (2, 0), (3, 0), (3, 0), (2, 0), (1, 0), (3, 0)]


def test_detail_turns_over_the_gpus() -> None:
    control = watching(process(1, 1))
    press(control, "down", "enter")
    assert (control.scene.view.mode, control.scene.view.gpu) == ("detail", 1)
    press(control, "right")
    assert control.scene.view.gpu == 0
    press(control, "left", "escape")
    assert (control.scene.view.mode, control.scene.view.gpu) == ("watch", 1)


def test_sort_tree_and_layout_go_round() -> None:
    control = watching()
    start = control.scene.view
    press(control, *["s"] * 8, *["v"] * 4, "t", "t", "r", "r")
    assert control.scene.view == start
    press(control, "s", "v", "t", "r")
    now = control.scene.view
    assert (now.sort, now.layout, now.tree, now.reverse) == ("sm", "rows", True, True)


def test_keys_about_the_source_are_passed_on() -> None:
    keys = ("space", "full_stop", "plus", "minus", "0", "x")
    assert press(watching(), *keys) == ["pause", "step", "faster", "slower", "again", ""]
