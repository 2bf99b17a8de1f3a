"""The GPU part of the screen: one row each, more where there is room. Pure."""

import itertools
from collections.abc import Sequence

from envcheck.watch.screen import words
from envcheck.watch.screen.columns import Column, choose, heading, row
from envcheck.watch.screen.graph import bar, graph
from envcheck.watch.screen.history import GpuHistory, memory_percent
from envcheck.watch.screen.ink import BLANK, Glyphs, Line, Role, Span, clean, fit, width
from envcheck.watch.screen.view import Scene
from envcheck.watch.tick import GpuTick, MigTick, read

_MAX_GRAPH = 8
_MIN_GRAPH = 2
_NAME_LEAST, _NAME_MOST = 15, 24  # columns a name may take


def panel(scene: Scene, cells: int, rows: int) -> list[Line]:
    """A heading and all GPUs in at most `rows` lines; those that do not fit are counted."""
    tick = scene.tick
    if tick is None or rows < 2:
        return []
    each, high = _form(scene, rows - 1)
    every = _columns(scene)
    if high:  # graphs of their own say more than one row of it
        every = [column for column in every if column.title != "HISTORY"]
    columns = choose(every, cells)
    blocks = [_block(scene, gpu, columns, cells, each, high) for gpu in tick.gpus]
    if sum(map(len, blocks)) > rows - 1:  # MIG instances are a note then
        blocks = [block[:each] for block in blocks]
    lines = list(itertools.chain.from_iterable(blocks))
    if len(lines) > rows - 1:
        kept = (rows - 2) // each
        lines = lines[: kept * each]
        missing = f"  {scene.glyphs.more} {len(tick.gpus) - kept} more GPUs: Enter shows one each"
        lines.append((Span(missing, "warn"),))
    return [heading(columns, scene.glyphs), *lines]


def _form(scene: Scene, rows: int) -> tuple[int, int]:
    """Lines a GPU takes, and how many of them are graphs."""
    count = len(scene.tick.gpus) if scene.tick else 0
    layout = scene.view.layout
    if not count or layout == "rows":
        return 1, 0
    if layout == "two rows":
        return 2, 0
    room = rows // count
    if layout == "graphs" or room >= 2 + _MIN_GRAPH:
        high = max(_MIN_GRAPH, min(_MAX_GRAPH, room - 2))
        return high + 2, high
    return (2, 0) if room >= 2 else (1, 0)


def _block(
    scene: Scene,
    gpu: GpuTick,
    columns: list[Column[GpuTick]],
    cells: int,
    each: int,
    high: int,
) -> list[Line]:
    glyphs, history = scene.glyphs, scene.history.of(gpu.index)
    if gpu.error:
        head: list[Span] = [Span(f"{gpu.index:>3}", "bad"), Span(f" {_name(gpu, glyphs)}  ")]
        said = [*words.faults(gpu, history), clean(gpu.error.reason, glyphs)]
        lines = [fit([*head, Span(", ".join(said), "bad")], cells, glyphs)]
    else:
        lines = [row(columns, gpu, glyphs)]
    if high:
        lines += _graphs(history, cells, high, glyphs)
    if each > 1:
        shown = {column.title for column in columns}
        lines.append(BLANK if gpu.error else _second(gpu, shown, cells, glyphs))
    return lines + [_mig(mig, cells, glyphs) for mig in read(gpu.mig_devices) or ()]


def _columns(scene: Scene) -> list[Column[GpuTick]]:
    glyphs = scene.glyphs
    gpus = scene.tick.gpus if scene.tick else ()
    named = max((len(_name(gpu, glyphs)) for gpu in gpus), default=4)
    longest = max(12, min(named, _NAME_MOST))

    def text(value: str, role: Role = "") -> Line:
        return (Span(value, role),)

    def both(gpu: GpuTick, way: str) -> Line:
        sent, received = words.traffic(gpu, way)
        return text(words.of(sent, received))

    def notes(gpu: GpuTick, cells: int) -> Line:
        return _notes(gpu, scene.history.of(gpu.index), cells, glyphs)

    def spark(gpu: GpuTick, cells: int) -> Line:
        history = scene.history.of(gpu.index)
        return graph(
            list(history.utilization),
            list(history.utilization_peak),
            100,
            (cells, 1),
            "use",
            glyphs,
        )[0]

    sent = f"{glyphs.up}/{glyphs.down}"
    return [
        Column("GPU", 3, 0, lambda g, _: text(str(g.index), "bold")),
        Column("NAME", min(longest, _NAME_LEAST), 7, lambda g, _: text(_name(g, glyphs)),
               left=True, elastic=1, most=longest),
        Column("HISTORY", 8, 6, spark, elastic=3, most=60),
        Column("UTIL", 4, 1, lambda g, _: text(words.percent(g.utilization_percent), "use")),
        Column("PEAK", 4, 5, lambda g, _: text(words.percent(g.utilization_peak_percent))),
        Column("MEM", 8, 9, lambda g, n: bar(memory_percent(g), 100, n, "mem", glyphs), left=True),
        Column("GiB/OF", 9, 2, lambda g, _: text(_memory(g), "mem")),
        Column("W/LIM", 7, 3, lambda g, _: text(_power(g))),
        Column("C", 3, 4, lambda g, _: text(words.number(g.temperature_celsius))),
        Column("MHz", 4, 5, lambda g, _: text(words.number(g.sm_clock_mhz))),
        Column(f"PCIe{sent}", 11, 10, lambda g, _: both(g, "pcie")),
        Column(f"NVL{sent}", 11, 11, lambda g, _: both(g, "nvlink")),
        Column("ENC/DEC", 9, 12, lambda g, _: text(_codecs(g))),
        Column("ECC", 5, 13, lambda g, _: text(_ecc(g))),
        Column("NOTES", 12, 1, notes, left=True, elastic=2, most=24),
    ]  # fmt: skip


def _name(gpu: GpuTick, glyphs: Glyphs) -> str:
    return clean(words.model(gpu), glyphs)


def _memory(gpu: GpuTick) -> str:
    return words.of(words.gib(gpu.memory_used_bytes), words.gib(gpu.memory_total_bytes))


def _power(gpu: GpuTick) -> str:
    used, limit = words.number(gpu.power_watts), words.number(gpu.power_limit_watts)
    return used if limit == words.NONE else words.of(used, limit)


def _codecs(gpu: GpuTick) -> str:
    return words.of(words.percent(gpu.encoder_percent), words.percent(gpu.decoder_percent))


def _ecc(gpu: GpuTick) -> str:
    return words.of(words.number(gpu.ecc_corrected), words.number(gpu.ecc_uncorrected))


def _notes(gpu: GpuTick, history: GpuHistory, cells: int, glyphs: Glyphs) -> Line:
    """The worst first; what does not fit is counted."""
    notes: list[Span] = [Span(f"!{word}", "bad") for word in words.faults(gpu, history)]
    notes += [Span(word, "warn") for word in words.unreadable(gpu) + words.throttles(gpu)]
    if migs := read(gpu.mig_devices):
        notes.append(Span(f"{len(migs)} MIG"))
    return _counted(notes, cells, glyphs)


def _counted(notes: Sequence[Span], cells: int, glyphs: Glyphs) -> Line:
    for kept in range(len(notes), 0, -1):
        line: list[Span] = []
        for note in notes[:kept]:
            line += [Span(" "), note] if line else [note]
        if kept < len(notes):
            line.append(Span(f" +{len(notes) - kept}", "warn"))
        if width(line) <= cells:
            return tuple(line)
    return fit(notes[:1], cells, glyphs)


def _second(gpu: GpuTick, shown: set[str], cells: int, glyphs: Glyphs) -> Line:
    """What has no column on a screen of this width."""
    sent = f"{glyphs.up}/{glyphs.down}"
    pairs = [
        ("PCIe", _arrows(gpu, "pcie", glyphs), f"PCIe{sent}"),
        ("NVLink", _arrows(gpu, "nvlink", glyphs), f"NVL{sent}"),
        ("enc/dec", _codecs(gpu), "ENC/DEC"),
        ("ECC", _ecc(gpu), "ECC"),
        ("mem busy", words.percent(gpu.memory_utilization_percent), ""),
        ("mem C", words.number(gpu.memory_temperature_celsius), ""),
        ("fan", words.percent(gpu.fan_percent), ""),
        ("mem MHz", words.number(gpu.memory_clock_mhz), ""),
    ]
    line: list[Span] = [Span("   ")]
    for name, value, column in pairs:
        if value == words.NONE or column in shown:
            continue
        more = [Span(f" {name} ", "dim"), Span(f"{value} ")]
        if width(line) + width(more) > cells:
            break
        line += more
    return tuple(line)


def _arrows(gpu: GpuTick, way: str, glyphs: Glyphs) -> str:
    sent, received = words.traffic(gpu, way)
    if sent == received == words.NONE:
        return words.NONE
    return f"{glyphs.up}{sent} {glyphs.down}{received}"


def _graphs(history: GpuHistory, cells: int, high: int, glyphs: Glyphs) -> list[Line]:
    """Utilisation and memory side by side, each with its name at the left."""
    half = (cells - 14) // 2
    if half < 4:
        return [BLANK] * high
    left = graph(
        list(history.utilization), list(history.utilization_peak), 100, (half, high), "use", glyphs
    )
    right = graph(list(history.memory), (), 100, (half, high), "mem", glyphs)
    lines = []
    for number, (one, other) in enumerate(zip(left, right, strict=True)):
        names = ("  util ", "  mem  ") if number == 0 else ("       ", "       ")
        lines.append((Span(names[0], "dim"), *one, Span(names[1], "dim"), *other))
    return lines


def _mig(mig: MigTick, cells: int, glyphs: Glyphs) -> Line:
    name = clean(read(mig.name) or "MIG", glyphs).rpartition("MIG ")[2]
    used = words.of(words.gib(mig.memory_used_bytes), words.gib(mig.memory_total_bytes))
    place = f"{_part(mig.gpu_instance)}/{_part(mig.compute_instance)}"
    uuid = clean(read(mig.uuid) or words.NONE, glyphs)
    return fit(
        (
            Span(f"    {glyphs.last_branch} MIG {name} {place}  "),
            Span(f"{used} GiB  ", "mem"),
            Span(uuid, "dim"),
        ),
        cells,
        glyphs,
    )


def _part(value: object) -> str:
    return str(value) if isinstance(value, int) else "?"
