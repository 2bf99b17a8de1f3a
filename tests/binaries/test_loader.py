"""Where the loader looks, and in which order."""

from envcheck.binaries.loader import LibrarySearch
from tests.binaries.build import elf
from tests.binaries.cache import Row, new_cache
from tests.binaries.tree import DEBIAN, LIBRARY, Tree, where


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
    tree = Tree({"/app/x.so": elf(needed=["liba.so"]), "/here/liba.so": LIBRARY})
    for path in (":/nothing", "/nothing;"):
        assert where(tree, library_path=path, folder="/here")["liba.so"][0] == "/here/liba.so"
    assert where(tree, library_path="", folder="/here")["liba.so"] == (None, "")


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
