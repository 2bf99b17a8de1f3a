"""`/etc/ld.so.cache`: which file the system's dynamic loader knows for a library name.

Reads the format of glibc since 2.2 ("glibc-ld.so.cache1.1"), alone or behind the older one, and the
older one alone. Must not know whether the files exist. Layout: glibc, sysdeps/generic/dl-cache.h
"""

from __future__ import annotations

import struct

import msgspec

from envcheck.binaries.errors import Malformed, TooLarge, Truncated, Unsupported

CACHE_PATH = "/etc/ld.so.cache"
MAX_SIZE = 64 << 20  # bytes; a desktop's cache has 100 KB

_OLD_MAGIC, _NEW_MAGIC = b"ld.so-1.7.0\0", b"glibc-ld.so.cache1.1"
_OLD_HEADER, _OLD_ENTRY = 16, struct.Struct("<III")
_NEW_HEADER, _NEW_ENTRY = 48, struct.Struct("<IIIIQ")
_BIG_ENDIAN = 3

# The kind of library an entry names: ELF for glibc, and the processor.
_FLAGS = {
    "x86_64": 0x0303,
    "aarch64": 0x0A03,
    "ppc64le": 0x0503,
    "i386": 0x0003,
    "riscv64": 0x1003,
    "loongarch64": 0x1203,
}


class CacheEntry(msgspec.Struct, frozen=True, gc=False):
    name: str  # "libcuda.so.1"
    path: str  # "/usr/lib/x86_64-linux-gnu/libcuda.so.1"
    flags: int  # kind of library, see `LdCache.find`
    hwcap: int  # 0: for every processor


class LdCache(msgspec.Struct, frozen=True):
    """Entries in file order, which is the loader's order of preference."""

    entries: tuple[CacheEntry, ...] = ()

    def find(self, name: str, machine: str) -> str | None:
        """The path for a library on a machine ("x86_64", "aarch64"); None when not listed.

        Variants for newer processors (glibc-hwcaps) are passed over: same library, other tuning.
        """
        flags = _FLAGS.get(machine)
        for entry in self.entries:
            if entry.name == name and entry.flags == flags and not entry.hwcap:
                return entry.path
        return None


def parse_ld_cache(data: bytes) -> LdCache:
    """The cache in `data`. Raises `BinaryError`."""
    if len(data) > MAX_SIZE:
        raise TooLarge(f"a loader cache of {len(data)} bytes")
    if data.startswith(_NEW_MAGIC):
        return _parse_new(data)
    if not data.startswith(_OLD_MAGIC):
        raise Malformed("no loader cache")
    if len(data) < _OLD_HEADER:
        raise Truncated("the loader cache ends in its header")
    count = int.from_bytes(data[12:16], "little")
    end = _OLD_HEADER + count * _OLD_ENTRY.size
    if end > len(data):
        raise Truncated("the loader cache ends before its last entry")
    new_start = -(-end // 8) * 8
    if data.startswith(_NEW_MAGIC, new_start):
        return _parse_new(data[new_start:])
    return LdCache(
        tuple(
            CacheEntry(_text(data, end + name), _text(data, end + path), flags, 0)
            for flags, name, path in _OLD_ENTRY.iter_unpack(data[_OLD_HEADER:end])
        )
    )


def _parse_new(data: bytes) -> LdCache:
    """The newer format; its offsets count from its own start."""
    if len(data) < _NEW_HEADER:
        raise Truncated("the loader cache ends in its header")
    count = int.from_bytes(data[20:24], "little")
    if data[28] & 3 == _BIG_ENDIAN:
        raise Unsupported("a loader cache for a big-endian machine")
    end = _NEW_HEADER + count * _NEW_ENTRY.size
    if end > len(data):
        raise Truncated("the loader cache ends before its last entry")
    return LdCache(
        tuple(
            CacheEntry(_text(data, name), _text(data, path), flags, hwcap)
            for flags, name, path, _, hwcap in _NEW_ENTRY.iter_unpack(data[_NEW_HEADER:end])
        )
    )


def _text(data: bytes, at: int) -> str:
    end = data.find(0, at, at + 4096 + 1)
    if end < 0:
        raise Malformed("a loader cache entry without its text")
    return data[at:end].decode("utf-8", "backslashreplace")
