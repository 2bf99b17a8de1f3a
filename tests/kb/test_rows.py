"""Reading data files: what is wrong with a file is said, with the file and the row."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck.kb import KnowledgeError, load
from envcheck.kb.knowledge import Knowledge
from envcheck.kb.packages import PackageFile
from envcheck.kb.rows import read_file

GOOD = """
[[guard]]
package = "numpy"
breaks = ">=2"
pin = "<2"
subject = "torch"
versions = "<2.3"
name = "numpy2"
scope = "run"
what = "it fails"
source = "here"
checked = 2026-11-21
kind = "documented"

[sources]
here = "https://example.org"
"""


def read(path: Path, text: str) -> PackageFile:
    path.write_text(text, encoding="utf-8")
    return read_file(path, PackageFile)


def test_a_good_file(tmp_path: Path) -> None:
    (guard,) = read(tmp_path / "packages.toml", GOOD).guard
    assert guard.source == "https://example.org"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('source = "here"\n', "", "missing required field `source`"),
        ("checked = 2026-11-21\n", "", "missing required field `checked`"),
        ('kind = "documented"\n', "", "missing required field `kind`"),
        ('kind = "documented"', 'kind = "rumoured"', "Invalid enum value 'rumoured'"),
        ('source = "here"', 'source = "elsewhere"', "'elsewhere' is not in [sources]"),
        ('scope = "run"', 'scope = "run"\nscpoe = "run"', "unknown field `scpoe`"),
        ('pin = "<2"', "pin = 2", "Expected `str`"),
        ("checked = 2026-11-21", 'checked = "lately"', "Invalid RFC3339"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(KnowledgeError) as caught:
        read(tmp_path / "packages.toml", GOOD.replace(old, new))
    message = str(caught.value)
    assert said in message
    assert "packages.toml" in message
    assert "guard 1 (numpy)" in message


@pytest.mark.parametrize(
    "text", ["= nothing", "[[guard]]\nx = ", "guard = 3\n", "guard = [3]\n", ""]
)
def test_text_that_is_no_knowledge(tmp_path: Path, text: str) -> None:
    with pytest.raises(KnowledgeError, match=r"packages\.toml"):
        read(tmp_path / "packages.toml", text)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "packages.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(KnowledgeError, match=r"packages\.toml"):
        read_file(tmp_path / "packages.toml", PackageFile)


def test_a_missing_file_and_a_directory(tmp_path: Path) -> None:
    (tmp_path / "packages.toml").mkdir()
    for name in ("packages.toml", "gone.toml"):
        with pytest.raises(KnowledgeError, match=name.replace(".", r"\.")):
            read_file(tmp_path / name, PackageFile)


@given(text=st.text(max_size=200))
def test_any_text_gives_rows_or_a_knowledge_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, encoding="utf-8", errors="replace")
    with contextlib.suppress(KnowledgeError):
        assert read_file(path, PackageFile).guard == ()


def test_a_file_in_the_override_takes_the_place_of_the_packaged_one(tmp_path: Path) -> None:
    (tmp_path / "packages.toml").write_text(GOOD, encoding="utf-8")
    kb = load(tmp_path)
    assert [guard.name for guard in kb.packages.guards] == ["numpy2"]
    assert kb.cuda.toolkit("12.4") is not None


def test_the_environment_names_an_override(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "packages.toml").write_text(GOOD, encoding="utf-8")
    monkeypatch.setenv("ENVCHECK_KB", str(tmp_path))
    assert [guard.name for guard in load().packages.guards] == ["numpy2"]


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    kb = Knowledge((tmp_path,))
    with pytest.raises(KnowledgeError, match=r"cuda\.toml"):
        _ = kb.cuda


def test_a_chip_nobody_described_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pci.toml").write_text(
        'device = [{ chip = "XX100", ids = ["2330"], source = "here", checked = 2026-11-21,'
        ' kind = "inferred" }]\n[sources]\nhere = "x"\n',
        encoding="utf-8",
    )
    with pytest.raises(KnowledgeError, match="unknown chip XX100"):
        load(tmp_path).gpu_by_pci_id("2330")
