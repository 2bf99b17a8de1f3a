"""`detectron2`: one package and what it stands on become a Snapshot, and the rules judge it.

Must not know how a report is printed.
"""

from collections.abc import Sequence

import msgspec

from envcheck.doctor import read_snapshot
from envcheck.errors import UsageError
from envcheck.facts import (
    Extension,
    Extensions,
    Missing,
    Purpose,
    Snapshot,
    Trials,
    Why,
    absent,
    failed,
    or_none,
)
from envcheck.finding import ERROR, Severity
from envcheck.judge import judge, needed_facts
from envcheck.kb import Knowledge, load
from envcheck.report import Report
from envcheck.rules import choose
from envcheck.rules.base import Rule
from envcheck.smoke.run import Progress

PACKAGE = "detectron2"
BESIDE = ("torchvision",)  # other packages with compiled files that it cannot do without
# What the table shows, beside what the rules ask for.
BACKGROUND = (
    "host", "environment", "driver", "gpus", "cuda", "python", "torch", "extensions",
)  # fmt: skip
LINKED = "EXT001"  # while this is not known, nothing is known to work


def examine(
    *,
    python: str | None = None,
    purpose: Purpose = "run",
    sysroot: str | None = None,
    snapshot: str | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    fail_on: Severity = ERROR,
    timeout: float = 10.0,
) -> Report:
    """The report on the detectron2 of this machine, another root or a saved snapshot.

    Raises:
        UsageError: unknown code, no such directory, or not a snapshot.
    """
    rules, kb = _decisive(choose(select, ignore)), load()
    if snapshot is not None:
        if python or sysroot:
            raise UsageError("--snapshot judges a file: leave out --python and --sysroot")
        taken = msgspec.structs.replace(read_snapshot(snapshot), purpose=purpose)
        return judge(_about(taken), kb, rules, fail_on=fail_on)
    taken, durations = _take(rules, kb, python, sysroot, purpose, timeout)
    return judge(taken, kb, rules, fail_on=fail_on, durations=durations)


def examine_and_run(
    *,
    python: str | None,
    device: str,
    purpose: Purpose,
    run_timeout: float,
    progress: Progress,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    fail_on: Severity = ERROR,
    timeout: float = 10.0,
) -> Report:
    """As `examine` of this machine, with proofs that were run.

    Raises:
        UsageError: unknown code or device.
    """
    from envcheck.smoke.detectron2 import prove_detectron2
    from envcheck.smoke.prover import check_device

    device = check_device(device)
    rules = choose(select, ignore)
    if not select:
        rules = (*rules, *choose((), ignore, subject="smoke"))
    rules, kb = _decisive(rules), load()
    taken, durations = _take(rules, kb, python, None, purpose, timeout)
    executable = None if isinstance(taken.python, Missing) else or_none(taken.python.executable)
    trials: Trials | Missing = failed("no interpreter to prove")
    if executable:
        limits = kb.smoke.results()
        trials = prove_detectron2(executable, device, limits, run_timeout, progress)
        seconds = sum(t.seconds for t in trials.trials if not isinstance(t, Missing))
        durations = {**durations, "proofs": seconds}
        durations["total"] = durations.get("total", 0.0) + seconds
    proved = msgspec.structs.replace(taken, trials=trials)
    return judge(proved, kb, rules, fail_on=fail_on, durations=durations)


def _take(
    rules: tuple[Rule, ...],
    kb: Knowledge,
    python: str | None,
    sysroot: str | None,
    purpose: Purpose,
    timeout: float,
) -> tuple[Snapshot, dict[str, float]]:
    from envcheck.probes.take import take_snapshot

    facts = dict.fromkeys((*BACKGROUND, *needed_facts(rules)))
    facts.pop("trials", None)
    taken, durations = take_snapshot(
        root=sysroot or "/",
        python=python,
        facts=tuple(facts),
        purpose=purpose,
        timeout=timeout,
        kb=kb,
    )
    return _about(taken), durations


def _decisive(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """The rules, with what makes out this package's verdict marked as such."""
    return tuple(
        msgspec.structs.replace(rule, decisive=True) if rule.code == LINKED else rule
        for rule in rules
    )


def _about(snapshot: Snapshot) -> Snapshot:
    """The snapshot with no other compiled packages than these; detectron2 is there or missed."""
    found = snapshot.extensions
    packages = found if isinstance(found, Missing) else found.packages
    if isinstance(packages, Missing):
        if packages.why is not Why.ABSENT:  # absent: there is not even torch
            return snapshot
        packages = ()
    if isinstance(found, Missing):
        found = Extensions()
    names = (PACKAGE, *BESIDE)
    kept = tuple(each for each in packages if getattr(each, "name", "") in names)
    if not any(getattr(each, "name", "") == PACKAGE for each in kept):
        gone = absent("not installed")
        kept = (Extension(name=PACKAGE, version=gone, files=gone), *kept)
    return msgspec.structs.replace(
        snapshot, extensions=msgspec.structs.replace(found, packages=kept)
    )
