"""Space of disks: of folders asked for, absent ones, and one that never answers."""

import threading
from pathlib import Path

import pytest

from envcheck.facts import NOT_ASKED, Disk, Missing, Why
from envcheck.probes import disk
from envcheck.probes.disk import read_disks
from envcheck.probes.host import Host
from tests.roots import build_root


def of(path: str, disks: tuple[Disk, ...] | Missing) -> Disk:
    assert not isinstance(disks, Missing)
    (found,) = [disk for disk in disks if disk.path == path]
    return found


def test_folders_asked_for(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    disks = read_disks(Host(), NOT_ASKED, (str(tmp_path), gone, "/"))
    free = of(str(tmp_path), disks).free_bytes
    assert isinstance(free, int) and free > 0
    missing = of(gone, disks).free_bytes
    assert isinstance(missing, Missing) and missing.why is Why.ABSENT
    assert isinstance(of("/", disks).free_bytes, int)


def test_another_root_has_no_disks(tmp_path: Path) -> None:
    root = Host(build_root(tmp_path, {"data/file": ""}))
    assert read_disks(root, NOT_ASKED, ("/data",)) == NOT_ASKED


class Hanging(Host):
    """A machine on which one file server is gone."""

    def __init__(self) -> None:
        super().__init__()
        self.back = threading.Event()

    def space(self, path: str) -> tuple[int, int] | Missing:
        if path == "/gone":
            self.back.wait()
        return super().space(path)


def test_a_disk_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "LIMIT", 0.05)
    host = Hanging()
    try:
        disks = read_disks(host, NOT_ASKED, ("/gone", "/tmp"))
    finally:
        host.back.set()
    late = of("/gone", disks).free_bytes
    assert isinstance(late, Missing) and late.why is Why.FAILED
    assert isinstance(of("/tmp", disks).free_bytes, int)
