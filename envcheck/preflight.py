"""`preflight`: doctor with a policy, which is a fact of the Snapshot like any other."""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from envcheck.doctor import examine
from envcheck.errors import UsageError
from envcheck.facts import Policy
from envcheck.policy.file import OWN, SHARED, TABLE, find
from envcheck.policy.read import read_policy
from envcheck.report import Report
from envcheck.rules import codes_of

OWN_CHECKS = "POL"


def preflight(
    *,
    policy: str | None = None,
    require: Sequence[str] = (),
    select: Sequence[str] = (),
    **options: Any,
) -> Report:
    """The report on a machine that has something to meet; `options` are those of `examine`.

    Args:
        policy: a policy file; None looks for one from the current folder upwards.
        require: requirements beside those of the file.
        select: only these checks, beside those of the policy itself.

    Raises:
        UsageError: there is no policy, or one that cannot be used; and as `examine`.
    """
    select = [*select, OWN_CHECKS] if select else select
    return examine(policy=asked_of(policy, require), select=select, **options)


def asked_of(policy: str | None, require: Sequence[str]) -> Policy:
    """What is asked of the machine, by a file and by expressions, today.

    Raises:
        UsageError: there is no policy, or one that cannot be used.
    """
    file = policy if policy is not None else _found()
    if file is None and not require:
        raise UsageError(
            f"no policy: there is no {OWN}, and no {SHARED} with [{'.'.join(TABLE)}], in this"
            " folder or above; write one, name one with --policy, or ask with --require"
        )
    today = datetime.datetime.now(datetime.timezone.utc).date()
    return read_policy(file, require, codes_of=codes_of, today=today)


def _found() -> str | None:
    try:
        return find(str(Path.cwd()))
    except OSError:  # the current folder was removed
        return None
