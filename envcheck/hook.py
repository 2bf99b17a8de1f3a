"""Several plans judged for one host, as a commit hook wants them: the same on every machine.

Must not know how a report is printed.
"""

from collections.abc import Iterator, Sequence

import msgspec

from envcheck.against import host, platform_of, python_of
from envcheck.doctor import read_snapshot
from envcheck.facts import Snapshot, merge
from envcheck.finding import ERROR, Severity
from envcheck.judge import judge
from envcheck.kb import load
from envcheck.plans import NothingInstalled, read_plan
from envcheck.report import Report
from envcheck.rules import choose


def judge_plans(
    files: Sequence[str],
    *,
    gpu: Sequence[str] = (),
    driver: str | None = None,
    snapshot: str | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    fail_on: Severity = ERROR,
) -> Iterator[tuple[str, Report]]:
    """Each plan that installs something, and its report.

    Where nothing is said of the host, nothing is known of it: this machine is not looked at, since
    a commit that is right on one would be wrong on another.

    Raises:
        UsageError: an unreadable plan, no such GPU, driver, snapshot or code.
    """
    kb = load()
    rules = choose(select, ignore)
    if not select:
        rules = (*rules, *choose([], ignore, subject="plan"))
    there = Snapshot(origin="flags")
    if gpu or driver or snapshot is not None:
        saved = None if snapshot is None else read_snapshot(snapshot)
        there = host(kb, gpu=gpu, driver=driver, snapshot=saved)
    python, base = python_of(there)
    for file in files:
        try:
            planned = read_plan(file, kb, platform=platform_of(base), python=python)
        except NothingInstalled:
            continue
        taken = msgspec.structs.replace(merge(base, planned), origin=planned.origin)
        yield file, judge(taken, kb, rules, fail_on=fail_on, durations={})
