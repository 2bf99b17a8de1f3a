"""One workflow command a finding, which GitHub Actions shows as an annotation.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from envcheck.finding import NOTE, Finding, Severity
from envcheck.render.style import Style, plain
from envcheck.render.words import clip, place, told
from envcheck.report import Report

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_TITLE, _MESSAGE = 200, 4000  # characters; a page of annotations stays readable


def render(report: Report, style: Style) -> str:
    """The commands, worst first: GitHub shows only the first ten of a step of each kind."""
    lines = [_annotation(finding) for finding in report.findings]
    for crash in report.crashed:
        title = f"title={_property(f'{crash.code} {crash.name} crashed')}"
        lines.append(f"::warning {title}::{_message(plain(crash.error))}")
    return "".join(f"{line}\n" for line in lines)


def _annotation(finding: Finding) -> str:
    properties = []
    where = place(finding)
    if where:
        properties += [f"file={_property(where[0])}", f"line={where[1]}"]
    subject = f" [{finding.subject}]" if finding.subject else ""
    properties.append(f"title={_property(f'{finding.code} {finding.name}{subject}')}")
    command = _COMMANDS[finding.severity or NOTE]
    return f"::{command} {','.join(properties)}::{_message(chr(10).join(told(finding)))}"


def _message(text: str) -> str:
    return _escape(clip(text, _MESSAGE))


def _property(text: str) -> str:
    return _escape(clip(plain(text), _TITLE)).replace(":", "%3A").replace(",", "%2C")


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
