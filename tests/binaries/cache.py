"""Makes loader caches (`/etc/ld.so.cache`), after glibc's dl-cache.h."""

import struct
from collections.abc import Sequence
from typing import NamedTuple


class Row(NamedTuple):
    name: str
    path: str
    flags: int = 0x0303  # ELF for glibc, x86_64
    hwcap: int = 0


def _strings(rows: Sequence[Row], start: int) -> tuple[bytes, list[tuple[int, int]]]:
    data, places = b"", []
    for row in rows:
        name_at = start + len(data)
        data += row.name.encode() + b"\0"
        places.append((name_at, start + len(data)))
        data += row.path.encode() + b"\0"
    return data, places


def new_cache(rows: Sequence[Row]) -> bytes:
    strings, places = _strings(rows, 48 + 24 * len(rows))
    header = b"glibc-ld.so.cache1.1" + struct.pack("<IIB3xI12x", len(rows), len(strings), 2, 0)
    entries = b"".join(
        struct.pack("<iIIIQ", row.flags, name, path, 0, row.hwcap)
        for row, (name, path) in zip(rows, places, strict=True)
    )
    return header + entries + strings


def old_cache(rows: Sequence[Row]) -> bytes:
    """The format before glibc 2.2."""
    strings, places = _strings(rows, 0)
    return _old_entries(rows, places) + strings


def double_cache(rows: Sequence[Row]) -> bytes:
    """Both formats in one file, as Debian wrote until 2021; the strings are shared."""
    start = _old_entries(rows, [(0, 0)] * len(rows))
    return start + bytes(-len(start) % 8) + new_cache(rows)


def _old_entries(rows: Sequence[Row], places: Sequence[tuple[int, int]]) -> bytes:
    return (
        b"ld.so-1.7.0\0"
        + struct.pack("<I", len(rows))
        + b"".join(
            struct.pack("<iII", row.flags, name, path)
            for row, (name, path) in zip(rows, places, strict=True)
        )
    )
