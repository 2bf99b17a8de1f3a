"""The whole screen as lines: title, GPUs, processes, what the keys do. Pure."""

import textwrap

from envcheck.watch.screen import detail, processes, words
from envcheck.watch.screen import gpus as gpu_rows
from envcheck.watch.screen.ink import BLANK, Line, Span, beside, clean, fit, joined, width
from envcheck.watch.screen.keys import help_lines
from envcheck.watch.screen.view import Scene
from envcheck.watch.tick import read

_FEW = 4  # lines that the process table gets at least, with its heading
_SHARE = 3  # a third of the screen, where every GPU has its row


def frame(scene: Scene, cells: int, rows: int) -> list[Line]:
    """Exactly `rows` lines of `cells` columns."""
    if cells < 1 or rows < 1:
        return []
    glyphs = scene.glyphs
    top = [_title(scene, cells)]
    if rows >= 16 or scene.stalled:
        top.append(_second(scene, cells))
    bottom = [_bottom(scene, cells)]
    room = rows - len(top) - len(bottom)
    if scene.view.mode == "help":
        body = _help(scene, cells, room)
    elif scene.view.mode == "detail":
        body = detail.page(scene, cells, room)
    else:
        upper = gpu_rows.panel(scene, cells, _for_gpus(scene, room))
        body = [*upper, *processes.panel(scene, cells, room - len(upper))]
    if scene.view.mode == "confirm":
        body = _asking(scene, body, cells)
    lines = [*top, *body[: max(0, room)], *[BLANK] * (room - len(body)), *bottom]
    return [fit(line, cells, glyphs) for line in lines[:rows]]


def _for_gpus(scene: Scene, room: int) -> int:
    """Lines for the GPUs: one each before anything else, more where processes leave them."""
    tick = scene.tick
    if tick is None:
        return 2
    wanted = min(len(tick.processes) + 1, room // _SHARE)
    return max(2, min(room - _FEW, max(room - wanted, len(tick.gpus) + 1)))


def _title(scene: Scene, cells: int) -> Line:
    tick, glyphs = scene.tick, scene.glyphs
    name = Span("envcheck gpu-watch", "bold")
    if tick is None:
        return fit((name,), cells, glyphs)
    right: list[Span] = []
    if scene.status:
        right.append(Span(f"{clean(scene.status, glyphs)}  ", "warn"))
    right.append(Span(words.clock(tick.timestamp)))
    driver = clean(read(tick.driver_version) or words.NONE, glyphs)
    host = clean(tick.host.name, glyphs)
    left = ((name,), (Span(host),), (Span(f"driver {driver}"),))
    room = cells - sum(len(span.text) for span in right) - 1
    return beside(joined(left, max(1, room), glyphs), tuple(right), cells, glyphs)


def _second(scene: Scene, cells: int) -> Line:
    """The machine around the GPUs and what watching costs; or that the driver is silent."""
    tick, glyphs = scene.tick, scene.glyphs
    if scene.stalled:
        return fit((Span(scene.stalled, "bad"),), cells, glyphs, "bad")
    if tick is None:
        return BLANK
    host, cost = tick.host, tick.overhead
    used = words.of(words.gib(host.memory_used_bytes), words.gib(host.memory_total_bytes))
    calls = read(cost.nvml_calls_per_second)
    parts: list[Line] = [
        (Span("CPU ", "dim"), Span(f"{words.percent(host.cpu_percent)} of {host.cpu_count}")),
        (Span("memory ", "dim"), Span(f"{used} GiB")),
        (Span("watching ", "dim"), Span(f"{_cost(cost.cpu_percent)} of a core")),
        (Span("covers ", "dim"), Span(_coverage(scene))),
        (Span("" if calls is None else f"{calls:.0f} calls/s"),),
    ]
    if cost.worker_restarts:
        times = "once" if cost.worker_restarts == 1 else f"{cost.worker_restarts} times"
        parts.insert(0, (Span(f"the driver hung or crashed {times}", "warn"),))
    return joined([part for part in parts if any(span.text for span in part)], cells, glyphs)


def _cost(value: object) -> str:
    return f"{value:.1f}%" if isinstance(value, float | int) else words.NONE


def _coverage(scene: Scene) -> str:
    """The share of time that the utilisation shown stands on, of the GPU where it is lowest."""
    tick = scene.tick
    gpus = tick.gpus if tick else ()
    known = [g.utilization_coverage_ratio for g in gpus if g.utilization_source != "none"]
    return f"{100 * min(known):.0f}%" if known else words.NONE


def _bottom(scene: Scene, cells: int) -> Line:
    view, glyphs = scene.view, scene.glyphs
    if view.mode == "filter":
        typed = clean(view.filter, glyphs)
        return fit((Span("filter: ", "key"), Span(f"{typed}_"),
                    Span("   Enter keeps it, Esc drops it", "dim")), cells, glyphs)  # fmt: skip
    if view.mode == "confirm":
        return fit((Span("y", "key"), Span(" yes   "), Span("any other key", "key"), Span(" no")),
                   cells, glyphs)  # fmt: skip
    if scene.notice:
        return fit((Span(clean(scene.notice, glyphs), "warn"),), cells, glyphs)
    keys = [("q", "quit"), ("?", "help"), ("/", "filter"), ("s", f"sort: {view.sort}"),
            ("t", "tree"), ("k", "kill"), ("v", view.layout), ("Enter", "one GPU")]  # fmt: skip
    if view.filter:
        keys[2] = ("/", clean(view.filter, glyphs))
    line: list[Span] = []
    for key, word in keys:
        more = [Span("  " if line else ""), Span(key, "key"), Span(f" {word}", "dim")]
        if width((*line, *more)) > cells:
            break
        line += more
    return fit(line, cells, glyphs)


def _asking(scene: Scene, body: list[Line], cells: int) -> list[Line]:
    """The question over the middle of the screen."""
    glyphs = scene.glyphs
    room = max(10, cells - 4)
    lines = textwrap.wrap(clean(scene.view.question, glyphs), room, max_lines=5, placeholder="...")
    box = [(Span(f"  {line}", "warn"),) for line in lines]
    rule: Line = (Span(glyphs.rule * cells, "warn"),)
    boxed = [rule, *box, rule]
    first = max(0, (len(body) - len(boxed)) // 2)
    return [*body[:first], *boxed, *body[first + len(boxed) :]]


def _help(scene: Scene, cells: int, rows: int) -> list[Line]:
    lines = help_lines(scene.glyphs)
    first = max(0, min(scene.view.scroll, len(lines) - rows))
    return [fit(line, cells, scene.glyphs) for line in lines[first : first + rows]]
