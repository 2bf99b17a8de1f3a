"""Probes side by side: one that breaks or hangs takes no other down."""

import threading
from typing import Any

from envcheck.facts import Missing, Why, failed
from envcheck.probes.run import Probe, run_probes


def table(*probes: Probe) -> dict[str, Probe]:
    return {probe.name: probe for probe in probes}


def test_results_go_to_the_probes_that_need_them() -> None:
    probes = table(
        Probe("a", lambda host: host + 1),
        Probe("b", lambda host, a: (host, a), ("a",)),
        Probe("c", lambda host: "not asked for"),
    )
    results, durations = run_probes(probes, ["b"], 1, timeout=30)
    assert results == {"a": 2, "b": (1, 2)}
    assert durations.keys() == {"a", "b"}


def test_a_probe_that_raises_is_failed_and_others_go_on() -> None:
    def broken(host: Any) -> Any:
        raise ZeroDivisionError("oh")

    probes = table(
        Probe("broken", broken),
        Probe("fine", lambda host: "fine"),
        Probe("after", lambda host, broken: broken, ("broken",)),
    )
    results, _ = run_probes(probes, probes, None, timeout=30)
    assert results["fine"] == "fine"
    assert results["broken"] == failed("ZeroDivisionError: oh")
    assert results["after"] == results["broken"]


def test_a_probe_that_hangs_is_failed_and_others_go_on() -> None:
    release = threading.Event()
    probes = table(
        Probe("hangs", lambda host: release.wait(600), limit=0.05),
        Probe("fine", lambda host: "fine"),
        Probe("after", lambda host, hangs: hangs, ("hangs",)),
    )
    results, durations = run_probes(probes, probes, None, timeout=30)
    release.set()
    assert isinstance(results["hangs"], Missing)
    assert results["hangs"].why is Why.FAILED
    assert "no answer within" in results["hangs"].detail
    assert results["fine"] == "fine"
    assert results["after"] == results["hangs"]
    assert durations["hangs"] >= 0.05


def test_the_limit_of_the_whole_ends_every_probe() -> None:
    release = threading.Event()
    probes = table(
        Probe("slow", lambda host: release.wait(600), limit=600),
        Probe("after", lambda host, slow: release.wait(600), ("slow",), limit=600),
    )
    results, _ = run_probes(probes, probes, None, timeout=0.05)
    release.set()
    assert {result.why for result in results.values()} == {Why.FAILED}


def test_a_late_answer_does_not_replace_the_time_limit() -> None:
    late = threading.Event()
    answered = threading.Event()

    def slow(host: Any) -> str:
        late.wait(30)
        answered.set()
        return "late"

    def waits(host: Any, slow: Any) -> Any:
        late.set()
        answered.wait(30)
        return slow

    probes = table(Probe("slow", slow, limit=0.05), Probe("waits", waits, ("slow",)))
    results, _ = run_probes(probes, probes, None, timeout=30)
    assert isinstance(results["slow"], Missing)
    assert results["waits"] == results["slow"]
