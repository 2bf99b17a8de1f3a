"""Everything about one GPU: all its values, or why they are missing, and its history. Pure."""

import textwrap
from collections.abc import Callable, Iterator

from envcheck.watch.screen import words
from envcheck.watch.screen.graph import graph
from envcheck.watch.screen.ink import BLANK, Glyphs, Line, Role, Span, clean, fit
from envcheck.watch.screen.view import Scene
from envcheck.watch.tick import GpuTick, Unread, read

_GRAPH = 10  # lines of graphs where there is room
_LABEL = 13


def page(scene: Scene, cells: int, rows: int) -> list[Line]:
    """The page from the line `view.scroll` on, exactly `rows` lines."""
    glyphs, tick = scene.glyphs, scene.tick
    if tick is None or not tick.gpus:
        return [BLANK] * rows
    gpu = tick.gpus[min(scene.view.gpu, len(tick.gpus) - 1)]
    lines = list(_values(scene, gpu, cells))
    high = min(_GRAPH, rows - len(lines) - 3)
    if high >= 2:
        lines += _history(scene, gpu, cells, high)
    title = f"GPU {gpu.index} of {len(tick.gpus)}  {clean(read(gpu.name) or words.NONE, glyphs)}"
    head = (Span(title, "bold"), Span("   Left Right: others  Esc: back", "dim"))
    body = rows - 1
    first = max(0, min(scene.view.scroll, len(lines) - body))
    return [fit(head, cells, glyphs), *(lines[first:] + [BLANK] * body)[:body]]


def _values(scene: Scene, gpu: GpuTick, cells: int) -> Iterator[Line]:
    glyphs, history = scene.glyphs, scene.history.of(gpu.index)
    if gpu.error:
        yield from _wrapped("", gpu.error.reason, cells, glyphs, "bad")
    if history.xid:
        number, when = history.xid
        said = f"{number} at {words.clock(when)}, {history.xids} seen in all"
        yield from _wrapped("Xid", said, cells, glyphs, "bad")
    if not gpu.error:
        for label, text in _facts(gpu, glyphs):
            yield from _wrapped(label, text, cells, glyphs)
        for why in _reasons(gpu):
            yield from _wrapped("not read", why, cells, glyphs, "warn")


def _wrapped(label: str, text: str, cells: int, glyphs: Glyphs, role: Role = "") -> Iterator[Line]:
    room = max(8, cells - _LABEL)
    for number, line in enumerate(textwrap.wrap(clean(text, glyphs), room) or [""]):
        shown = label if number == 0 else ""
        yield (Span(shown.ljust(_LABEL), "dim"), Span(line, role))


def _facts(gpu: GpuTick, glyphs: Glyphs) -> Iterator[tuple[str, str]]:
    """Label and words; each value that is missing says NVML's name for why."""

    def percent(name: str) -> str:
        return _said(getattr(gpu, name), lambda value: f"{value:.4g} %")

    def plain(name: str, unit: str = "") -> str:
        return _said(getattr(gpu, name), lambda value: f"{value:.5g}{unit}")

    def size(name: str) -> str:
        return _said(getattr(gpu, name), words.size)

    def yes(name: str) -> str:
        return _said(getattr(gpu, name), lambda value: "yes" if value else "no")

    def covered(name: str) -> str:
        share = getattr(gpu, f"{name}_coverage_ratio")
        return f"from {getattr(gpu, f'{name}_source')}, {100 * share:.0f} % covered"

    yield "id", f"{_said(gpu.uuid, str)}  PCI {_said(gpu.pci_bus_id, str)}"
    yield (
        "utilisation",
        (
            f"{percent('utilization_percent')}, peak {percent('utilization_peak_percent')}"
            f" ({covered('utilization')})"
        ),
    )
    yield (
        "memory",
        (
            f"{size('memory_used_bytes')} of {size('memory_total_bytes')},"
            f" free {size('memory_free_bytes')}, driver {size('memory_reserved_bytes')},"
            f" busy {percent('memory_utilization_percent')}"
        ),
    )
    yield (
        "power",
        (
            f"{plain('power_watts', ' W')}, peak {plain('power_peak_watts', ' W')},"
            f" limit {plain('power_limit_watts', ' W')} ({covered('power')})"
        ),
    )
    yield "energy", _said(gpu.energy_joules, lambda joules: f"{joules / 3.6e6:,.2f} kWh")
    yield (
        "temperature",
        (
            f"{plain('temperature_celsius', ' C')}, memory"
            f" {plain('memory_temperature_celsius', ' C')}, fan {percent('fan_percent')}"
        ),
    )
    yield (
        "clocks",
        (
            f"SM {plain('sm_clock_mhz')} of {plain('sm_clock_max_mhz', ' MHz')},"
            f" memory {plain('memory_clock_mhz', ' MHz')}, P{plain('performance_state')}"
        ),
    )
    yield "throttled by", _said(gpu.throttle_reasons, ", ".join) or "nothing"
    yield "video", f"encoder {percent('encoder_percent')}, decoder {percent('decoder_percent')}"
    yield (
        "PCIe",
        (
            f"{_traffic(gpu, 'pcie', glyphs)}, gen {plain('pcie_gen')} x{plain('pcie_width')},"
            f" {plain('pcie_replays')} replays"
        ),
    )
    yield "NVLink", _traffic(gpu, "nvlink", glyphs)
    yield (
        "ECC errors",
        (f"{plain('ecc_corrected')} corrected, {plain('ecc_uncorrected')} uncorrected"),
    )
    yield (
        "row remaps",
        (
            f"{plain('remapped_rows_correctable')} correctable,"
            f" {plain('remapped_rows_uncorrectable')} uncorrectable,"
            f" pending {yes('remapping_pending')}, failed {yes('remapping_failed')}"
        ),
    )
    for mig in read(gpu.mig_devices) or ():
        used = words.of(words.gib(mig.memory_used_bytes), words.gib(mig.memory_total_bytes))
        yield "MIG", f"{_said(mig.name, str)}  {used} GiB  {_said(mig.uuid, str)}"


def _said(value: object, words_: Callable[..., str]) -> str:
    return value.error if isinstance(value, Unread) else words_(value)


def _traffic(gpu: GpuTick, way: str, glyphs: Glyphs) -> str:
    sent, received = (
        _said(getattr(gpu, f"{way}_{end}_bytes_per_second"), words.size) for end in ("tx", "rx")
    )
    if sent == received and not sent[:1].isdigit():
        return sent
    return f"{glyphs.up}{sent}/s {glyphs.down}{received}/s"


def _reasons(gpu: GpuTick) -> list[str]:
    """In full why values are missing; not of what this GPU simply does not have."""
    values = (getattr(gpu, name) for name in GpuTick.__struct_fields__)
    missing = (value for value in values if isinstance(value, Unread))
    return list(dict.fromkeys(why.reason for why in missing if why.error != "NOT_SUPPORTED"))


def _history(scene: Scene, gpu: GpuTick, cells: int, high: int) -> Iterator[Line]:
    """Utilisation, memory, power and temperature side by side."""
    past, glyphs = scene.history.of(gpu.index), scene.glyphs
    power = [watts for watts in (*past.power, *past.power_peak) if watts is not None]
    limit = read(gpu.power_limit_watts) or max(power, default=1.0)
    size = ((cells - 3) // 4, high)
    if size[0] < 6:
        return
    use, peak = list(past.utilization), list(past.utilization_peak)
    four = {
        "utilisation 100 %": graph(use, peak, 100, size, "use", glyphs),
        "memory 100 %": graph(list(past.memory), (), 100, size, "mem", glyphs),
        f"power {limit:.0f} W": graph(
            list(past.power), list(past.power_peak), limit, size, "warn", glyphs
        ),
        "temperature 100 C": graph(list(past.temperature), (), 100, size, "", glyphs),
    }
    yield BLANK
    yield _side_by_side([fit((Span(title, "head"),), size[0], glyphs) for title in four])
    for row in range(high):
        yield _side_by_side([lines[row] for lines in four.values()])


def _side_by_side(parts: list[Line]) -> Line:
    line: list[Span] = []
    for part in parts:
        line += [Span(" "), *part] if line else part
    return tuple(line)
