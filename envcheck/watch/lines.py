"""Ticks as lines for other programs: JSON lines and CSV. Pure."""

import csv
import io
from collections.abc import Iterable

from envcheck.watch.tick import GpuTick, Tick, Unread, encode

# Lists do not fit a cell, and the reasons stand together in the last one.
_COLUMNS = tuple(
    name
    for name in GpuTick.__struct_fields__
    if name not in {"utilization_samples_percent", "mig_devices", "error"}
)


def jsonl(tick: Tick) -> str:
    """One object a tick, with the newline."""
    return encode(tick).decode() + "\n"


def csv_header() -> str:
    return _line(["timestamp", "interval_s", *_COLUMNS, "error", "unread"])


def csv_rows(tick: Tick) -> str:
    """One line a GPU. A value that could not be read is empty and named in `unread`."""
    return "".join(_row(tick, gpu) for gpu in tick.gpus)


def _row(tick: Tick, gpu: GpuTick) -> str:
    values = [getattr(gpu, name) for name in _COLUMNS]
    unread = [
        f"{name}={value.error}"
        for name, value in zip(_COLUMNS, values, strict=True)
        if isinstance(value, Unread)
    ]
    error = gpu.error.reason if gpu.error else ""
    cells = [tick.timestamp, tick.interval_s, *map(_cell, values), error, " ".join(unread)]
    return _line(cells)


def _cell(value: object) -> object:
    if isinstance(value, Unread):
        return ""
    return " ".join(map(str, value)) if isinstance(value, tuple) else value


def _line(cells: Iterable[object]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()
