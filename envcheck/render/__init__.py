"""`render(report) -> str`, one file a format. Must not know probes or rules."""

from collections.abc import Callable
from importlib import import_module

from envcheck.render.style import Style
from envcheck.report import Report

Render = Callable[[Report, Style], str]

# format → module: imported when asked for, so that no run pays for another's format
FORMATS = {
    "text": "envcheck.render.text",
    "concise": "envcheck.render.concise",
    "json": "envcheck.render.json",
    "github": "envcheck.render.github",
    "markdown": "envcheck.render.markdown",
    "html": "envcheck.render.html",
    "junit": "envcheck.render.junit",
    "sarif": "envcheck.render.sarif",
    "nagios": "envcheck.render.nagios",
}


def render(report: Report, fmt: str, style: Style) -> str:
    """The report in one of `FORMATS`, ending in a newline."""
    module = import_module(FORMATS[fmt])
    text: str = module.render(report, style)
    return text
