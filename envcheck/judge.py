"""Runs rules on a Snapshot. Pure: the same snapshot and knowledge give the same report."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from envcheck import __version__
from envcheck.facts import Ignore, Missing, Policy, Snapshot, Unknown, or_none
from envcheck.finding import ERROR, Finding, Severity, gpu_subject
from envcheck.kb import Knowledge
from envcheck.report import Crashed, Ignored, Ran, Report, Skipped, decide, skipped
from envcheck.rules.base import EACH, NotApplicable, Rule


def judge(
    snapshot: Snapshot,
    kb: Knowledge,
    rules: Iterable[Rule],
    *,
    fail_on: Severity = ERROR,
    durations: dict[str, float] | None = None,
) -> Report:
    """The report of these rules on this snapshot."""
    findings: list[Finding] = []
    borrowed: list[Finding] = []  # under the name of another rule
    passed: list[Ran] = []
    skips: list[Skipped] = []
    not_applicable: list[Ran] = []
    crashes: list[Crashed] = []
    undecided: list[Skipped | Crashed] = []
    policy = or_none(snapshot.policy) or Policy()
    ignored: dict[Ignore, list[Finding]] = {}
    for rule in rules:
        outcome = _Outcome()
        try:
            _run(rule, snapshot, kb, outcome)
        except Exception as error:  # a rule's defect must not hide the other rules' findings
            crash = Crashed(rule.code, rule.name, f"{type(error).__name__}: {error}"[:500])
            crashes.append(crash)
            undecided.append(crash)
        counting = list(_counting(policy, rule, outcome.findings, ignored))
        findings += _same_together([f for f in counting if f.code == rule.code])
        borrowed += [f for f in counting if f.code != rule.code]
        skips += outcome.skipped
        if rule.decisive:
            undecided += outcome.skipped
        if outcome.judged and not outcome.findings:
            passed.append(Ran(rule.code, rule.name))
        elif not outcome.judged and not outcome.skipped and not outcome.findings:
            not_applicable.append(Ran(rule.code, rule.name))
    findings += _not_yet_said(borrowed, findings)
    ordered = tuple(sorted(findings, key=lambda f: (-_rank(f), f.code)))
    verdict, exit_code = decide(ordered, tuple(undecided), fail_on)
    return Report(
        tool=f"envcheck {__version__}",
        verdict=verdict,
        exit_code=exit_code,
        fail_on=fail_on,
        findings=ordered,
        ignored=tuple(_ignored(ignored)),
        passed=tuple(passed),
        skipped=tuple(skips),
        not_applicable=tuple(not_applicable),
        crashed=tuple(crashes),
        durations=durations or {},
        snapshot=snapshot,
    )


class _Outcome:
    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.skipped: list[Skipped] = []
        self.judged = False


def _run(rule: Rule, snapshot: Snapshot, kb: Knowledge, outcome: _Outcome) -> None:
    given = {"kb": kb, "purpose": snapshot.purpose, "snapshot": snapshot}
    arguments: dict[str, Any] = {}
    for name in rule.given:
        arguments[name] = given[name]
    for name in rule.facts:
        fact = snapshot.fact(name)
        if isinstance(fact, Missing) and name in rule.needs:
            outcome.skipped.append(skipped(rule.code, rule.name, name, fact))
            return
        arguments[name] = fact
    if not rule.each:
        _check(rule, arguments, rule.subject, outcome)
        return
    for label, element in _elements(rule.each, snapshot):
        if isinstance(element, Missing):
            outcome.skipped.append(skipped(rule.code, rule.name, label, element))
        else:
            _check(rule, {**arguments, rule.each: element}, label, outcome)


def _elements(parameter: str, snapshot: Snapshot) -> Iterator[tuple[str, Any]]:
    fact_name, field = EACH[parameter]
    fact = snapshot.fact(fact_name)
    elements = fact if isinstance(fact, Missing) else getattr(fact, field)
    if isinstance(elements, Missing):
        yield fact_name, elements
        return
    for position, element in enumerate(elements):
        if parameter == "gpu":
            label = f"GPU {getattr(element, 'index', position)}"
        else:
            label = str(getattr(element, "name", fact_name))
        yield label, element


def _check(rule: Rule, arguments: dict[str, Any], subject: str, outcome: _Outcome) -> None:
    try:
        for finding in rule.check(**arguments):
            outcome.findings.append(
                msgspec.structs.replace(
                    finding,
                    code=finding.code or rule.code,
                    name=finding.name or rule.name,
                    title=finding.title or rule.title,
                    severity=finding.severity or rule.severity,
                    subject=finding.subject or subject,
                    links=finding.links or rule.links,
                )
            )
        outcome.judged = True
    except Unknown as unknown:
        outcome.skipped.append(
            skipped(rule.code, rule.name, subject if rule.each else "", unknown.missing)
        )
    except NotApplicable:
        pass


def _counting(
    policy: Policy, rule: Rule, findings: list[Finding], ignored: dict[Ignore, list[Finding]]
) -> Iterator[Finding]:
    """The findings that count, as severe as the policy says; the others go into `ignored`."""
    for finding in findings:
        level = policy.severity(finding.code)
        if level and rule.subject != "policy":  # those say their severity themselves
            finding = msgspec.structs.replace(finding, severity=Severity(level))
        exception = policy.ignore(finding.code, finding.subject)
        if exception is None:
            yield finding
        else:
            ignored.setdefault(exception, []).append(finding)


def _ignored(by_exception: dict[Ignore, list[Finding]]) -> Iterator[Ignored]:
    for exception, findings in by_exception.items():
        for finding in _same_together(findings):
            yield Ignored(finding, exception.reason, exception.until, exception.where)


def _same_together(findings: list[Finding]) -> list[Finding]:
    """Identical findings of several subjects become one: "GPU 0-7"."""
    groups: dict[tuple[str, Any], list[Finding]] = {}
    for finding in findings:
        key = (finding.message, finding.severity)
        groups.setdefault(key, []).append(finding)
    together = []
    for group in groups.values():
        subject = _subjects([finding.subject for finding in group])
        together.append(msgspec.structs.replace(group[0], subject=subject))
    return together


def _not_yet_said(borrowed: list[Finding], findings: list[Finding]) -> list[Finding]:
    """Those that their own rule did not find, or took less seriously."""
    said: dict[str, int] = {}
    for finding in findings:
        said[finding.name] = max(said.get(finding.name, -1), _rank(finding))
    return [finding for finding in borrowed if _rank(finding) > said.get(finding.name, -1)]


def _subjects(names: list[str]) -> str:
    names = list(dict.fromkeys(names))
    numbered = [re.fullmatch(r"GPU (\d+)", name) for name in names]
    if len(names) < 2 or not all(numbered):
        return ", ".join(names)
    return gpu_subject(int(match.group(1)) for match in numbered if match)


def _rank(finding: Finding) -> int:
    return finding.severity.rank if finding.severity else 0


def needed_facts(rules: Iterable[Rule]) -> tuple[str, ...]:
    """The facts these rules ask for, in the Snapshot's order: only their probes have to run."""
    wanted = {name for rule in rules for name in rule.facts}
    wanted |= {EACH[rule.each][0] for rule in rules if rule.each}
    return tuple(name for name in Snapshot.__struct_fields__ if name in wanted)
