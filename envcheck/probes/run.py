"""Runs probes side by side, each with its own time limit. Must not know what they read."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from envcheck.facts import failed

Read = Callable[..., Any]


class Probe(msgspec.Struct, frozen=True):
    """One reader: `read(host, *results of needs)` gives a fact or `Missing`."""

    name: str
    read: Read
    needs: tuple[str, ...] = ()
    limit: float = 5.0  # seconds


def run_probes(
    probes: Mapping[str, Probe], wanted: Iterable[str], host: Any, timeout: float
) -> tuple[dict[str, Any], dict[str, float]]:
    """The results by name, and the seconds each took.

    A probe that raises gives `Missing(FAILED)`; one past its limit, or past `timeout` for the
    whole, is left behind in its daemon thread and gives the same: nothing can hang the caller.
    """
    needed = _closure(probes, wanted)
    results: dict[str, Any] = {}
    durations: dict[str, float] = {}
    started: dict[str, float] = {}
    answers: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    end = time.monotonic() + timeout

    def work(probe: Probe) -> None:
        try:
            given = [results[name] for name in probe.needs]
            answers.put((probe.name, probe.read(host, *given)))
        except Exception as error:  # a defect in one probe must not take the others down
            answers.put((probe.name, failed(f"{type(error).__name__}: {error}"[:300])))

    def settle(name: str, answer: Any) -> None:
        results[name] = answer
        durations[name] = time.monotonic() - started[name]

    while len(results) < len(needed):
        for name in needed:
            probe = probes[name]
            if name not in started and all(need in results for need in probe.needs):
                started[name] = time.monotonic()
                threading.Thread(target=work, args=(probe,), name=name, daemon=True).start()
        waiting = [name for name in started if name not in results]
        soonest = min(min(end, started[name] + probes[name].limit) for name in waiting)
        try:
            name, answer = answers.get(timeout=max(0.0, soonest - time.monotonic()))
            if name not in results:
                settle(name, answer)
        except queue.Empty:
            now = time.monotonic()
            for name in waiting:
                if now >= min(end, started[name] + probes[name].limit):
                    settle(name, failed(f"no answer within {now - started[name]:.1f} s"))
    return results, durations


def _closure(probes: Mapping[str, Probe], wanted: Iterable[str]) -> list[str]:
    order: list[str] = []

    def visit(name: str) -> None:
        for need in probes[name].needs:
            visit(need)
        if name not in order:
            order.append(name)

    for name in wanted:
        if name in probes:
            visit(name)
    return order
