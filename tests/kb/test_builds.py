"""Build rows: which of two accounts counts, and what a file may hold."""

from pathlib import Path

import pytest

from envcheck.kb import KnowledgeError, load
from envcheck.kb.builds import Build
from envcheck.kb.knowledge import PACKAGED

ROW = """
[[build]]
torch = "{torch}"
cuda = "12.4"
platform = "linux-x86_64"
sass = {sass}
ptx = {ptx}
method = "fatbins"
source = "{kind}"
checked = 2026-11-21
kind = "{kind}"
"""
SOURCES = '\n[sources]\nmeasured = "the wheel"\ndocumented = "the page"\ninferred = "a guess"\n'


def rows(folder: Path, *texts: str, name: str = "9.9.0") -> tuple[Build, ...]:
    (folder / "builds").mkdir(exist_ok=True)
    text = "".join(texts) + SOURCES
    (folder / "builds" / f"{name}.toml").write_text(text, encoding="utf-8")
    return load(folder).builds.of("9.9.0")


def row(kind: str, sass: str = '["sm_90"]', ptx: str = "[]", torch: str = "9.9.0") -> str:
    return ROW.format(kind=kind, sass=sass, ptx=ptx, torch=torch)


@pytest.mark.parametrize("order", [("measured", "documented"), ("documented", "measured")])
def test_the_measured_row_counts_and_says_what_it_contradicts(
    tmp_path: Path, order: tuple[str, str]
) -> None:
    texts = {
        "measured": row("measured"),
        "documented": row("documented", ptx='["compute_120"]'),
    }
    (build,) = rows(tmp_path, *(texts[kind] for kind in order))
    assert (build.kind, build.ptx) == ("measured", ())
    assert build.contradicts == "documented ptx: compute_120 (the page)"


def test_rows_that_agree_contradict_nothing(tmp_path: Path) -> None:
    (build,) = rows(tmp_path, row("inferred"), row("documented"))
    assert (build.kind, build.contradicts) == ("documented", "")


def test_two_rows_of_one_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"9\.9\.0\.toml: two measured rows"):
        rows(tmp_path, row("measured"), row("measured"))


def test_a_row_of_another_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"about torch 9\.9\.1"):
        rows(tmp_path, row("measured", torch="9.9.1"))


def test_an_architecture_in_another_spelling_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"build 1 \(9\.9\.0\)"):
        rows(tmp_path, row("measured", sass='["9.0"]'))


def test_packaged_builds_stay_beside_those_of_the_override(tmp_path: Path) -> None:
    rows(tmp_path, row("measured"))
    table = load(tmp_path).builds
    assert table.of("2.4.0")
    assert table.rows[-1].torch == "9.9.0"


def test_the_file_names_are_the_releases() -> None:
    names = {path.stem for path in (PACKAGED / "builds").glob("*.toml")}
    assert names == {build.torch for build in load().builds}


def test_the_wheel_everybody_has_read() -> None:
    (build,) = [
        row
        for row in load().builds.of("2.4.0")
        if (row.cuda, row.platform) == ("12.1", "linux-x86_64")
    ]
    assert build.default
    assert build.sass == ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90")
    assert build.ptx == ()
    assert (build.cudnn, build.nccl, build.triton) == ("9.1.0.70", "2.20.5", "3.0.0")
    assert build.python == ("3.8", "3.9", "3.10", "3.11", "3.12")
