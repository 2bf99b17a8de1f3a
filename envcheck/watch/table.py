"""One tick as plain text for people: GPUs, processes, what could not be read. Pure."""

from collections.abc import Sequence

from envcheck.render.style import Style, plain
from envcheck.watch.tick import GpuTick, ProcessTick, Tick, Unread, read
from envcheck.watch.units import size

_QUIET = {"gpu_idle"}
_GAP = "  "


_GPU_HEAD = (
    *("GPU", "<NAME", "UTIL", "PEAK", "MEMORY", "OF", "POWER", "LIMIT", "TEMP", "SM"),
    "<NOTES",
)
_PROCESS_HEAD = ("GPU", "PID", "<USER", "GPU MEM", "SM", "CPU", "RSS", "<COMMAND")


def table(tick: Tick, style: Style) -> str:
    """GPUs first, then processes; each unreadable value is "n/a", its reason below."""
    blocks = [_heading(tick, style), _grid(_GPU_HEAD, [_gpu(gpu) for gpu in tick.gpus], style)]
    for gpu in tick.gpus:
        blocks += _mig(gpu)
    blocks += _troubles(tick, style)
    if tick.processes:
        rows = [_process(process) for process in tick.processes]
        blocks += ["", _grid(_PROCESS_HEAD, rows, style)]
    blocks.append(_footer(tick, style))
    return "\n".join(blocks) + "\n"


def _heading(tick: Tick, style: Style) -> str:
    host = tick.host
    driver = read(tick.driver_version) or "n/a"
    cpu = read(host.cpu_percent)
    memory = f"{size(host.memory_used_bytes)} of {size(host.memory_total_bytes)}"
    dot = style.mark("dot")
    words = f"{host.name}{dot}driver {driver}{dot}CPU {_percent(cpu)}{dot}memory {memory}"
    return style.paint(plain(words), "bold")


def _gpu(gpu: GpuTick) -> tuple[str, ...]:
    return (
        str(gpu.index),
        (read(gpu.name) or "n/a").removeprefix("NVIDIA "),
        _percent(read(gpu.utilization_percent)),
        _percent(read(gpu.utilization_peak_percent)),
        _size(gpu.memory_used_bytes),
        _size(gpu.memory_total_bytes),
        _number(gpu.power_watts, "W"),
        _number(gpu.power_limit_watts, "W"),
        _number(gpu.temperature_celsius, "C"),
        _number(gpu.sm_clock_mhz, "MHz"),
        _notes(gpu),
    )


def _notes(gpu: GpuTick) -> str:
    notes = []
    if gpu.error:
        notes.append(gpu.error.error)
    if not isinstance(gpu.xids, Unread) and gpu.xids:
        notes.append("Xid " + ",".join(map(str, gpu.xids)))
    notes += [reason for reason in read(gpu.throttle_reasons) or () if reason not in _QUIET]
    if read(gpu.ecc_uncorrected):
        notes.append(f"{gpu.ecc_uncorrected} uncorrected ECC")
    if read(gpu.remapping_failed):
        notes.append("row remapping failed")
    elif read(gpu.remapping_pending):
        notes.append("row remapping pending")
    return ", ".join(notes)


def _mig(gpu: GpuTick) -> list[str]:
    return [
        f"GPU {gpu.index}, {read(mig.name) or 'MIG'}: {_size(mig.memory_used_bytes)} of"
        f" {_size(mig.memory_total_bytes)}, {read(mig.uuid) or 'n/a'}"
        for mig in read(gpu.mig_devices) or ()
    ]


def _process(process: ProcessTick) -> tuple[str, ...]:
    where = process.container or process.pod
    command = read(process.command)
    if command is None:
        command = f"({process.command.reason})" if isinstance(process.command, Unread) else ""
    return (
        str(process.gpu_index)
        + (f".{process.gpu_instance}" if process.gpu_instance is not None else ""),
        str(process.pid),
        read(process.user) or "n/a",
        _size(process.gpu_memory_bytes),
        _percent(read(process.sm_percent)),
        _percent(read(process.cpu_percent)),
        _size(process.rss_bytes),
        f"{command}  [{where}]" if where else command,
    )


def _troubles(tick: Tick, style: Style) -> list[str]:
    """Why something is "n/a", once for each reason, with the GPUs that it concerns."""
    shown = ("utilization_percent", "memory_used_bytes", "power_watts", "temperature_celsius")
    reasons: dict[str, list[int]] = {}
    for gpu in tick.gpus:
        # A GPU that is gone says so once.
        cells = [gpu.error] if gpu.error else [getattr(gpu, name) for name in shown]
        for why in dict.fromkeys(cell.reason for cell in cells if isinstance(cell, Unread)):
            reasons.setdefault(why, []).append(gpu.index)
    gone = {gpu.index for gpu in tick.gpus if gpu.error}
    for index, unread in tick.processes_unread.items():
        if index in gone:
            continue
        reasons.setdefault(unread.reason, []).append(index)
    return [
        style.paint(plain(f"GPU {', '.join(map(str, sorted(set(gpus))))}: {why}"), "yellow")
        for why, gpus in reasons.items()
    ]


def _footer(tick: Tick, style: Style) -> str:
    coverages = [g.utilization_coverage_ratio for g in tick.gpus if g.utilization_source != "none"]
    covered = f"{100 * min(coverages):.0f} %" if coverages else "nothing"
    words = f"utilisation covers {covered} of the last {tick.interval_s:.3g} s"
    cpu, calls = read(tick.overhead.cpu_percent), read(tick.overhead.nvml_calls_per_second)
    if cpu is not None and calls is not None:
        words += f"; watching costs {cpu:.1f} % of a core, {calls:.0f} NVML calls/s"
    return style.paint(words, "dim")


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]], style: Style) -> str:
    """Columns side by side; a heading that starts with "<" is for a column set to the left."""
    names = [name.removeprefix("<") for name in head]
    left = [name.startswith("<") for name in head]
    clean = [[plain(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [names, *clean]) for i in range(len(names))]
    lines = []
    for number, row in enumerate([names, *clean]):
        cells = [
            cell.ljust(width) if to_left else cell.rjust(width)
            for cell, width, to_left in zip(row, widths, left, strict=True)
        ]
        line = _GAP.join(cells).rstrip()
        lines.append(style.paint(line, "dim") if number == 0 else line)
    return "\n".join(lines)


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.0f} %"


def _size(value: int | Unread) -> str:
    return "n/a" if isinstance(value, Unread) else size(value)


def _number(value: float | Unread, unit: str) -> str:
    return "n/a" if isinstance(value, Unread) else f"{value:.0f} {unit}"
