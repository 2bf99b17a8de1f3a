"""Findings of one plan among several: a line each, behind the file's name, and what mends it."""

from collections.abc import Iterator

from envcheck.render.style import plain
from envcheck.report import Report


def render(file: str, report: Report) -> str:
    """Lines of a compiler's kind, worst finding first; nothing for a plan that is right."""
    return "".join(f"{line}\n" for line in _lines(file, report))


def _lines(file: str, report: Report) -> Iterator[str]:
    for finding in report.findings:
        yield plain(f"{file}: {finding.code} {finding.name}: {finding.message}")
        if finding.remedy is not None:
            yield plain(f"  Fix: {finding.remedy.text}")
