"""One line a finding, `CODE name: message`, as compilers print; nothing for a clean report."""

from envcheck.render.style import Style, plain
from envcheck.report import Report


def render(report: Report, style: Style) -> str:
    """A line for each finding, worst first."""
    return "".join(
        f"{finding.code} {finding.name}: {plain(finding.message)}\n" for finding in report.findings
    )
