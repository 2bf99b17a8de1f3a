"""One status line with performance data, as monitoring plug-ins print it.

https://www.monitoring-plugins.org/doc/guidelines.html
"""

from envcheck.finding import ERROR, NOTE, WARNING, Finding
from envcheck.render.style import Style, plain
from envcheck.render.words import clip, reasons, tally
from envcheck.report import NAGIOS_UNKNOWN, Report

_STATUS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
_MESSAGE, _LINE = 300, 1500  # characters; old collectors cut a line at 4096 bytes
# The bar begins the performance data; angle brackets are markup in web interfaces that do not
# escape what plug-ins print.
_HARMLESS = str.maketrans({"|": "/", "<": "‹", ">": "›"})
_ASCII = str.maketrans({"‹": "(", "›": ")", "…": "."})


def render(report: Report, style: Style) -> str:
    """The status, the worst finding in words, the others by name, the counts."""
    line = _line(_STATUS[report.nagios_code], "; ".join(_said(report)))
    if not style.unicode:
        line = line.translate(_ASCII)
    return f"{line} | {' '.join(_data(report))}\n"


def unknown(why: str) -> str:
    """The line of a plug-in that could not do its work at all."""
    return _line(_STATUS[NAGIOS_UNKNOWN], why) + "\n"


def _line(status: str, said: str) -> str:
    return clip(f"ENVCHECK {status}: {plain(said)}", _LINE).translate(_HARMLESS)


def _said(report: Report) -> list[str]:
    parts = []
    serious = report.at_least(report.fail_on) or report.at_least(WARNING)
    if serious:
        first = serious[0]
        message = clip(first.message.rstrip("."), _MESSAGE)
        parts.append(f"{_name(first)} [{first.subject}]: {message}")
    others = [name for name in dict.fromkeys(map(_name, serious[1:])) if name != _name(serious[0])]
    if others:
        parts.append(f"also {', '.join(others)}")
    if report.verdict == "unknown":
        parts += [
            f"{len(names)} not judged: {clip(why, _MESSAGE)}" for why, names in _held_up(report)[:1]
        ]
    return [*parts, f"{report.verdict}, {', '.join(tally(report))}"]


def _held_up(report: Report) -> list[tuple[str, list[str]]]:
    """Why most could not be judged, first."""
    return sorted(reasons(report).items(), key=lambda held: -len(held[1]))


def _data(report: Report) -> list[str]:
    count = dict.fromkeys((ERROR, WARNING, NOTE), 0)
    for finding in report.findings:
        count[finding.severity or NOTE] += 1
    data = [f"{severity.value}s={number};;;0" for severity, number in count.items()]
    data += [
        f"passed={len(report.passed)};;;0",
        f"skipped={len({skip.code for skip in report.skipped})};;;0",
    ]
    if "total" in report.durations:
        data.append(f"time={report.durations['total']:.3f}s;;;0")
    return data


def _name(finding: Finding) -> str:
    return f"{finding.code} {finding.name}"
