"""One line a finding, `CODE name: message`, as compilers print; nothing for a clean report."""

from envcheck.render.style import Style, plain
from envcheck.report import Report


def render(report: Report, style: Style) -> str:
    """A line for each finding, worst first."""
    return "".join(
        plain(f"{finding.code} {finding.name}: {finding.message}") + "\n"
        for finding in report.findings
    )
