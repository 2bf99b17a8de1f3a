"""`nvidia-smi --query-compute-apps` by our own hand. Pure."""

import math
from collections.abc import Sequence
from datetime import datetime

import msgspec

from envcheck.nvml.readings import NvmlError
from envcheck.nvml.signals import ProcessUse
from envcheck.watch.query import Field, Format, QueryError, cell


class Column(msgspec.Struct, frozen=True):
    """One field of `--help-query-compute-apps`; `call` asks what belongs to the GPU."""

    name: str
    call: tuple[str | int, ...] = ()
    take: str | None = None
    unit: str = ""

    @property
    def header(self) -> str:
        return f"{self.name} [{self.unit}]" if self.unit else self.name


COLUMNS = (
    Column("timestamp"),
    Column("gpu_name", ("nvmlDeviceGetName",)),
    Column("gpu_bus_id", ("pci",), "busId"),
    Column("gpu_serial", ("nvmlDeviceGetSerial",)),
    Column("gpu_uuid", ("nvmlDeviceGetUUID",)),
    Column("pid"),
    Column("process_name"),
    Column("used_gpu_memory", unit="MiB"),
)
_ALIASES = {"name": "process_name", "used_memory": "used_gpu_memory"}


def parse(text: str) -> tuple[Column, ...]:
    """The columns of `--query-compute-apps=TEXT`.

    Raises:
        QueryError: one of them does not exist.
    """
    known = {column.name: column for column in COLUMNS}
    chosen = []
    for name in (part.strip() for part in text.split(",")):
        column = known.get(_ALIASES.get(name, name))
        if column is None:
            raise QueryError(f'Field "{name}" is not a valid field to query.\n\n', 2)
        chosen.append(column)
    return tuple(chosen)


def header(chosen: Sequence[Column]) -> str:
    return ", ".join(column.header for column in chosen)


def row(
    chosen: Sequence[Column],
    gpu: Sequence[object],
    use: ProcessUse,
    process: object,
    form: Format,
    now: datetime,
) -> str:
    """One process's line; `gpu` holds the readings of `chosen`, `process` its name."""
    own = {
        "timestamp": now.strftime("%Y/%m/%d %H:%M:%S.") + f"{now.microsecond // 1000:03d}",
        "pid": str(use.pid),
        "process_name": "[Not Found]" if isinstance(process, NvmlError) else str(process),
        "used_gpu_memory": _memory(use.memory_bytes, form),
    }
    return ", ".join(
        own.get(column.name) or cell(Field(column.name, take=column.take), reading, form, "")
        for column, reading in zip(chosen, gpu, strict=True)
    )


def _memory(size: int | None, form: Format) -> str:
    if size is None:
        return "[N/A]"
    return f"{math.ceil(size / (1 << 20))}{' MiB' if form.units else ''}"
