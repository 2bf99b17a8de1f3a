"""What /proc tells of a process, and when it must not be believed."""

import os
import sys
from pathlib import Path

import pytest

from envcheck.watch.processes import ProcessTable, container_of
from envcheck.watch.tick import Unread

DOCKER = "3f2a45e1c09b" + "0" * 52
POD = "0b9c2f4e-1111-2222-3333-444455556666"


@pytest.mark.parametrize(
    ("cgroup", "expected"),
    [
        ("0::/user.slice/user-1000.slice/session-1.scope\n", (None, None)),
        (f"0::/system.slice/docker-{DOCKER}.scope\n", ("docker:3f2a45e1c09b", None)),
        (f"12:memory:/docker/{DOCKER}\n", ("docker:3f2a45e1c09b", None)),
        (
            f"0::/kubepods.slice/kubepods-pod{POD.replace('-', '_')}.slice/"
            f"cri-containerd-{DOCKER}.scope\n",
            ("cri-containerd:3f2a45e1c09b", POD),
        ),
        (f"0::/kubepods/burstable/pod{POD}/{DOCKER}\n", ("container:3f2a45e1c09b", POD)),
        ("", (None, None)),
    ],
)
def test_container_of_a_control_group(cgroup: str, expected: object) -> None:
    assert container_of(cgroup) == expected


def test_this_process() -> None:
    table = ProcessTable()
    first, second = table.describe(os.getpid()), table.describe(os.getpid())
    assert str(Path(sys.executable).name) in str(first.command)
    assert first.parent_pid == os.getppid()
    assert isinstance(first.rss_bytes, int)
    assert isinstance(first.cpu_percent, Unread)
    assert isinstance(second.cpu_percent, float)


def namespace(tmp_path: Path, inode: int) -> Path:
    """A /proc that tells only in which PID namespace we are."""
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/ns/pid").symlink_to(f"pid:[{inode}]")
    (tmp_path / str(os.getpid()) / "fd").mkdir(parents=True)
    (tmp_path / "nvidiactl").touch()
    return tmp_path


def test_same_number_in_another_namespace_is_somebody_else(tmp_path: Path) -> None:
    proc = namespace(tmp_path, 4026532000)
    seen = ProcessTable(proc, tmp_path / "nvidiactl").describe(os.getpid())
    assert isinstance(seen.command, Unread)
    assert seen.command.error == "NOT_VISIBLE"
    assert "outside this container" in seen.command.reason


def test_process_in_this_container_that_uses_a_gpu(tmp_path: Path) -> None:
    proc = namespace(tmp_path, 4026532000)
    (proc / str(os.getpid()) / "fd/3").symlink_to("/dev/nvidia0")
    seen = ProcessTable(proc, tmp_path / "nvidiactl").describe(os.getpid())
    assert isinstance(seen.command, str)


def test_on_the_machine_itself_numbers_are_believed(tmp_path: Path) -> None:
    proc = namespace(tmp_path, 4026531836)
    seen = ProcessTable(proc, tmp_path / "nvidiactl").describe(os.getpid())
    assert isinstance(seen.command, str)


def test_ended_process() -> None:
    seen = ProcessTable().describe(2**22 + 1)
    assert isinstance(seen.command, Unread)
    assert seen.command == seen.user == seen.rss_bytes
