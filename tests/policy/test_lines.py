"""Every key and element of a TOML text is found in its line."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from envcheck.policy.lines import Keys, lines_of
from tests.make_docs import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ODD = '''# a comment with "quotes" and [brackets]
a.b = 1
"quoted key" = """two
lines \\" """ # ]
'single.dotted'.x = \'\'\'three

lines\'\'\'
list = [ # [
  "one", 'two', # "three",
  ["nested", {deep = "#"}],

  "last"]
inline = {x = 1, y = [2,
  3], "z z" = {w = "}"}}
[ table . "with dots" ]
k = 2020-01-01
[[many]]
k = 1
[many.below]
k = 2
[[many]]
[[many.inner]]
k = 3
[[many.inner]]
k = "]"
'''
LINES: dict[Keys, int] = {
    ("a", "b"): 2,
    ("quoted key",): 3,
    ("single.dotted", "x"): 5,
    ("list", 1): 9,
    ("list", 2, 0): 10,
    ("list", 2, 1, "deep"): 10,
    ("list", 3): 12,
    ("inline", "y", 1): 14,
    ("inline", "z z", "w"): 14,
    ("table", "with dots"): 15,
    ("table", "with dots", "k"): 16,
    ("many", 0, "k"): 18,
    ("many", 0, "below", "k"): 20,
    ("many", 1): 21,
    ("many", 1, "inner", 1): 24,
    ("many", 1, "inner", 1, "k"): 25,
}


def paths(value: Any, path: Keys = ()) -> Iterator[Keys]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, below in inner:
        yield (*path, key)
        if isinstance(below, (dict, list)):
            yield from paths(below, (*path, key))


def test_odd_spellings() -> None:
    found = lines_of(ODD)
    assert {path: found.get(path) for path in LINES} == LINES
    assert set(paths(tomllib.loads(ODD))) <= set(found)


@pytest.mark.parametrize("name", ["pyproject.toml", "envcheck/kb/data/gpus.toml"])
def test_real_files(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    found, lines = lines_of(text), text.split("\n")
    for path in paths(tomllib.loads(text)):
        assert isinstance(path[-1], int) or path[-1] in lines[found[path] - 1], path
