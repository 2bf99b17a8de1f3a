"""The Report: what the rules said, the verdict, and the exit code.

Must not know how it is printed.
"""

import datetime
from collections.abc import Iterable
from typing import Literal

import msgspec

from envcheck.errors import EXIT_FINDINGS, EXIT_UNCHECKABLE
from envcheck.facts import SCHEMA_VERSION, Missing, Snapshot, Why
from envcheck.finding import WARNING, Finding, Severity

Verdict = Literal["fit", "unfit", "unknown"]
NAGIOS_UNKNOWN = 3  # also when a plug-in was called wrongly


class Ran(msgspec.Struct, frozen=True):
    """A rule that could be judged, or had nothing to judge."""

    code: str
    name: str


class Skipped(msgspec.Struct, frozen=True):
    """A rule (or one subject of it) that could not be judged."""

    code: str
    name: str
    because: str
    why: Why


class Crashed(msgspec.Struct, frozen=True):
    """A rule that raised: a defect of envcheck, never a pass."""

    code: str
    name: str
    error: str


class Ignored(msgspec.Struct, frozen=True):
    """A finding that does not count, because the policy says so."""

    finding: Finding
    reason: str
    until: datetime.date  # the last day it does not count
    where: str  # the line of the policy


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The judgement of one Snapshot."""

    schema_version: int = SCHEMA_VERSION
    tool: str
    verdict: Verdict
    exit_code: int
    fail_on: Severity = Severity.ERROR  # a finding as bad as this makes the machine unfit
    findings: tuple[Finding, ...]
    ignored: tuple[Ignored, ...] = ()
    passed: tuple[Ran, ...]
    skipped: tuple[Skipped, ...]
    not_applicable: tuple[Ran, ...]
    crashed: tuple[Crashed, ...]
    durations: dict[str, float]  # seconds a probe took, by name; "total" is the whole
    snapshot: Snapshot

    def at_least(self, severity: Severity) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.severity is not None and f.severity >= severity)

    @property
    def nagios_code(self) -> int:
        """The exit code as monitoring plug-ins have it: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.

        https://www.monitoring-plugins.org/doc/guidelines.html
        """
        if self.exit_code == EXIT_FINDINGS:
            return 2
        if self.exit_code == EXIT_UNCHECKABLE:
            return NAGIOS_UNKNOWN
        return 1 if self.at_least(WARNING) else 0


def decide(
    findings: tuple[Finding, ...],
    undecided: tuple[Skipped | Crashed, ...],
    fail_on: Severity,
) -> tuple[Verdict, int]:
    """The verdict and the exit code; nothing else decides them.

    `undecided` holds the decisive rules that could not be judged. Unfit (1) when a finding reaches
    `fail_on`. Unknown otherwise, when a decisive rule is undecided: with exit code 3 when looking
    failed, was forbidden or crashed, and 0 when there was simply nothing there (no torch, say) or
    nobody asked. Fit (0) only when everything decisive was judged.
    """
    if any(f.severity is not None and f.severity >= fail_on for f in findings):
        return "unfit", 1
    if not undecided:
        return "fit", 0
    broken = any(isinstance(u, Crashed) or u.why in (Why.FAILED, Why.BLOCKED) for u in undecided)
    return "unknown", 3 if broken else 0


def together(reports: Iterable[Report]) -> tuple[Verdict, int]:
    """Verdict and exit code of parts of one judgement, or of many machines: the worst of them."""
    verdicts, codes = set(), set()
    for report in reports:
        verdicts.add(report.verdict)
        codes.add(report.exit_code)
    worst: Verdict = "unfit" if "unfit" in verdicts else "unknown"
    return ("fit" if verdicts <= {"fit"} else worst), worst_exit(codes)


def worst_exit(codes: Iterable[int]) -> int:
    """The exit code of many judgements: findings before what could not be checked."""
    given = set(codes)
    return next((code for code in (EXIT_FINDINGS, EXIT_UNCHECKABLE) if code in given), 0)


def skipped(code: str, name: str, fact: str, missing: Missing) -> Skipped:
    return Skipped(code, name, f"{fact} {missing}" if fact else str(missing), missing.why)
