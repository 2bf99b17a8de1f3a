"""The report as SARIF 2.1.0, the interchange format of analysis tools.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html
What GitHub's code scanning wants beyond the standard is given too:
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import msgspec

from envcheck.errors import EXIT_UNCHECKABLE
from envcheck.facts import Why
from envcheck.finding import NOTE, Finding
from envcheck.render.style import Style, plain
from envcheck.render.summary import summary
from envcheck.render.words import links, mend, place, reasons, told
from envcheck.report import Ignored, Report

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_Object = dict[str, Any]


def render(report: Report, style: Style) -> str:
    """One log with one run, as one JSON object and a newline."""
    rules = list(_rules(report))
    index = {rule["id"]: number for number, rule in enumerate(rules)}
    name, _, version = plain(report.tool).partition(" ")
    run = {
        "tool": {"driver": {"name": name, "version": version, "rules": rules}},
        "invocations": [_invocation(report)],
        "originalUriBaseIds": {
            "MACHINE": {"uri": "file:///", "description": _message("The machine's own root.")}
        },
        "results": list(_results(report, index)),
        "properties": {
            "verdict": report.verdict,
            "machine": {plain(label): plain(text) for label, text in summary(report.snapshot)},
        },
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(log), indent=2).decode() + "\n"


def _rules(report: Report) -> Iterator[_Object]:
    """A descriptor for each check that found something."""
    first: dict[str, Finding] = {}
    for finding in (*report.findings, *(one.finding for one in report.ignored)):
        first.setdefault(plain(finding.code), finding)
    yield from map(_rule, first.values())


def _rule(finding: Finding) -> _Object:
    title = finding.title or finding.name.replace("_", " ")
    more = links(finding)
    ask = f"`envcheck explain {finding.code}` prints what it means, how to confirm and mend it."
    descriptor = {
        "id": plain(finding.code),
        "name": plain(finding.name),
        "shortDescription": _message(title),
        "fullDescription": _message(title),
        "help": _message("\n".join([title, ask, *more])),
        "defaultConfiguration": {"level": (finding.severity or NOTE).value},
    }
    return {**descriptor, "helpUri": more[0]} if more else descriptor


def _results(report: Report, index: dict[str, int]) -> Iterator[_Object]:
    count: Counter[tuple[str, ...]] = Counter()
    for finding in report.findings:
        yield _result(finding, index, count)
    for one in report.ignored:
        yield {**_result(one.finding, index, count), "suppressions": [_suppression(one)]}


def _result(finding: Finding, index: dict[str, int], count: Counter[tuple[str, ...]]) -> _Object:
    identity = (finding.code, finding.name, finding.subject)
    count[identity] += 1
    remedy = finding.remedy
    return {
        "ruleId": plain(finding.code),
        "ruleIndex": index[plain(finding.code)],
        "level": (finding.severity or NOTE).value,
        "message": _message("\n".join(told(finding))),
        "locations": [_location(finding)],
        "partialFingerprints": _fingerprints(identity, count[identity]),
        "properties": {
            "subject": plain(finding.subject),
            "evidence": [
                {"what": plain(e.what), "value": plain(e.value), "source": plain(e.source)}
                for e in finding.evidence
            ],
            "fix": plain(mend(remedy)) if remedy else "",
            "commands": [plain(command) for command in remedy.commands] if remedy else [],
        },
    }


def _fingerprints(identity: tuple[str, ...], number: int) -> dict[str, str]:
    """The same for the same check of the same subject, whatever numbers the message tells."""
    digest = hashlib.sha256("\0".join(identity).encode("utf-8", "replace")).hexdigest()
    return {
        "envcheckFinding/v1": f"{digest}:{number}",
        "primaryLocationLineHash": f"{digest[:16]}:{number}",  # the one that GitHub compares
    }


def _location(finding: Finding) -> _Object:
    """The subject; and a file, without which code scanning refuses the whole log.

    A line of a policy; else the file that the evidence was read from; else the subject's name.
    """
    line = 1
    if where := place(finding):
        file, line = where
    else:
        files = (e.source for e in finding.evidence if e.source.startswith("/"))
        file = next(files, finding.subject or finding.name)
    artifact: _Object = {"uri": _uri(file.lstrip("/")) or "machine"}
    if file.startswith("/") or not where:
        artifact["uriBaseId"] = "MACHINE"
    return {
        "physicalLocation": {"artifactLocation": artifact, "region": {"startLine": line}},
        "logicalLocations": [{"name": plain(finding.subject) or "machine", "kind": "resource"}],
    }


def _uri(path: str) -> str:
    return quote(plain(path), safe="/")


def _suppression(one: Ignored) -> _Object:
    return {
        "kind": "external",
        "status": "accepted",
        "justification": plain(f"{one.reason} (until {one.until}, {one.where})"),
    }


def _invocation(report: Report) -> _Object:
    """How the run went; what could not be judged is told here, and is no result."""
    said = [("error", f"{one.code} {one.name} crashed: {one.error}") for one in report.crashed]
    broken = {skip.because for skip in report.skipped if skip.why in (Why.FAILED, Why.BLOCKED)}
    said += [
        ("warning" if because in broken else "note", f"{', '.join(names)} not judged: {because}")
        for because, names in reasons(report).items()
    ]
    invocation = {
        "executionSuccessful": report.exit_code != EXIT_UNCHECKABLE,
        "exitCode": report.exit_code,
        "toolExecutionNotifications": [
            {"level": level, "message": _message(text)} for level, text in said
        ],
    }
    if _MOMENT.fullmatch(report.snapshot.taken):
        invocation["startTimeUtc"] = report.snapshot.taken
    return invocation


def _message(text: str) -> dict[str, str]:
    """Text of which no part is a placeholder or a link (3.11.5 and 3.11.6 of the standard)."""
    lines = (plain(line) for line in text.split("\n"))
    harmless = "\n".join(lines).replace("{", "{{").replace("}", "}}").replace("](", "] (")
    return {"text": harmless or "–"}
