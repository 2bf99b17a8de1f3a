"""The whole report as exactly one JSON object, as `envcheck/schema/report.json` describes it."""

import msgspec

from envcheck.render.style import Style
from envcheck.report import Report


def render(report: Report, style: Style) -> str:
    """One JSON object and a newline."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"
