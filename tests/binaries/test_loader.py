import _ctypes
import _ssl
import errno
import os
import posixpath
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from envcheck.binaries.errors import NotElf, OpenFailed, TooLarge
from envcheck.binaries.loader import Found, LibrarySearch, LocalFiles
from envcheck.binaries.source import BytesSource
from tests.binaries.build import elf
from tests.binaries.cache import Row, new_cache


class Tree:
    """Files in memory: path → bytes, or text for a symbolic link."""

    def __init__(self, files: Mapping[str, bytes | str], forbidden: tuple[str, ...] = ()) -> None:
        self.files = dict(files)
        self.forbidden = forbidden

    def realpath(self, path: str) -> str:
        done = ""
        for part in posixpath.normpath(path).strip("/").split("/"):
            done = f"{done}/{part}"
            target = self.files.get(done)
            if isinstance(target, str):
                done = self.realpath(posixpath.join(posixpath.dirname(done), target))
        return done

    def is_file(self, path: str) -> bool:
        return isinstance(self.files.get(self.realpath(path)), bytes)

    def is_dir(self, path: str) -> bool:
        return any(name.startswith(self.realpath(path) + "/") for name in self.files)

    def open(self, path: str) -> BytesSource:
        data = self.files.get(self.realpath(path))
        if path in self.forbidden:
            raise OpenFailed(PermissionError(errno.EACCES, "Permission denied"))
        if not isinstance(data, bytes):
            raise OpenFailed(FileNotFoundError(errno.ENOENT, "No such file or directory"))
        return BytesSource(data)


LIBRARY = elf()
DEBIAN: dict[str, bytes | str] = {"/usr/lib/x86_64-linux-gnu/libc.so.6": LIBRARY, "/lib": "usr/lib"}


def where(tree: Tree, path: str = "/app/x.so", **options: str) -> dict[str, tuple[str | None, str]]:
    search = LibrarySearch(tree, **options)  # type: ignore[arg-type]
    return {found.name: (found.path, found.via) for found in search.trace(path)}


def test_the_places_in_the_loaders_order() -> None:
    """Each place is taken only when those before it have no such library."""
    files: dict[str, bytes | str] = {
        "/app/x.so": elf(needed=["liba.so"], rpath="/rpath"),
        "/rpath/liba.so": LIBRARY,
        "/env/liba.so": LIBRARY,
        "/cached/liba.so": LIBRARY,
        "/etc/ld.so.cache": new_cache([Row("liba.so", "/cached/liba.so")]),
        "/lib/x86_64-linux-gnu/liba.so": LIBRARY,
        "/usr/lib/x86_64-linux-gnu/liba.so": LIBRARY,
        "/lib/liba.so": LIBRARY,
        "/usr/lib/liba.so": LIBRARY,
    }
    expected = [
        ("/rpath/liba.so", "RPATH"),
        ("/env/liba.so", "LD_LIBRARY_PATH"),
        ("/cached/liba.so", "ld.so.cache"),
        ("/lib/x86_64-linux-gnu/liba.so", "default"),
        ("/usr/lib/x86_64-linux-gnu/liba.so", "default"),
        ("/lib/liba.so", "default"),
        ("/usr/lib/liba.so", "default"),
        (None, ""),
    ]
    files["/usr/lib/x86_64-linux-gnu/other.so"] = LIBRARY  # the folder stays
    for path, via in expected:
        assert where(Tree(files), library_path="/env")["liba.so"] == (path, via)
        if path:
            del files[path]


def test_a_runpath_comes_after_the_environment_and_switches_rpath_off() -> None:
    tree = Tree(
        {
            "/app/x.so": elf(needed=["liba.so"], rpath="/rpath", runpath="/runpath"),
            "/rpath/liba.so": LIBRARY,
            "/runpath/liba.so": LIBRARY,
            "/env/liba.so": LIBRARY,
        }
    )
    assert where(tree, library_path="/env")["liba.so"] == ("/env/liba.so", "LD_LIBRARY_PATH")
    assert where(tree)["liba.so"] == ("/runpath/liba.so", "RUNPATH")


def test_rpath_is_inherited_and_runpath_is_not() -> None:
    tree = Tree(
        {
            "/app/r.so": elf(needed=["liba.so"], rpath="/deps"),
            "/app/n.so": elf(needed=["liba.so"], runpath="/deps"),
            "/deps/liba.so": elf(needed=["libb.so"]),
            "/deps/libb.so": LIBRARY,
        }
    )
    assert where(tree, "/app/r.so")["libb.so"] == ("/deps/libb.so", "RPATH")
    assert where(tree, "/app/n.so")["libb.so"] == (None, "")


def test_a_runpath_of_the_asking_file_shuts_out_its_ancestors_rpath() -> None:
    tree = Tree(
        {
            "/app/x.so": elf(needed=["liba.so"], rpath="/deps"),
            "/deps/liba.so": elf(needed=["libb.so"], runpath="/nothing"),
            "/deps/libb.so": LIBRARY,
        }
    )
    assert where(tree)["libb.so"] == (None, "")


def test_an_ancestor_with_a_runpath_passes_no_rpath_on() -> None:
    tree = Tree(
        {
            "/app/x.so": elf(needed=["liba.so"], rpath="/deps", runpath="/app"),
            "/app/liba.so": elf(needed=["libb.so"]),
            "/deps/libb.so": LIBRARY,
        }
    )
    assert where(tree)["libb.so"] == (None, "")


def test_the_rpath_of_the_program_serves_its_modules() -> None:
    tree = Tree(
        {
            "/conda/bin/python": elf(rpath="$ORIGIN/../lib"),
            "/conda/lib/libstdc++.so.6": LIBRARY,
            "/app/x.so": elf(needed=["libstdc++.so.6"]),
            "/usr/bin/python": "/conda/bin/python",
        }
    )
    expected = ("/conda/lib/libstdc++.so.6", "RPATH")
    assert where(tree, program="/usr/bin/python")["libstdc++.so.6"] == expected
    assert where(tree)["libstdc++.so.6"] == (None, "")


def test_tokens_in_search_paths() -> None:
    tree = Tree(
        {
            **DEBIAN,
            "/app/lib/x.so": elf(
                needed=["liba.so", "libb.so", "libc.so", "libd.so"],
                rpath="$ORIGIN/../a:${ORIGIN}/b:/opt/$LIB:/opt/${PLATFORM}",
            ),
            "/app/a/liba.so": LIBRARY,
            "/app/lib/b/libb.so": LIBRARY,
            "/opt/lib/x86_64-linux-gnu/libc.so": LIBRARY,
            "/opt/x86_64/libd.so": LIBRARY,
        }
    )
    found = LibrarySearch(tree).trace("/app/lib/x.so")
    assert [(f.path, f.entry) for f in found] == [
        ("/app/a/liba.so", "$ORIGIN/../a"),
        ("/app/lib/b/libb.so", "${ORIGIN}/b"),
        ("/opt/lib/x86_64-linux-gnu/libc.so", "/opt/$LIB"),
        ("/opt/x86_64/libd.so", "/opt/${PLATFORM}"),
    ]


def test_red_hat_keeps_its_libraries_in_lib64() -> None:
    tree = Tree(
        {
            "/app/x.so": elf(needed=["liba.so", "libb.so"], rpath="/opt/$LIB"),
            "/usr/lib64/liba.so": LIBRARY,
            "/opt/lib64/libb.so": LIBRARY,
        }
    )
    assert where(tree) == {
        "liba.so": ("/usr/lib64/liba.so", "default"),
        "libb.so": ("/opt/lib64/libb.so", "RPATH"),
    }


def test_origin_of_an_unknown_program_leads_nowhere() -> None:
    tree = Tree({"/app/x.so": elf(needed=["liba.so"]), "/app/liba.so": LIBRARY})
    assert where(tree, library_path="$ORIGIN:/app")["liba.so"] == (
        "/app/liba.so",
        "LD_LIBRARY_PATH",
    )


def test_empty_entries_mean_the_working_directory() -> None:
    tree = Tree({"/app/x.so": elf(needed=["liba.so"]), "/work/liba.so": LIBRARY})
    for path in (":/nothing", "/nothing;"):
        assert where(tree, library_path=path, folder="/work")["liba.so"][0] == "/work/liba.so"
    assert where(tree, library_path="", folder="/work")["liba.so"] == (None, "")


def test_a_name_with_a_slash_is_a_path() -> None:
    tree = Tree(
        {
            "/app/x.so": elf(needed=["$ORIGIN/y/liba.so", "/abs/libb.so"], rpath="/elsewhere"),
            "/app/y/liba.so": LIBRARY,
            "/abs/libb.so": LIBRARY,
            "/elsewhere/abs/libb.so": LIBRARY,
        }
    )
    assert where(tree) == {
        "$ORIGIN/y/liba.so": ("/app/y/liba.so", "path"),
        "/abs/libb.so": ("/abs/libb.so", "path"),
    }


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
