"""`smoke`: proofs run in the patient's Python become a Snapshot, and the rules judge it.

Must not know how a report is printed.
"""

from collections.abc import Callable, Sequence

import msgspec

from envcheck.facts import Missing, Snapshot, Trials, failed, or_none
from envcheck.finding import ERROR, Severity
from envcheck.judge import judge, needed_facts
from envcheck.kb import Knowledge, load
from envcheck.report import Report
from envcheck.rules import choose
from envcheck.smoke.jobs import (
    Wish,
    count_architectures,
    prove_slowfast,
    prove_torch,
)
from envcheck.smoke.prover import check_device
from envcheck.smoke.pyslowfast import Checkout, prove_pyslowfast
from envcheck.smoke.run import Progress
from envcheck.video.catalogue import architecture, architectures

# Read for the summary and for remedies, beside what the rules ask for.
BACKGROUND = ("host", "environment", "container", "driver", "gpus", "python", "torch")
PROBE_LIMIT = 10.0  # seconds, before the proofs begin

Prove = Callable[[str, Knowledge], Trials]
ProveHere = Callable[[Snapshot, Knowledge], Trials | Missing]


def check_torch(
    *,
    python: str | None,
    device: str,
    timeout: float,
    progress: Progress,
    fail_on: Severity = ERROR,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> Report:
    """The report on torch's operators, on the CPU and every GPU asked for.

    Raises:
        UsageError: no such device or check.
    """
    device = check_device(device)

    def prove(executable: str, kb: Knowledge) -> Trials:
        return prove_torch(executable, device, kb.smoke.results(), timeout, progress)

    return _report(python, prove, fail_on, select, ignore)


def check_slowfast(
    *,
    python: str | None,
    device: str,
    wish: Wish,
    timeout: float,
    progress: Progress,
    fail_on: Severity = ERROR,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> Report:
    """The report on one video model, on every GPU asked for or on the CPU.

    Raises:
        UsageError: no such device or check.
    """
    device = check_device(device)

    def prove(executable: str, kb: Knowledge) -> Trials:
        limits = kb.smoke.results()
        video_limit = kb.smoke.limits["video"]
        return prove_slowfast(executable, device, wish, limits, video_limit, timeout, progress)

    return _report(python, prove, fail_on, select, ignore)


def check_pyslowfast(
    checkout: Checkout,
    *,
    python: str | None,
    device: str,
    timeout: float,
    progress: Progress,
    fail_on: Severity = ERROR,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> Report:
    """The report on a PySlowFast checkout: its imports, one model built and run.

    Raises:
        UsageError: no such device or check.
    """
    device = check_device(device)

    def prove(executable: str, kb: Knowledge) -> Trials:
        return prove_pyslowfast(executable, device, checkout, timeout, progress)

    return _report(python, prove, fail_on, select, ignore)


def check_architectures(
    names: Sequence[str],
    *,
    python: str | None,
    timeout: float,
    progress: Progress,
    fail_on: Severity = ERROR,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> Report:
    """The report on the exact counts of these architectures, of all when none is named.

    Raises:
        UsageError: no such architecture or check.
    """
    rows = tuple(map(architecture, dict.fromkeys(names))) or tuple(architectures().values())

    def prove(executable: str, kb: Knowledge) -> Trials:
        return count_architectures(executable, rows, timeout, progress)

    return _report(python, prove, fail_on, select, ignore)


def _report(
    python: str | None,
    prove: Prove,
    fail_on: Severity,
    select: Sequence[str],
    ignore: Sequence[str],
) -> Report:
    """The report on proofs that run in the patient's Python."""

    def prove_here(snapshot: Snapshot, kb: Knowledge) -> Trials | Missing:
        return _trials(snapshot, prove, kb)

    return report_on(python, prove_here, BACKGROUND, fail_on, select, ignore)


def report_on(
    python: str | None,
    prove: ProveHere,
    background: tuple[str, ...],
    fail_on: Severity,
    select: Sequence[str],
    ignore: Sequence[str],
) -> Report:
    """The machine as far as `background` and the rules ask for it, proved, and judged.

    Raises:
        UsageError: no such check or interpreter.
    """
    from envcheck.probes.take import take_snapshot

    rules = choose(select, ignore, subject="smoke")
    kb = load()
    facts = dict.fromkeys((*background, *needed_facts(rules)))
    facts.pop("trials", None)
    snapshot, durations = take_snapshot(
        python=python, facts=tuple(facts), purpose="run", timeout=PROBE_LIMIT, kb=kb
    )
    trials = prove(snapshot, kb)
    if isinstance(trials, Trials):
        seconds = sum(trial.seconds for trial in trials.trials if not isinstance(trial, Missing))
        durations = {**durations, "proofs": seconds}
        durations["total"] = durations.get("total", 0.0) + seconds
    return judge(
        msgspec.structs.replace(snapshot, trials=trials),
        kb,
        rules,
        fail_on=fail_on,
        durations=durations,
    )


def _trials(snapshot: Snapshot, prove: Prove, kb: Knowledge) -> Trials | Missing:
    if isinstance(snapshot.python, Missing):
        return failed(f"no interpreter to prove: {snapshot.python.detail}")
    executable = or_none(snapshot.python.executable)
    if executable is None:
        return failed("the interpreter's path is not known")
    return prove(executable, kb)
