"""`fix`: a machine is judged, its remedies planned, the safe ones run, and it is judged again."""

from collections.abc import Callable
from typing import Any

from envcheck.doctor import examine
from envcheck.errors import UsageError
from envcheck.fix.paper import plan
from envcheck.fix.run import hand_over, keep, playbook_command, run_steps
from envcheck.fix.undo import undo
from envcheck.kb import load
from envcheck.mending import Done, Outline, Ran
from envcheck.rules import choose, codes_of

PLAYBOOK = "provision.yml"


def outline(codes: tuple[str, ...], wish: dict[str, Any], playbook: str | None) -> Outline:
    """The plan for this machine, or for a saved one.

    Args:
        codes: of findings, names or prefixes; none: all.
        wish: what `examine` takes.

    Raises:
        UsageError: unknown code, or what `examine` raises.
    """
    wanted = tuple(code for word in codes for code in codes_of(word))
    report = examine(**wish)
    found = plan(report.snapshot, load(), choose([], []), wanted)
    return Outline(
        report=report, plan=found, ansible=playbook_command(found.steps, playbook or PLAYBOOK)
    )


def mend(
    codes: tuple[str, ...],
    wish: dict[str, Any],
    playbook: str | None,
    tell: Callable[[str], None],
) -> Done:
    """Runs the safe steps here, and the playbook where one is given.

    Raises:
        UsageError: as `outline`; a saved machine; the state before cannot be kept.
    """
    if wish.get("snapshot") or wish.get("report"):
        raise UsageError("--yes mends this machine: leave out --snapshot and --report")
    planned = outline(codes, wish, playbook)
    steps = planned.plan.steps
    runs = any(step.how == "run" for step in steps)
    hands = playbook is not None and planned.ansible is not None
    if not runs and not hands:
        return Done(
            plan=planned.plan, ran=(), interrupted=False, report=planned.report, undo=(), before=""
        )
    kept = keep(planned.report.snapshot)
    ran, interrupted = run_steps(steps, tell)
    failed = any(one.code for one in ran)
    if hands and playbook is not None and not failed:
        code = hand_over(steps, playbook, tell)
        ran = (*ran, Ran(planned.ansible or "", code, 0.0))
    after = examine(**wish)
    return Done(
        plan=planned.plan,
        ran=ran,
        interrupted=interrupted,
        report=after,
        undo=undo(planned.report.snapshot.python, after.snapshot.python, load()),
        before=kept,
    )
