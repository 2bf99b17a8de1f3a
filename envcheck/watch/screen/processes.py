"""The process part of the screen: filter, order, tree, rows. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from envcheck.watch.screen import words
from envcheck.watch.screen.columns import Column, choose, heading, row
from envcheck.watch.screen.ink import BLANK, Glyphs, Line, Span, clean, fit, in_role
from envcheck.watch.screen.view import Key, Scene, View
from envcheck.watch.tick import ProcessTick, Tick, Unread, read

_NUMBERS: dict[str, Callable[[ProcessTick], float | None]] = {
    "gpu": lambda p: p.gpu_index,
    "pid": lambda p: p.pid,
    "memory": lambda p: read(p.gpu_memory_bytes),
    "sm": lambda p: read(p.sm_percent),
    "cpu": lambda p: read(p.cpu_percent),
    "rss": lambda p: read(p.rss_bytes),
}
_TEXTS: dict[str, Callable[[ProcessTick], str | None]] = {
    "user": lambda p: read(p.user),
    "command": lambda p: read(p.command),
}
_RISING = {"gpu", "pid", *_TEXTS}
_FOLDER = re.compile(r"^/(?:[^ /]*/)*(?=[^ /])")  # where the program lies says less than its words
_WIDE = 140  # columns from which containers and pods are written out
_SHORT_HOUSE = 9
_LONGEST_HOUSE = 60


class Row(NamedTuple):
    """One line of the table: a process on a GPU, or the parent of several."""

    process: ProcessTick | None
    lead: str = ""  # its branches in the tree; the whole text of a parent

    @property
    def key(self) -> Key | None:
        return (self.process.pid, self.process.gpu_index) if self.process else None


def rows_of(tick: Tick | None, view: View, glyphs: Glyphs) -> list[Row]:
    """What the table holds, in its order."""
    if tick is None:
        return []
    found = _sorted([one for one in tick.processes if _matches(one, view.filter)], view)
    return _tree(found, glyphs) if view.tree else [Row(process) for process in found]


def panel(scene: Scene, cells: int, rows: int) -> list[Line]:
    """A heading and the rows around the chosen one, exactly `rows` lines."""
    if rows < 2:
        return [BLANK] * rows
    glyphs, tick = scene.glyphs, scene.tick
    found = rows_of(tick, scene.view, glyphs)
    columns = choose(_columns(scene, cells), cells)
    lines = [heading(columns, glyphs)]
    first = _first(found, scene.view.chosen, rows - 1)
    for one in found[first : first + rows - 1]:
        line = row(columns, one, glyphs)
        if one.key is not None and one.key == scene.view.chosen:
            line = fit(in_role(line, "chosen"), cells, glyphs, "chosen")
        lines.append(line)
    if not found:
        lines.append((Span(f"    {_nothing(tick, scene.view, glyphs)}", "dim"),))
    return (lines + [BLANK] * rows)[:rows]


def _first(rows: Sequence[Row], chosen: Key | None, shown: int) -> int:
    """The first row to show, so that the chosen one is in sight."""
    at = next((n for n, one in enumerate(rows) if one.key and one.key == chosen), 0)
    return max(0, min(at - shown // 2, len(rows) - shown))


def _nothing(tick: Tick | None, view: View, glyphs: Glyphs) -> str:
    if tick is None:
        return "waiting for the driver"
    if tick.processes:
        return f"no process matches {clean(view.filter, glyphs)!r}: / changes it"
    if tick.processes_unread:
        index, why = next(iter(tick.processes_unread.items()))
        return f"GPU {index}: {clean(why.reason, glyphs)}"
    return "no processes on these GPUs"


def _matches(process: ProcessTick, text: str) -> bool:
    """Every word stands somewhere in the row; "gpu3" is that GPU."""
    asked = text.lower().split()
    if not asked:
        return True
    parts = (process.user, process.command, process.name, process.container, process.pod)
    said = " ".join(part for part in parts if isinstance(part, str)).lower()
    gpu, pid = f"gpu{process.gpu_index}", str(process.pid)
    return all(word in said or word in (gpu, pid) for word in asked)


def _sorted(processes: Iterable[ProcessTick], view: View) -> list[ProcessTick]:
    """In the chosen order; what cannot be read stands last either way."""
    known = sorted(processes, key=lambda p: (p.gpu_index, p.pid))
    key = _NUMBERS.get(view.sort) or _TEXTS.get(view.sort) or _NUMBERS["memory"]
    readable = [process for process in known if key(process) is not None]
    others = [process for process in known if key(process) is None]
    falling = (view.sort not in _RISING) != view.reverse
    readable.sort(key=key, reverse=falling)  # type: ignore[arg-type]
    return readable + others


def _tree(processes: Sequence[ProcessTick], glyphs: Glyphs) -> list[Row]:
    """Children below their parents; a parent that uses no GPU and has several is one line."""
    by_pid: dict[int, list[ProcessTick]] = {}
    for process in processes:
        by_pid.setdefault(process.pid, []).append(process)
    children: dict[int, list[int]] = {}
    for pid, (first, *_) in by_pid.items():
        parent = read(first.parent_pid)
        children.setdefault(-1 if parent is None else parent, []).append(pid)
    rows: list[Row] = []
    placed: set[int] = set()

    def place(pid: int, own: str, below: str) -> None:
        """It and all below it; without recursion, as a recording may be of any depth."""
        waiting = [(pid, own, below)]
        while waiting:
            pid, own, below = waiting.pop()
            if pid in placed:
                continue
            placed.add(pid)
            rows.extend(Row(process, own) for process in by_pid[pid])
            waiting += reversed(list(_branches(children.get(pid, []), below, glyphs)))

    for parent, young in children.items():
        if parent in by_pid:
            continue
        if parent > 0 and len(young) > 1:
            uses = [use for pid in young for use in by_pid[pid]]
            memory = words.size(sum(read(use.gpu_memory_bytes) or 0 for use in uses))
            rows.append(Row(None, f"parent {parent}: {len(young)} processes, {memory} GPU memory"))
            for branch in _branches(young, "", glyphs):
                place(*branch)
        else:
            for pid in young:
                place(pid, "", "")
    for pid in by_pid:  # parents of one another
        place(pid, "", "")
    return rows


def _branches(pids: Sequence[int], indent: str, glyphs: Glyphs) -> Iterator[tuple[int, str, str]]:
    """Process id, its own indent, and that of its children."""
    for number, pid in enumerate(pids, 1):
        last = number == len(pids)
        branch, trunk = (glyphs.last_branch, "  ") if last else (glyphs.branch, glyphs.trunk)
        yield pid, indent + branch, indent + trunk


def _columns(scene: Scene, cells: int) -> list[Column[Row]]:
    glyphs, view = scene.glyphs, scene.view
    now = scene.tick.timestamp if scene.tick else ""
    houses = [_house(process, short=cells < _WIDE) for process in _processes(scene)]

    def text(draw: Callable[[ProcessTick], str]) -> Callable[[Row, int], Line]:
        return lambda one, _: (Span(clean(draw(one.process), glyphs)),) if one.process else BLANK

    def title(name: str, sort: str) -> str:
        return f"{name}{glyphs.up if view.reverse else glyphs.down}" if view.sort == sort else name

    columns = [
        Column(title("GPU", "gpu"), 5, 0, text(_place)),
        Column(title("PID", "pid"), 7, 1, text(lambda p: str(p.pid))),
        Column(title("USER", "user"), 8, 5, text(lambda p: read(p.user) or words.NONE), left=True),
        Column(title("MEM", "memory"), 5, 2, text(lambda p: words.size(p.gpu_memory_bytes))),
        Column(title("SM", "sm"), 4, 4, text(lambda p: words.percent(p.sm_percent))),
        Column(title("CPU", "cpu"), 5, 6, text(lambda p: words.percent(p.cpu_percent))),
        Column(title("RSS", "rss"), 5, 8, text(lambda p: words.size(p.rss_bytes))),
        Column("AGE", 5, 9, text(lambda p: words.age(p.started, now))),
        Column("ENC", 4, 10, text(lambda p: words.percent(p.encoder_percent))),
        Column("DEC", 4, 11, text(lambda p: words.percent(p.decoder_percent))),
        Column(title("COMMAND", "command"), 26, 3, lambda one, _: _command(one, glyphs),
               left=True, elastic=1),
    ]  # fmt: skip
    if any(houses):
        house = text(lambda p: _house(p, short=cells < _WIDE))
        longest = min(_LONGEST_HOUSE, max(map(len, houses)))
        columns.insert(-1, Column("CONTAINER", max(9, longest), 7, house, left=True))
    return columns


def _processes(scene: Scene) -> Sequence[ProcessTick]:
    return scene.tick.processes if scene.tick else ()


def _place(process: ProcessTick) -> str:
    instance = process.gpu_instance
    return str(process.gpu_index) if instance is None else f"{process.gpu_index}.{instance}"


def _house(process: ProcessTick, *, short: bool) -> str:
    """Container and pod, as far as they are known; the start of one of them when `short`."""
    container, pod = process.container or "", process.pod or ""
    if short:
        return (container.partition(":")[2] or pod)[:_SHORT_HOUSE]
    return f"{container} pod {pod}".strip() if pod else container


def _command(one: Row, glyphs: Glyphs) -> Line:
    process = one.process
    if process is None:
        return (Span(one.lead, "dim"),)
    if isinstance(process.command, Unread):
        return (Span(one.lead, "dim"), Span(f"({clean(process.command.reason, glyphs)})", "dim"))
    kind = "" if process.kind == "compute" else f"{process.kind}: "
    told = _FOLDER.sub("", process.command)
    return (Span(one.lead, "dim"), Span(kind + clean(told, glyphs)))
