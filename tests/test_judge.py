"""The judge: skipping, crashing, same findings together, verdict and exit code."""

from collections.abc import Iterator

import pytest

from envcheck.facts import (
    Driver,
    Gpu,
    Gpus,
    Missing,
    Snapshot,
    TorchBuild,
    absent,
    blocked,
    encode,
    failed,
    known,
)
from envcheck.finding import ERROR, NOTE, WARNING, Finding
from envcheck.judge import judge, needed_facts
from envcheck.kb import load
from envcheck.rules import RULES
from envcheck.rules.base import NotApplicable, Rule, rule
from tests.rules.machine import gpu, healthy


@rule("TST001", severity=ERROR, subject="gpu", decisive=True)
def hot(gpu: Gpu) -> Iterator[Finding]:
    """Test rule."""
    if known(gpu.temperature_c) > 90:
        yield Finding(message=f"{gpu.name} is hot")


@rule("TST002", severity=WARNING, subject="driver")
def no_driver(driver: Driver | Missing) -> Iterator[Finding]:
    """Test rule."""
    if isinstance(driver, Missing):
        yield Finding(message="no driver")


@rule("TST003", severity=NOTE, subject="torch")
def raises(torch: TorchBuild) -> Iterator[Finding]:
    """Test rule."""
    yield Finding(message=str(1 / len("")))


@rule("TST004", severity=ERROR, subject="torch")
def never(torch: TorchBuild) -> Iterator[Finding]:
    """Test rule."""
    if torch:
        raise NotApplicable
    yield Finding(message="never")


def run(snapshot: Snapshot, *rules: Rule, fail_on=ERROR):  # type: ignore[no-untyped-def]
    return judge(snapshot, load(), rules, fail_on=fail_on)


def gpus(*temperatures: int | Missing) -> Snapshot:
    return Snapshot(
        gpus=Gpus(devices=tuple(gpu(i, temperature_c=t) for i, t in enumerate(temperatures)))
    )


def test_identical_gpus_share_one_finding() -> None:
    report = run(gpus(95, 95, 40, 95), hot)
    assert [f.subject for f in report.findings] == ["GPU 0-1, 3"]
    assert (report.verdict, report.exit_code) == ("unfit", 1)


def test_a_missing_field_skips_that_subject_only() -> None:
    report = run(gpus(95, absent("no sensor")), hot)
    assert [f.subject for f in report.findings] == ["GPU 0"]
    assert [s.because for s in report.skipped] == ["GPU 1 absent: no sensor"]


def test_a_missing_fact_skips_or_is_given() -> None:
    report = run(Snapshot(torch=absent("none")), no_driver, never)
    assert [f.name for f in report.findings] == ["no_driver"]
    assert [s.name for s in report.skipped] == ["never"]


def test_a_crash_is_reported_and_never_passes() -> None:
    report = run(healthy(), raises, hot)
    assert [c.name for c in report.crashed] == ["raises"]
    assert [p.name for p in report.passed] == ["hot"]


def test_nothing_to_judge_is_not_passed() -> None:
    report = run(healthy(), never)
    assert not report.passed and [n.name for n in report.not_applicable] == ["never"]
    assert run(gpus(), hot).passed == ()


@pytest.mark.parametrize(
    ("temperature", "verdict", "code"),
    [
        (40, "fit", 0),
        (95, "unfit", 1),
        (absent("no sensor"), "unknown", 0),
        (failed("garbage"), "unknown", 3),
        (blocked("not root"), "unknown", 3),
    ],
)
def test_verdict_and_exit_code(temperature: int | Missing, verdict: str, code: int) -> None:
    report = run(gpus(temperature), hot)
    assert (report.verdict, report.exit_code) == (verdict, code)


def test_fail_on_moves_the_line() -> None:
    bare = Snapshot()
    assert run(bare, no_driver).exit_code == 0
    assert run(bare, no_driver, fail_on=WARNING).exit_code == 1


def test_rules_do_not_change_the_snapshot() -> None:
    snapshot = healthy()
    before = encode(snapshot)
    judge(snapshot, load(), RULES)
    assert encode(snapshot) == before


def test_only_needed_facts_are_asked_for() -> None:
    assert needed_facts([hot, no_driver]) == ("driver", "gpus")


def test_a_rule_must_name_its_facts() -> None:
    with pytest.raises(TypeError, match="no fact is called"):

        @rule("TST009", severity=ERROR, subject="x")
        def bad(drivers: Driver) -> Iterator[Finding]:
            """Test rule."""
            yield Finding(message="never")
