"""What one process ends up with: libraries passed over, damaged, loaded already, in a ring."""

import _ctypes
import _ssl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from envcheck.binaries.errors import NotElf, OpenFailed, TooLarge
from envcheck.binaries.loader import Found, LibrarySearch, LocalFiles
from tests.binaries.build import elf
from tests.binaries.cache import Row, new_cache
from tests.binaries.tree import LIBRARY, Tree, where


def test_libraries_for_another_machine_are_passed_over() -> None:
    tree = Tree(
        {
            "/app/x.so": elf(needed=["liba.so"], rpath="/arm:/narrow:/secret:/right"),
            "/arm/liba.so": elf(machine="aarch64"),
            "/narrow/liba.so": elf(machine="i386", bits=32),
            "/secret/liba.so": LIBRARY,
            "/right/liba.so": LIBRARY,
        },
        forbidden=("/secret/liba.so",),
    )
    assert where(tree)["liba.so"] == ("/right/liba.so", "RPATH")


def test_a_damaged_library_is_where_the_loader_gives_up() -> None:
    tree = Tree(
        {
            "/app/x.so": elf(needed=["liba.so", "libb.so"], rpath="/bad:/good"),
            "/bad/liba.so": b"GROUP ( libreal.so )",
            "/good/liba.so": LIBRARY,
            "/bad/libb.so": elf(needed=["libz.so"])[:100],
        }
    )
    first, second = LibrarySearch(tree).trace("/app/x.so")
    assert first == Found("liba.so", "/app/x.so", "/bad/liba.so", "RPATH", "/bad", "no ELF header")
    assert second.path == "/bad/libb.so"
    assert second.problem is not None
    assert "cut short" in second.problem


def test_libraries_already_in_the_process_are_not_searched() -> None:
    tree = Tree(
        {
            "/app/x.so": elf(needed=["libtorch.so", "libown.so"], rpath="/app"),
            "/app/libtorch.so": elf(needed=["libnever.so"]),
            "/app/libown.so": elf(needed=["libtorch.so"]),
            "/torch/libtorch.so": LIBRARY,
        }
    )
    found = LibrarySearch(tree, loaded={"libtorch.so": "/torch/libtorch.so"}).trace("/app/x.so")
    assert [(f.name, f.path, f.via) for f in found] == [
        ("libtorch.so", "/torch/libtorch.so", "loaded"),
        ("libown.so", "/app/libown.so", "RPATH"),
    ]


def test_a_library_is_known_by_its_soname_afterwards() -> None:
    tree = Tree(
        {
            "/app/x.so": elf(needed=["libfoo.so", "libbar.so"], rpath="/app"),
            "/app/libfoo.so": elf(soname="libfoo.so.3"),
            "/app/libbar.so": elf(needed=["libfoo.so.3"]),
        }
    )
    assert where(tree)["libfoo.so.3"] == ("/app/libfoo.so", "loaded")


def test_rings_and_links_end() -> None:
    tree = Tree(
        {
            "/app/x.so": elf(needed=["liba.so", "libalias.so"], rpath="/app", soname="x.so"),
            "/app/liba.so": elf(needed=["liba.so", "x.so", "libb.so"], rpath="/app"),
            "/app/libalias.so": "liba.so",
        }
    )
    assert where(tree) == {
        "liba.so": ("/app/liba.so", "RPATH"),
        "libalias.so": ("/app/libalias.so", "RPATH"),
        "x.so": ("/app/x.so", "loaded"),
        "libb.so": (None, ""),
    }


def test_only_what_the_file_itself_asks_for() -> None:
    tree = Tree(
        {
            "/app/x.so": elf(needed=["liba.so"], rpath="/app"),
            "/app/liba.so": elf(needed=["libb.so"]),
        }
    )
    search = LibrarySearch(tree)
    assert [f.name for f in search.trace("/app/x.so", deep=False)] == ["liba.so"]
    assert [f.name for f in search.trace("/app/x.so")] == ["liba.so", "libb.so"]


def test_only_the_needs_of_libraries_that_are_followed() -> None:
    tree = Tree(
        {
            "/app/x.so": elf(needed=["liba.so", "libb.so"], rpath="/app"),
            "/app/liba.so": elf(needed=["libfar.so"]),
            "/app/libb.so": elf(needed=["libnear.so"]),
        }
    )
    search = LibrarySearch(tree, follow=lambda name: name == "libb.so")
    found = {f.name: f.path for f in search.trace("/app/x.so")}
    assert found == {
        "liba.so": "/app/liba.so",
        "libb.so": "/app/libb.so",
        "libnear.so": None,
    }


def test_nodefaultlib_shuts_out_the_systems_folders_and_their_cache() -> None:
    tree = Tree(
        {
            "/app/x.so": elf(needed=["liba.so", "libb.so"], no_default_folders=True),
            "/usr/lib/liba.so": LIBRARY,
            "/opt/libb.so": LIBRARY,
            "/etc/ld.so.cache": new_cache(
                [Row("liba.so", "/usr/lib/liba.so"), Row("libb.so", "/opt/libb.so")]
            ),
        }
    )
    assert where(tree) == {"liba.so": (None, ""), "libb.so": ("/opt/libb.so", "ld.so.cache")}


def test_a_stale_or_damaged_cache_does_no_harm() -> None:
    files: dict[str, bytes | str] = {
        "/app/x.so": elf(needed=["liba.so"]),
        "/usr/lib/liba.so": LIBRARY,
    }
    for cache in (new_cache([Row("liba.so", "/gone/liba.so")]), b"rubbish"):
        tree = Tree({**files, "/etc/ld.so.cache": cache})
        assert where(tree)["liba.so"] == ("/usr/lib/liba.so", "default")


def test_the_file_itself_must_be_readable() -> None:
    with pytest.raises(NotElf):
        LibrarySearch(Tree({"/app/x.so": b"text"})).trace("/app/x.so")
    with pytest.raises(OpenFailed, match="No such file"):
        LibrarySearch(Tree({})).trace("/app/x.so")
    with pytest.raises(OpenFailed, match="No such file"):
        LibrarySearch(Tree({}), program="/bin/python")


def test_an_absurd_search_path_ends() -> None:
    many = elf(needed=[f"lib{n}.so" for n in range(200)], rpath=":".join(["/a"] * 1000))
    with pytest.raises(TooLarge, match="absurd"):
        LibrarySearch(Tree({"/app/x.so": many})).trace("/app/x.so")


LOADERS = "/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/lib64/ld64.so.2"
LOADER = next((path for path in LOADERS if Path(path).exists()), None)


@pytest.mark.skipif(LOADER is None, reason="no glibc loader here (musl)")
@pytest.mark.parametrize("path", [sys.executable, _ctypes.__file__, _ssl.__file__])
def test_agrees_with_the_real_loader(path: str) -> None:
    """What `ldd` prints for this interpreter and for one of its modules."""
    listed = subprocess.run(
        [str(LOADER), "--list", os.path.realpath(path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    expected = {}
    for line in listed.splitlines():
        words = line.split()
        if "=>" in words:
            expected[words[0]] = os.path.realpath(words[2])
    found = LibrarySearch(LocalFiles(), library_path=os.environ.get("LD_LIBRARY_PATH", "")).trace(
        os.path.realpath(path)
    )
    assert {
        f.name: os.path.realpath(f.path or "") for f in found if not f.name.startswith("ld-linux")
    } == expected
