"""Checks of what a policy asks for. Pure.

How requirements are compared is imported when there is a policy: doctor never pays for it.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from envcheck.facts import (
    Environment,
    Gpus,
    Missing,
    Policy,
    Requirement,
    Snapshot,
    Unknown,
    Why,
    or_none,
)
from envcheck.finding import ERROR, WARNING, Evidence, Finding, Remedy, Severity, words
from envcheck.kb import Knowledge
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.common import visible
from envcheck.rules.policy_mend import mend

if TYPE_CHECKING:
    from envcheck.policy.meet import Seen

UNMET, NOT_JUDGED, EXPIRED = "POL001", "POL002", "POL003"


@rule(UNMET, severity=ERROR, subject="policy", decisive=True)
def requirement_unmet(
    policy: Policy | Missing, snapshot: Snapshot, kb: Knowledge
) -> Iterator[Finding]:
    """The machine is not what the policy asks for.

    Why: an envcheck.toml, `[tool.envcheck]` in pyproject.toml or `--require` states what a job
    needs. A machine that lacks it fails later, or computes something else.

    Confirm: ask for that one thing again.

        envcheck preflight --select POL --require 'gpu.count >= 1'

    Fix: change the machine as the finding says, or the policy at the line it names.

    Sources: https://peps.python.org/pep-0440/#version-specifiers
    """
    unjudged: Missing | None = None
    for requirement, seen, met in _judged(policy, snapshot):
        if isinstance(met, Missing):
            unjudged = met
        elif not met:
            yield Finding(
                subject=seen.subject or requirement.subject,
                severity=_severity(policy, requirement, UNMET),
                message=_message(requirement, seen.value),
                evidence=(
                    Evidence(seen.what, _said(requirement, seen.value), seen.source),
                    Evidence("policy", requirement.text, requirement.where),
                ),
                remedy=mend(requirement, seen.value, snapshot, kb),
            )
    if unjudged is not None:
        raise Unknown(unjudged)


@rule(NOT_JUDGED, severity=ERROR, subject="policy")
def requirement_not_judged(policy: Policy | Missing, snapshot: Snapshot) -> Iterator[Finding]:
    """Nobody can say whether the machine is what the policy asks for.

    Why: what a policy asks for must be known to be so. A value that could not be read, or that a
    saved snapshot does not hold, is not taken for good.

    Confirm: the report says why the value is missing.

        envcheck preflight --select POL --verbose --require 'gpu.count >= 1'

    Fix: let the value be read (as a user who may, where the driver answers, with more time), or
    take the requirement out of the policy.

    Sources: https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceEnumvs.html
    """
    for requirement, seen, met in _judged(policy, snapshot):
        if isinstance(met, Missing):
            yield Finding(
                subject=seen.subject or requirement.subject,
                severity=_severity(policy, requirement, NOT_JUDGED),
                message=f"Whether {requirement.text} cannot be judged: {met}."
                + _because(requirement),
                evidence=(
                    Evidence(seen.what, words(met), seen.source),
                    Evidence("policy", requirement.text, requirement.where),
                ),
                remedy=_readable(met),
            )


@rule(EXPIRED, severity=WARNING, subject="policy")
def ignore_expired(policy: Policy | Missing) -> Iterator[Finding]:
    """An exception of the policy has expired and no longer counts.

    Why: an `[[ignore]]` holds up to its day, so that a known problem is looked at again. From then
    on its findings are found as ever.

    Confirm: the report now has the finding, when the problem is still there.

        envcheck preflight --verbose

    Fix: mend the problem and take the entry out, or give it a later day and say why.

    Sources: https://docs.astral.sh/ruff/rules/unused-noqa/
    """
    if isinstance(policy, Missing):
        raise NotApplicable
    for ignore in policy.ignores:
        if not policy.in_force(ignore):
            about = f"{ignore.entry}, about {ignore.subject}," if ignore.subject else ignore.entry
            yield Finding(
                subject=ignore.entry,
                severity=_level(policy.severity(EXPIRED)),
                message=f"Ignoring {about} ended on {ignore.until}: its findings count again."
                f" Its reason was: {ignore.reason}",
                evidence=(Evidence("until", str(ignore.until), ignore.where),),
                remedy=Remedy(
                    f"Take the entry out at {ignore.where}, or give it a later day and say why."
                ),
            )


def _judged(
    policy: Policy | Missing, snapshot: Snapshot
) -> Iterator[tuple[Requirement, "Seen", "bool | Missing"]]:
    if isinstance(policy, Missing) or not policy.requirements:
        raise NotApplicable
    from envcheck.policy.meet import look, met

    gpus, environment = snapshot.gpus, snapshot.environment
    shown = visible(gpus, environment) if isinstance(gpus, Gpus) else ()
    assert isinstance(environment, (Environment, Missing))
    for requirement in policy.requirements:
        for seen in look(requirement, snapshot, shown):
            yield requirement, seen, met(requirement, seen.value)


def _severity(policy: Policy | Missing, requirement: Requirement, code: str) -> Severity | None:
    """The requirement's own, else what the policy gives the code, else the rule's."""
    known = or_none(policy)
    return _level(requirement.severity or (known.severity(code) if known else None))


def _level(level: str | None) -> Severity | None:
    return Severity(level) if level else None


def _message(requirement: Requirement, value: Any) -> str:
    said = _said(requirement, value)
    if isinstance(value, Missing):
        said = f"{requirement.subject}: {said}"
    elif requirement.path == "disk":
        said = f"{requirement.key} has {said} of free space"
    else:
        said = f"{requirement.subject} is {said}"
    return f"{said}; the policy asks for {requirement.text}.{_because(requirement)}"


def _because(requirement: Requirement) -> str:
    return f" The policy's reason: {requirement.reason}" if requirement.reason else ""


def _said(requirement: Requirement, value: Any) -> str:
    from envcheck.policy.values import said

    if isinstance(value, Missing):
        return value.detail or "not there"
    if value is None:
        return "none"
    text = said(requirement.compared, value)
    asked = (clause.value for clause in requirement.clauses if clause.value is not None)
    if requirement.compared == "bytes" and text in (said("bytes", want) for want in asked):
        return f"{value} bytes"  # rounded, both would look the same
    return "there" if requirement.compared == "thing" else text


def _readable(missing: Missing) -> Remedy:
    if missing.why is Why.BLOCKED:
        return Remedy("Run it as a user who may read this.")
    if missing.why is Why.NOT_ASKED:
        return Remedy(
            "Judge the machine itself, with this policy: a saved snapshot, a report or another"
            " root holds only what was looked up or can be told from files."
        )
    return Remedy(
        "See what else the report says of it, and repeat with more time.",
        ("envcheck doctor --verbose --timeout 60",),
    )
