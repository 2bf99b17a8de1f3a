"""Every rule: a code of its own, documented, silent on a healthy machine, tested both ways."""

import re
from pathlib import Path

import pytest

from envcheck.pages import LABELS, sections
from envcheck.rules import RULES, choose, find
from envcheck.rules.base import Rule
from tests.rules.machine import healthy, report

TESTS = "".join(
    path.read_text(encoding="utf-8")
    for path in Path(__file__).parent.joinpath("rules").glob("*.py")
)


def test_codes_and_names_are_unique() -> None:
    assert len({rule.code for rule in RULES}) == len(RULES) == len({rule.name for rule in RULES})


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_is_documented(rule: Rule) -> None:
    assert re.fullmatch(r"[A-Z]{3}\d{3}", rule.code)
    assert [label for label, _ in sections(rule)] == list(LABELS)
    assert len(rule.title) <= 100 and rule.title.endswith(".")
    assert rule.links


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_has_a_firing_and_a_silent_test(rule: Rule) -> None:
    assert re.search(rf'fires\(\s*"{rule.name}"', TESTS), "no test in which it fires"
    assert re.search(rf'(passes|not_applicable)\(\s*"{rule.name}"', TESTS), "no near miss"


def test_a_healthy_machine_is_fit_and_silent() -> None:
    result = report(healthy())
    assert [f.name for f in result.findings] == []
    assert not result.crashed and not result.skipped
    assert (result.verdict, result.exit_code) == ("fit", 0)


def test_rules_are_chosen_by_code_prefix_and_name() -> None:
    assert {rule.code[:3] for rule in choose(["DRV"], [])} == {"DRV"}
    assert [rule.name for rule in choose(["driver_too_old"], [])] == ["driver_too_old"]
    left = choose([], ["driver_too_old"])
    assert len(left) == len(choose([], [])) - 1
    assert find("drv002").name == "driver_too_old"
