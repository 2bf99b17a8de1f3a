"""A process that goes on loading: names stay taken, and dlopen searches as its caller would."""

from pathlib import Path

import pytest

from envcheck.binaries import BinaryError
from envcheck.binaries.process import Process
from envcheck.probes.host import Host
from envcheck.probes.loader import Files as HostFiles
from tests.binaries.build import elf
from tests.roots import Content, build_root

PROGRAM: dict[str, Content] = {"/bin/program": elf()}


def process(base: Path, files: dict[str, Content], library_path: str = "") -> Process:
    host = Host(build_root(base, PROGRAM | files), {})
    return Process(HostFiles(host), "/bin/program", library_path)


def test_the_first_library_of_a_name_stays(tmp_path: Path) -> None:
    files: dict[str, Content] = {
        "/a/liba.so": elf(needed=["libx.so.1"], rpath="$ORIGIN"),
        "/a/libx.so.1": elf(),
        "/b/libb.so": elf(needed=["libx.so.1"], rpath="$ORIGIN"),
        "/b/libx.so.1": elf(),
    }
    running = process(tmp_path, files)
    assert running.load("/a/liba.so") and running.load("/b/libb.so")
    assert running.found["libx.so.1"].path == "/a/libx.so.1"
    assert running.open("libx.so.1").via == "loaded"


def test_a_library_loaded_by_path_serves_later_needs(tmp_path: Path) -> None:
    needy: dict[str, Content] = {"/a/liba.so": elf(needed=["libx.so.1"]), "/far/libx.so.1": elf()}
    running = process(tmp_path, needy)
    assert not running.load("/a/liba.so")
    assert running.found["libx.so.1"].path is None
    assert running.load("/far/libx.so.1") and running.load("/a/liba.so")
    assert running.found["libx.so.1"].path == "/far/libx.so.1"


@pytest.mark.parametrize(
    ("own", "path", "via"),
    [
        ({}, "/root/libpart.so.1", "RPATH"),  # of the library that asked for the caller
        ({"rpath": "$ORIGIN"}, "/root/deep/libpart.so.1", "RPATH"),
        ({"runpath": "$ORIGIN"}, "/path/libpart.so.1", "LD_LIBRARY_PATH"),  # RUNPATH comes after
    ],
)
def test_dlopen_searches_for_its_caller(
    tmp_path: Path, own: dict[str, str], path: str, via: str
) -> None:
    files: dict[str, Content] = {
        "/root/libroot.so": elf(needed=["libcaller.so.1"], rpath="$ORIGIN/deep:$ORIGIN"),
        "/root/deep/libcaller.so.1": elf(**own),  # type: ignore[arg-type]
        "/root/libpart.so.1": elf(),
        "/path/libpart.so.1": elf(),
    }
    if own:
        files["/root/deep/libpart.so.1"] = elf()
    running = process(tmp_path, files, "/path")
    running.load("/root/libroot.so")
    found = running.open("libpart.so.1", "/root/deep/libcaller.so.1")
    assert (found.path, found.via) == (path, via)


def test_a_program_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(BinaryError):
        process(tmp_path, {"/bin/program": "#!/bin/sh\n"})
