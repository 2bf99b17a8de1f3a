"""The words that every format uses for the parts of a report. Must not know any markup."""

import re

from envcheck.finding import ERROR, NOTE, WARNING, Evidence, Finding, Remedy
from envcheck.render.style import plain
from envcheck.report import Report

SAFETY = {
    "safe": "changes this Python environment only",
    "root": "needs root",
    "reboot": "needs root and a reboot",
    "manual": "",
}
# A web address that can be followed; what is not plain ASCII is not taken for one.
_ADDRESS = re.compile(r"(https://[A-Za-z0-9./#?=&%+~_-]*[A-Za-z0-9/_])")
# A file's line as evidence names it: "envcheck.toml:5", "/etc/envcheck.toml:5".
_PLACE = re.compile(r"(/[^:\0]+|[^:/\s][^:\0]*\.\w+):([1-9]\d{0,8})")


def tally(report: Report) -> list[str]:
    """How many of what: "2 errors", "1 warning", "41 checks passed", "3 could not be judged"."""
    count = dict.fromkeys((ERROR, WARNING, NOTE), 0)
    for finding in report.findings:
        count[finding.severity or NOTE] += 1
    parts = [
        f"{number} {severity.value}{'s' if number != 1 else ''}"
        for severity, number in count.items()
        if number
    ]
    if report.ignored:
        parts.append(f"{len(report.ignored)} ignored by policy")
    parts.append(f"{len(report.passed)} checks passed")
    if report.skipped:
        parts.append(f"{len({skip.code for skip in report.skipped})} could not be judged")
    if report.crashed:
        parts.append(f"{len(report.crashed)} crashed")
    return parts


def reasons(report: Report) -> dict[str, list[str]]:
    """Why checks could not be judged → their names: one reason often holds up many."""
    together: dict[str, list[str]] = {}
    for skip in report.skipped:
        names = together.setdefault(skip.because, [])
        if skip.name not in names:
            names.append(skip.name)
    return together


def mend(remedy: Remedy) -> str:
    """What to do, and what that takes."""
    note = SAFETY[remedy.safety]
    return f"{remedy.text} ({note})" if note else remedy.text


def read_at(evidence: Evidence) -> str:
    """A value, and where it was read."""
    where = f"  ({evidence.source})" if evidence.source else ""
    return f"{evidence.what} = {evidence.value}{where}"


def told(finding: Finding) -> list[str]:
    """The whole finding as lines of plain text; a command is a line of its own."""
    lines = [finding.message, *(f"  {read_at(evidence)}" for evidence in finding.evidence)]
    if finding.remedy is not None:
        lines.append(f"Fix: {mend(finding.remedy)}")
        lines += [f"    {command}" for command in finding.remedy.commands]
    return [plain(line) for line in lines]


def place(finding: Finding) -> tuple[str, int] | None:
    """The file and line that a finding is about, where its evidence names one."""
    for evidence in finding.evidence:
        if match := _PLACE.fullmatch(evidence.source):
            return match[1], int(match[2])
    return None


def addresses(text: str) -> list[tuple[str, bool]]:
    """The text in pieces, and which of them are web addresses."""
    return [(part, place % 2 == 1) for place, part in enumerate(_ADDRESS.split(text)) if part]


def links(finding: Finding) -> list[str]:
    """Where to read more: only what is a web address and nothing else."""
    return [link for link in finding.links if _ADDRESS.fullmatch(link)]


def clip(text: str, most: int) -> str:
    """At most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"
