"""`nvidia-smi --query-gpu` by our own hand: the same fields, headers, cells and messages. Pure.

What nvidia-smi prints is data (data/query_fields.json); how each value is asked of NVML too.
"""

import functools
import math
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib import resources
from typing import Any, Literal

import msgspec

from envcheck.errors import UsageError
from envcheck.nvml.readings import NvmlError

Status = Literal["certain", "compared", "unverified"]
Reading = object  # plain data from the worker, or an NvmlError

_TOKENS = {  # nvmlErrorString, in nvidia-smi's brackets
    "NOT_SUPPORTED": "N/A",
    "NO_PERMISSION": "Insufficient Permissions",
    "NOT_FOUND": "Not Found",
    "TIMEOUT": "Timeout",
    "GPU_IS_LOST": "GPU is lost",
    "RESET_REQUIRED": "GPU requires reset",
    "FUNCTION_NOT_FOUND": "Function Not Found",
    "DEPRECATED": "Requested functionality has been deprecated",
}
_MIB = 1 << 20


class QueryError(Exception):
    """nvidia-smi's own message and exit code for a query that it does not take."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.message, self.exit_code = message, exit_code


class Field(msgspec.Struct, frozen=True):
    """One field of `--help-query-gpu`."""

    name: str
    aliases: tuple[str, ...] = ()
    unit: str = ""
    call: tuple[str | int, ...] = ()  # empty: NVML does not tell, the cell is [N/A]
    take: str | int | None = None  # a part of what the call gives
    form: str = "text"
    absent: str = "[N/A]"  # the cell of a value that the GPU does not have
    deprecated_since: int | None = None  # driver branch that prints only that it is deprecated
    status: Status = "unverified"

    @property
    def header(self) -> str:
        return f"{self.name} [{self.unit}]" if self.unit else self.name


class Format(msgspec.Struct, frozen=True):
    """`--format=csv[,noheader][,nounits]`."""

    header: bool = True
    units: bool = True


@functools.cache
def fields() -> tuple[Field, ...]:
    """Every field, in the order of `--help-query-gpu`."""
    text = resources.files("envcheck.watch").joinpath("data/query_fields.json").read_bytes()
    return msgspec.json.decode(text, type=_Table).fields


class _Table(msgspec.Struct):
    fields: tuple[Field, ...]


def parse_fields(text: str) -> tuple[Field, ...]:
    """The fields of `--query-gpu=TEXT`.

    Raises:
        QueryError: one of them does not exist.
    """
    known = {name: field for field in fields() for name in (field.name, *field.aliases)}
    return tuple(_named(known, name.strip()) for name in text.split(","))


def _named(known: dict[str, Field], name: str) -> Field:
    if name not in known:
        raise QueryError(f'Field "{name}" is not a valid field to query.\n\n', 2)
    return known[name]


def parse_format(text: str | None) -> Format:
    """The value of `--format`.

    Raises:
        QueryError: it is missing.
        UsageError: it is not csv, or has an unknown part.
    """
    if text is None:
        message = "\"--format=\" switch is missing. Please run 'nvidia-smi -h' for help.\n"
        raise QueryError(message, 2)
    words = [word.strip() for word in text.split(",")]
    if "csv" not in words or set(words) - {"csv", "noheader", "nounits"}:
        raise UsageError(f"--format with --query-gpu is csv[,noheader][,nounits], not {text!r}")
    return Format(header="noheader" not in words, units="nounits" not in words)


def header(chosen: Sequence[Field]) -> str:
    return ", ".join(field.header for field in chosen)


def row(
    chosen: Sequence[Field],
    readings: Sequence[Reading],
    form: Format,
    *,
    now: datetime,
    driver: str,
) -> str:
    """One GPU's line. `readings` are in the order of `chosen`; `now` is local time."""
    stamp = now.strftime("%Y/%m/%d %H:%M:%S.") + f"{now.microsecond // 1000:03d}"
    cells = []
    for field, reading in zip(chosen, readings, strict=True):
        cells.append(stamp if field.name == "timestamp" else cell(field, reading, form, driver))
    return ", ".join(cells)


def cell(field: Field, reading: Reading, form: Format, driver: str) -> str:
    """One value as nvidia-smi prints it."""
    if field.deprecated_since and _branch(driver) >= field.deprecated_since:
        return f"[{_TOKENS['DEPRECATED']}]"
    if isinstance(reading, NvmlError):
        return field.absent if reading.name == "NOT_SUPPORTED" else _token(reading)
    value = _part(reading, field.take) if field.form != "active" else reading
    if value is None and field.form != "valid":
        return field.absent
    text = _FORMS[field.form](value, field)
    shows_unit = field.unit and form.units and not text.startswith("[")
    return f"{text} {field.unit}" if shows_unit else text


def _token(error: NvmlError) -> str:
    return f"[{_TOKENS.get(error.name, 'Unknown Error')}]"


def _part(reading: Any, take: str | int | None) -> Any:
    if take is None:
        return reading
    try:
        return reading[take]
    except (KeyError, IndexError, TypeError):
        return None


def _branch(driver: str) -> int:
    major = driver.partition(".")[0]
    return int(major) if major.isdecimal() else 0


def _choice(*names: str) -> Callable[[Any, Field], str]:
    """The name at that place of an enumeration."""
    return lambda value, field: names[value] if 0 <= value < len(names) else "[Unknown Error]"


def _hex(digits: int) -> Callable[[Any, Field], str]:
    return lambda value, field: f"0x{value:0{digits}X}"


_FORMS: dict[str, Callable[[Any, Field], str]] = {
    "text": lambda value, field: str(value),
    "int": lambda value, field: str(int(value)),
    "fixed2": lambda value, field: f"{value:.2f}",
    "milli": lambda value, field: f"{value / 1000:.2f}",
    "mib": lambda value, field: str(math.ceil(value / _MIB)),
    "dotted": lambda value, field: ".".join(str(part) for part in value),
    "count": lambda value, field: str(len(value)),
    "active": lambda value, field: "Active" if value >> int(field.take or 0) & 1 else "Not Active",
    "hex1": _hex(1),
    "hex2": _hex(2),
    "hex4": _hex(4),
    "hex8": _hex(8),
    "hex16": _hex(16),
    "enabled": _choice("Disabled", "Enabled"),
    "yes": _choice("No", "Yes"),
    "pstate": lambda value, field: f"P{value}",
    "valid": lambda value, field: "valid",
    "supported": _choice("[N/A]", "Supported"),
    "compute_mode": _choice("Default", "Exclusive_Thread", "Prohibited", "Exclusive_Process"),
    "addressing": _choice("None", "HMM", "ATS"),
    "driver_model": _choice("WDDM", "TCC", "MCDM"),
    "gom": _choice("All On", "Compute", "Low Double Precision"),
    "recovery": _choice("None", "GPU Reset", "Node Reboot", "Drain P2P", "Drain and Reset"),
    "fabric_state": _choice("N/A", "Not Started", "In Progress", "Completed"),
    "fabric_status": lambda value, field: "Success" if value == 0 else "Unknown Error",
    "peer_type": _choice("Direct Connected", "Switch Connected"),
}
