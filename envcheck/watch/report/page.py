"""What the page says about a recording. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timezone

from envcheck.render.page import page as framed
from envcheck.render.page import text
from envcheck.watch.report.chart import chart
from envcheck.watch.report.style import STYLE
from envcheck.watch.report.timeline import GpuLine, ProcessLine, Timeline
from envcheck.watch.summary import GpuSummary
from envcheck.watch.tick import Unread, read
from envcheck.watch.units import size

_PROCESSES = 100  # rows of the table
_COMMAND = 1000  # characters of one
_XIDS = 50  # written out
_NONE = "&ndash;"
_GIB = 1 << 30
# https://docs.nvidia.com/deploy/xid-errors/
_XID_PAGE = "https://docs.nvidia.com/deploy/xid-errors/"


def page(line: Timeline) -> str:
    """The whole page."""
    host = text(line.last.host.name)
    body = [
        f"<h1>GPUs of {host}</h1>",
        _facts(line),
        "<h2>Summary</h2>",
        _table(_SUMMARY_HEAD, _summary_rows(line)),
        "<h2>Timelines</h2>",
        f'<p class="legend">{_LEGEND}</p>',
        *(_gpu(line, gpu) for gpu in line.gpus),
        "<h2>Processes</h2>",
        _processes(line),
    ]
    title = f"GPUs of {host}, {_stamp(line.start)}"
    return framed(title, f"<main>{chr(10).join(body)}</main>{_HATCH}", STYLE)


_HATCH = (
    '<svg width="0" height="0" aria-hidden="true"><defs>'
    '<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse"'
    ' patternTransform="rotate(45)"><line class="hatch" x1="0" y1="0" x2="0" y2="6"/>'
    "</pattern></defs></svg>"
)
_LEGEND = (
    '<b class="key mean"></b>mean &nbsp; <b class="key peak"></b>highest sample'
    ' &nbsp; <b class="key throttled"></b>clocks throttled &nbsp; <b class="key xid"></b>Xid'
    ' &nbsp; <b class="key gap"></b>nothing recorded, or not readable'
)
_SUMMARY_HEAD = (
    *("GPU", "Name", "Utilisation<br>mean / p95 / peak", "Memory<br>mean / peak / of"),
    *("Power<br>mean", "Energy", "Hottest", "Xids", "Not read", "Throttled"),
)


def _facts(line: Timeline) -> str:
    covered = sum(line.covered) / len(line.covered)
    facts = [
        ("Recorded", f"{_stamp(line.start)} to {_stamp(line.end)} UTC"),
        ("Length", f"{_span(line.seconds)}, {line.ticks} ticks"),
        ("Driver", text(read(line.last.driver_version) or "not read")),
        ("File", text(line.name)),
    ]
    if covered < 1:
        facts.append(("Gaps", f"{100 * (1 - covered):.0f} % of the time nothing was recorded"))
    if line.torn:
        facts.append(("Torn", f"the end is missing: {text(line.torn)}"))
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{said}</dd>" for name, said in facts) + "</dl>"


def _summary_rows(line: Timeline) -> Iterator[list[str]]:
    for gpu in line.gpus:
        one = line.summaries[gpu.index]
        yield [
            f'<a href="#gpu{gpu.index}">{gpu.index}</a>',
            text((one.name or "not read").removeprefix("NVIDIA ")),
            _together(
                _percent(one.utilization_mean_percent),
                _percent(one.utilization_p95_percent),
                _percent(one.utilization_peak_percent),
            ),
            _together(
                _size(one.memory_mean_bytes),
                _size(one.memory_peak_bytes),
                _size(gpu.memory_total or None),
            ),
            _NONE if one.power_mean_watts is None else f"{one.power_mean_watts:.0f} W",
            _energy(one.energy_joules),
            _NONE if one.temperature_peak_celsius is None else f"{one.temperature_peak_celsius} °C",
            ", ".join(str(xid) for xid in sorted(set(one.xids))) or _NONE,
            _unread(gpu),
            _throttled(one),
        ]


def _together(*values: str) -> str:
    """ "48 / 94 / 100 %": the unit once, where all have the same."""
    numbers, units = zip(*(value.partition(" ")[::2] for value in values), strict=True)
    if len(set(units)) == 1:
        return " / ".join(numbers) + (f" {units[0]}" if units[0] else "")
    return " / ".join(values)


def _gpu(line: Timeline, gpu: GpuLine) -> str:
    one = line.summaries[gpu.index]
    marks = [(at, f"Xid {xid} at {when}") for at, xid, when in gpu.xids[:_XIDS]]
    throttled = sorted(gpu.throttled)
    peaks = [value for value in gpu.power.peaks if value is not None]
    watts = max(gpu.power_limit, *peaks, 1.0)
    heat = 100.0
    drawn = (
        ("Utilisation", "100 %", gpu.utilization.means, gpu.utilization.peaks, 100.0, "use"),
        ("Memory", _size(gpu.memory_total), gpu.memory.means, gpu.memory.peaks,
         gpu.memory_total, "mem"),
        ("Power", f"{watts:.0f} W", gpu.power.means, gpu.power.peaks, watts, "watts"),
        ("Temperature", f"{heat:.0f} °C", gpu.temperature.means, gpu.temperature.peaks, heat,
         "heat"),
    )  # fmt: skip
    figures = [
        f"<figure><figcaption>{title}<span>{top}</span></figcaption>"
        + chart(means, peaks_, full, kind, marks,
                throttled if title == "Power" else ())
        + f'<div class="axis"><span>{_clock(line, 0)}</span><span>{_clock(line, 0.5)}</span>'
        f"<span>{_clock(line, 1)}</span></div></figure>"
        for title, top, means, peaks_, full, kind in drawn
    ]  # fmt: skip
    notes = [
        f'<p class="bad">Xid <a href="{_XID_PAGE}" rel="noreferrer">{xid}</a> at {text(when)}</p>'
        for _, xid, when in gpu.xids[:_XIDS]
    ]
    if len(gpu.xids) > _XIDS:
        notes.append(f'<p class="bad">and {len(gpu.xids) - _XIDS} more Xids</p>')
    notes += [
        f'<p class="bad">Not read for {_span(seconds)}: {text(why)}</p>'
        for why, seconds in gpu.unread.items()
    ]
    return (
        f'<section id="gpu{gpu.index}"><h3>GPU {gpu.index} <small>{text(one.name or "")}'
        f" {text(one.uuid or '')}</small></h3>{''.join(notes)}"
        f'<div class="charts">{"".join(figures)}</div></section>'
    )


def _processes(line: Timeline) -> str:
    if not line.processes:
        return "<p>None was seen.</p>"
    head = ("GPU", "PID", "User", "GPU memory peak", "SM mean", "Seen", "Command")
    rows = [_process(line, one) for one in line.processes[:_PROCESSES]]
    left = len(line.processes) - len(rows)
    more = f"<p>and {left} with less GPU memory</p>" if left else ""
    if line.more_processes:
        more += "<p>There were so many that the latest are left out.</p>"
    return _table(head, rows) + more


def _process(line: Timeline, one: ProcessLine) -> list[str]:
    process = one.process
    command = process.command
    said = f"({command.reason})" if isinstance(command, Unread) else command
    share = one.sm_percent
    house = text(" pod ".join(filter(None, (process.container, process.pod))))
    where = f"<small>{house}</small>" if house else ""
    seen = f"{_short(line, one.first)} to {_short(line, one.last)}"
    return [
        str(process.gpu_index),
        str(process.pid),
        text(read(process.user) or "not read"),
        _size(one.memory or None),
        _percent(share),
        seen,
        f"<code>{text(said[:_COMMAND])}</code>{where}",
    ]


def _table(head: Iterable[str], rows: Iterable[list[str]]) -> str:
    titles = "".join(f"<th>{title}</th>" for title in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows
    )
    return (
        f'<div class="wide"><table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody>'
        "</table></div>"
    )


def _percent(value: float | None) -> str:
    return _NONE if value is None else f"{value:.3g} %"


def _size(value: float | None) -> str:
    return _NONE if value is None else size(value)


def _energy(joules: float | None) -> str:
    if joules is None:
        return _NONE
    return f"{joules / 3.6e6:.2f} kWh" if joules >= 3.6e5 else f"{joules / 1000:.1f} kJ"


def _throttled(one: GpuSummary) -> str:
    """Which reason held the clocks down, and how long; what takes nothing away is left out."""
    quiet = {"applications_clocks_setting", "display_clock_setting"}
    said = [
        f"{text(reason.replace('_', ' '))} {_span(seconds)}"
        for reason, seconds in one.throttled_seconds.items()
        if reason not in quiet
    ]
    return "<br>".join(said) or _NONE


def _unread(gpu: GpuLine) -> str:
    return _span(sum(gpu.unread.values())) if gpu.unread else _NONE


def _span(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def _stamp(at: datetime) -> str:
    return at.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def _clock(line: Timeline, share: float) -> str:
    return _short(line, line.start + share * (line.end - line.start))


def _short(line: Timeline, at: datetime) -> str:
    """The time of day; with the date where the recording is longer than a day."""
    form = "%H:%M:%S" if line.seconds < 86400 else "%m-%d %H:%M"
    return at.astimezone(timezone.utc).strftime(form)
