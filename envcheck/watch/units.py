"""Sizes, durations and numbers as people write and read them. Pure."""

import re
from datetime import datetime

from envcheck.errors import UsageError

_SIZES = {
    "": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
    "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40,
}  # fmt: skip
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_size(text: str) -> int:
    """Bytes: "20GiB", "20 GB", "512m" (powers of 1024 without the B), "1048576".

    Raises:
        UsageError: it is no size.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", text)
    if not match or match[2].lower() not in _SIZES:
        raise UsageError(f"{text!r} is no size: write it as 20GiB, 500MB or a number of bytes")
    return int(float(match[1]) * _SIZES[match[2].lower()])


def parse_seconds(text: str) -> float:
    """Seconds: "500ms", "30s", "10m", "2h".

    Raises:
        UsageError: it is no duration.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*", text)
    if not match:
        raise UsageError(f"{text!r} is no duration: write it as 30s, 10m or 2h")
    return float(match[1]) * _SECONDS[match[2]]


def size(count: float) -> str:
    """Bytes in the largest binary unit that keeps them above one: "59.6 GiB"."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def clock(seconds: float) -> str:
    """A duration as a stopwatch shows it: "1:02:03" or "2:03.4"."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{int(rest):02d}" if hours else f"{minutes}:{rest:04.1f}"


def moment(stamp: str) -> datetime | None:
    """A time of RFC 3339; None when a recording holds something else."""
    try:
        at = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    except ValueError:
        return None
    return at if at.tzinfo is not None and at.year > 1 else None  # so that its zone can be changed
