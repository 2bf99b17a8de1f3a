"""One policy file: what it says with its lines, what is said of a mistake, where it is found."""

import datetime
import os
from pathlib import Path

import pytest

from envcheck.policy.errors import PolicyError
from envcheck.policy.file import LIMIT, find
from tests.policy.files import places, policy, read, written

GOOD = """#:schema https://example.org/policy.json
require = [
  "gpu.count >= 8",
  # a comment
  {expr = "torch == 2.4.*", severity = "warning", reason = "the paper's"},
]
[severity]
DRV002 = "note"
[[ignore]]
code = "GPU003"
subject = "GPU 3"
reason = "being replaced"
until = 2026-12-31
"""


def test_everything_has_its_line(tmp_path: Path) -> None:
    found = policy(GOOD, tmp_path)
    assert [places(one.where).pop() for one in found.requirements] == ["own.toml:3", "own.toml:5"]
    assert (found.requirements[1].severity, found.requirements[1].reason) == (
        "warning",
        "the paper's",
    )
    assert found.severity("DRV002") == "note" and places(found.severities[0].where) == {
        "own.toml:8"
    }
    ignore = found.ignore("GPU003", "GPU 3")
    assert ignore is not None and ignore.until == datetime.date(2026, 12, 31)
    assert places(ignore.where) == {"own.toml:9"}
    assert found.ignore("GPU003", "GPU 2") is None and found.ignore("GPU004", "GPU 3") is None


def test_an_ignore_counts_up_to_its_day(tmp_path: Path) -> None:
    text = '[[ignore]]\ncode = "GPU"\nreason = "x"\nuntil = {}\n'
    assert policy(text.format("2026-11-21"), tmp_path).ignore("GPU003", "") is not None
    assert policy(text.format("2026-11-20"), tmp_path).ignore("GPU003", "") is None


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("require = [\n 'gpu.count >= 8',\n 'gpu.cuont >= 8',\n]", 3, "did you mean gpu.count"),
        ("x = 1\nrequires = []", 1, "no key is called 'x'"),
        ("\nrequires = []", 2, "did you mean require?"),
        ("require = [\n\n{expr = 'torch', sevrity = 'note'}]", 3, "did you mean severity?"),
        ("require = [{severity = 'note'}]", 1, "expr is missing"),
        ("require = 'torch'", 1, "require must be a list of requirements"),
        ("require = [\n'torch',\n3]", 3, "require must be"),
        ("require = [\n'torch',\n'']", 3, "require must be"),
        ("[severity]\nDRV002 = 'note'\nDRV001 = 'fatal'", 3, "must be error, warning or note"),
        ("[severity]\nDRV0022 = 'note'", 2, "did you mean DRV002"),
        ("[severity]\ndriver_to_old = 'note'", 2, "did you mean driver_too_old"),
        ("[severity]\n'' = 'note'", 2, "no check is called ''"),
        ("severity = 'note'", 1, "severity must be"),
        ("[[ignore]]\ncode = 'GPU'\nreason = 'x'", 1, "until is missing"),
        ("[[ignore]]\ncode = 'GPU'\nuntil = 2027-01-01\nreason = ' '", 4, "reason must be"),
        ("[[ignore]]\ncode = 'GPX'\nuntil = 2027-01-01\nreason = 'x'", 1, "no check is called"),
        ("[[ignore]]\ncode = 'GPU'\nuntil = 'soon'\nreason = 'x'", 3, "until must be the last day"),
        ("[[ignore]]\ncode = 'GPU'\nuntil = 07:32:00\nreason = 'x'", 3, "until must be"),
        ("[ignore]\ncode = 'GPU'", 1, "each below [[ignore]]"),
        ("extends = 3", 1, "extends must be a file"),
        ("extends = ['a',\n3]", 2, "extends must be a file"),
        ("a = 1\na = 2", 2, "overwrite"),
        ("a = \n", 1, "Invalid value"),
    ],
)  # fmt: skip
def test_mistake(text: str, line: int, said: str, tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as error:
        policy(text, tmp_path)
    assert f"own.toml:{line}: " in str(error.value), error.value
    assert said in str(error.value)


def test_a_date_in_quotes_is_a_date(tmp_path: Path) -> None:
    text = "[[ignore]]\ncode = 'GPU'\nreason = 'x'\nuntil = '2027-01-31'"
    assert policy(text, tmp_path).ignores[0].until == datetime.date(2027, 1, 31)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"#" * (LIMIT + 1), "larger than 1 MiB"),
        (b"x = " + b"[" * 100_000, ""),
        (b"x = " + b"9" * 5000, ""),
        (b"\x00", "own.toml:1: "),
    ],
)
def test_no_policy_at_all(content: bytes, said: str, tmp_path: Path) -> None:
    tmp_path.joinpath("own.toml").write_bytes(content)
    with pytest.raises(PolicyError) as error:
        read(tmp_path)
    assert "own.toml" in str(error.value) and said in str(error.value)


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "own.toml")  # opening it would wait for ever
    with pytest.raises(PolicyError, match="not a regular file"):
        read(tmp_path)
    with pytest.raises(PolicyError, match="No such file"):
        read(tmp_path, "other")
    tmp_path.joinpath("folder.toml").mkdir()
    with pytest.raises(PolicyError, match="directory"):
        read(tmp_path, "folder")
    with pytest.raises(PolicyError, match=r"own2.toml:1: .*null"):
        written(tmp_path, own2='extends = "\\u0000"')
        read(tmp_path, "own2")


def test_windows_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbf# x\r\nrequire = [\r\n  'torch',\r\n]\r\n"
    tmp_path.joinpath("own.toml").write_bytes(text)
    assert places(read(tmp_path).requirements[0].where) == {"own.toml:3"}


def test_pyproject(tmp_path: Path) -> None:
    text = '[project]\nname = "x"\n[tool.envcheck]\nrequire = ["torch"]\n'
    written(tmp_path, pyproject=text)
    found = read(tmp_path, "pyproject")
    assert places(found.requirements[0].where) == {"pyproject.toml:4"}
    written(tmp_path, pyproject='[project]\nname = "x"\n')
    with pytest.raises(PolicyError, match="has no table"):
        read(tmp_path, "pyproject")
    written(tmp_path, pyproject="[tool]\nenvcheck = 3\n")
    with pytest.raises(PolicyError, match=r"pyproject.toml:2: this must be a table"):
        read(tmp_path, "pyproject")


def test_the_nearest_above_is_found(tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    written(tmp_path, envcheck="require = []")
    assert find(str(below)) == str(tmp_path / "envcheck.toml")
    written(tmp_path / "a", pyproject="[tool.other]\nx = 1\n")
    assert find(str(below)) == str(tmp_path / "envcheck.toml")
    written(tmp_path / "a", pyproject="[tool.envcheck]\nrequire = []\n")
    assert find(str(below)) == str(tmp_path / "a" / "pyproject.toml")
    below.joinpath("envcheck.toml").mkdir()  # of the name, but no file
    assert find(str(below)) == str(tmp_path / "a" / "pyproject.toml")


def test_two_in_one_folder_are_refused(tmp_path: Path) -> None:
    written(tmp_path, envcheck="", pyproject="[tool.envcheck]\n")
    with pytest.raises(PolicyError, match="are both a policy"):
        find(str(tmp_path))


def test_a_broken_pyproject_of_no_concern(tmp_path: Path) -> None:
    written(tmp_path, pyproject="[project\n")
    written(tmp_path, envcheck="")
    assert find(str(tmp_path)) == str(tmp_path / "envcheck.toml")
    written(tmp_path, pyproject="[tool.envcheck\n")
    with pytest.raises(PolicyError, match=r"pyproject.toml:1: "):
        find(str(tmp_path))
