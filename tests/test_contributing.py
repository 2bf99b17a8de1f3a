"""What docs/contributing.md shows works: its check is a check, its tests hold, its files exist."""

import re
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from envcheck import rules
from envcheck.pages import LABELS, sections
from envcheck.rules.base import Rule

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/contributing.md").read_text(encoding="utf-8")


def blocks() -> list[str]:
    found = re.findall(r"^ *```python\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for block in found]


def run(source: str, name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(source, "docs/contributing.md", "exec"), vars(module))
    return module


def test_the_example_is_a_check_and_its_tests_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    source, tests = blocks()
    (made,) = [
        value
        for value in vars(run(source, "example_rule", monkeypatch)).values()
        if isinstance(value, Rule)
    ]
    assert [label for label, _ in sections(made)] == list(LABELS) and made.links
    assert made.code not in {rule.code for rule in rules.RULES}
    monkeypatch.setattr(rules, "RULES", (*rules.RULES, made))  # as a file in the folder is found
    written = [
        value
        for name, value in vars(run(tests, "example_tests", monkeypatch)).items()
        if name.startswith("test_")
    ]
    assert len(written) == 2
    for test in written:
        test()


def test_the_files_that_are_named_exist() -> None:
    named = set(re.findall(r"`((?:envcheck|tests|ansible|benchmarks)/[\w./-]+)`", PAGE))
    assert len(named) > 10
    missing = {name for name in named if not (ROOT / name).exists()}
    assert missing <= {"envcheck/kb/data/builds/2.15.0.toml"}


def test_the_targets_that_are_named_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"\bmake ([a-z-]+)\b(?=`|\n)", PAGE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
