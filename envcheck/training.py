"""`models check-config`: a configuration and this machine become a Snapshot that the rules judge.

Must not know how a report is printed.
"""

from collections.abc import Sequence

import msgspec

from envcheck.finding import ERROR, Severity
from envcheck.judge import judge, needed_facts
from envcheck.kb import load
from envcheck.report import Report
from envcheck.rules import choose

SUBJECT = "training"
TIMEOUT = 10.0  # seconds for what is asked of the machine


def check_config(
    file: str,
    *,
    folder: str | None = None,
    repo: str | None = None,
    overrides: Sequence[str] = (),
    fail_on: Severity = ERROR,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> Report:
    """The report on a training before it begins.

    Args: as `probes.training.read_training` has them.

    Raises:
        UsageError: no configuration, no checkout, no such check.
    """
    from envcheck.probes.host import Host
    from envcheck.probes.take import take_snapshot
    from envcheck.probes.training import read_training

    rules = choose(select, ignore, subject=SUBJECT)
    training = read_training(Host(), file, folder=folder, repo=repo, overrides=overrides)
    kb = load()
    facts = tuple(name for name in needed_facts(rules) if name != SUBJECT)
    snapshot, durations = take_snapshot(
        python=None, facts=facts, purpose="run", timeout=TIMEOUT, kb=kb
    )
    snapshot = msgspec.structs.replace(snapshot, training=training)
    return judge(snapshot, kb, rules, fail_on=fail_on, durations=durations)
