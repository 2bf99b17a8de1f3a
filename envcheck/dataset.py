"""`dataset`: a data set on disk becomes a Snapshot, and the rules judge it.

Must not know how a report is printed.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone

from envcheck import __version__
from envcheck.facts import Snapshot
from envcheck.finding import ERROR, Severity
from envcheck.judge import judge
from envcheck.kb import load
from envcheck.report import Report
from envcheck.rules import choose
from envcheck.video.ava import read_ava
from envcheck.video.ava_text import Tell, quiet


def check_ava(
    root: str,
    settings: Mapping[str, str],
    *,
    frames: bool = True,
    tell: Tell = quiet,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    fail_on: Severity = ERROR,
) -> Report:
    """The report on an AVA data set, as PySlowFast would read it.

    Args:
        settings: configuration keys and values, in the place of the defaults.
        frames: whether the frames on disk are compared with the lists.

    Raises:
        UsageError: not a folder, an unknown setting or check.
    """
    rules = choose(select, ignore, subject="dataset")
    begun = time.monotonic()
    dataset = read_ava(root, settings, frames=frames, tell=tell)
    snapshot = Snapshot(
        tool=f"envcheck {__version__}",
        taken=datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z"),
        dataset=dataset,
    )
    seconds = time.monotonic() - begun
    durations = {"dataset": seconds, "total": seconds}
    return judge(snapshot, load(), rules, fail_on=fail_on, durations=durations)
