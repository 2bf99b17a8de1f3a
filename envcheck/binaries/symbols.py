"""Dynamic symbols: which a library leaves undefined, and whether another one defines them.

Looks up names through the hash tables, as the dynamic linker does, reading only the few bytes
each question needs. Must not know what the names mean.
GNU hash layout: https://flapenguin.me/elf-dt-gnu-hash; SysV hash: the System V ABI, chapter 5.
"""

from __future__ import annotations

import struct
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from envcheck.binaries.elf import SHT_DYNSYM
from envcheck.binaries.errors import Malformed, TooLarge, Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envcheck.binaries.elf import Elf

DT_HASH, DT_SYMTAB, DT_GNU_HASH = 4, 6, 0x6FFFFEF5
_GLOBAL, _WEAK, _UNIQUE = 1, 2, 10
_MAX_SYMBOLS = 1 << 22  # libtorch_cpu has some 10^5
_MAX_CHAIN = 1 << 12  # names that share a bucket; a good table has a handful
_BATCH = 1 << 11  # symbols read at once
_MAX_STRINGS = 1 << 22  # bytes of a string table read at once


class Undefined(msgspec.Struct, frozen=True):
    """Names a library wants from others, in table order."""

    strong: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()  # may stay unresolved


class SymbolTable:
    """The dynamic symbols of one ELF file, whose source must stay open."""

    def __init__(self, elf: Elf) -> None:
        self._elf = elf
        self._source = elf.source
        # name, info, section: the two classes order a symbol's fields differently
        self._symbol = struct.Struct("<IBxH16x" if elf.wide else "<I8xBxH")

    def defines(self, name: str) -> bool:
        """Whether it defines `name` for others to link with."""
        gnu = self._gnu
        if gnu is not None:
            return gnu.find(name.encode()) is not None
        if self._elf.value(DT_HASH) is not None:
            return self._sysv_holds(name.encode())
        return False

    def address(self, name: str) -> int | None:
        """The virtual address of a symbol that it defines; None: it does not."""
        gnu = self._gnu
        index = None if gnu is None else gnu.find(name.encode())
        if index is None:
            return None
        at = self._start + index * self._symbol.size + (8 if self._elf.wide else 4)
        return int.from_bytes(self._source.read_at(at, self._elf.bits // 8), "little")

    def missing(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of `names` that it does not define."""
        return tuple(name for name in names if not self.defines(name))

    def undefined(self) -> Undefined:
        """Names it leaves for other libraries to define."""
        found: dict[int, list[int]] = {_GLOBAL: [], _WEAK: []}
        for name, info, section in self._all():
            if section == 0 and name and info >> 4 in found:
                found[info >> 4].append(name)
        return Undefined(self._strings(found[_GLOBAL]), self._strings(found[_WEAK]))

    def _strings(self, indices: list[int]) -> tuple[str, ...]:
        """Strings of the dynamic string table, which is read at once unless it is very large."""
        if not indices:
            return ()
        start, size = self._elf.strings
        table = self._source.read_at(start, size) if size <= _MAX_STRINGS else b""
        if not table.endswith(b"\0") or max(indices) >= size:
            return tuple(map(self._elf.string, indices))
        names = (table[index : table.find(0, index)] for index in indices)
        return tuple(name.decode("utf-8", "backslashreplace") for name in names)

    # ---- the table ------------------------------------------------------------------------

    @cached_property
    def _start(self) -> int:
        address = self._elf.value(DT_SYMTAB)
        if address is None:
            raise Malformed("the dynamic table names no symbol table")
        return self._elf.offset_of(address)

    @cached_property
    def _count(self) -> int:
        count = self._stated_count()
        if count > _MAX_SYMBOLS:
            raise TooLarge(f"{count} dynamic symbols")
        return count

    def _stated_count(self) -> int:
        for section in self._elf.sections:
            if section.type == SHT_DYNSYM:
                return section.size // self._symbol.size
        # Without a section table only the hash tables tell how many symbols there are.
        address = self._elf.value(DT_HASH)
        if address is not None:
            return _u32(self._source.read_at(self._elf.offset_of(address) + 4, 4))
        if self._gnu is not None:
            return self._gnu.symbol_count()
        if self._elf.value(DT_SYMTAB) is None:
            return 0
        raise Unsupported("no section table and no hash table, so symbols cannot be counted")

    def _all(self) -> Iterator[tuple[int, int, int]]:
        if not self._elf.dynamic:
            return
        for first in range(0, self._count, _BATCH):
            batch = min(_BATCH, self._count - first)
            at = self._start + first * self._symbol.size
            yield from self._symbol.iter_unpack(self._source.read_at(at, batch * self._symbol.size))

    def is_definition(self, index: int, name: bytes) -> bool:
        """Whether symbol `index` is called `name` and is defined here, visible to others."""
        size = self._symbol.size
        at = self._start + index * size
        string, info, section = self._symbol.unpack(self._source.read_at(at, size))
        if section == 0 or info >> 4 not in (_GLOBAL, _WEAK, _UNIQUE):
            return False
        strings, strings_size = self._elf.strings
        if string + len(name) + 1 > strings_size:
            return False
        return self._source.read_at(strings + string, len(name) + 1) == name + b"\0"

    # ---- hash tables ----------------------------------------------------------------------

    @cached_property
    def _gnu(self) -> _GnuHash | None:
        address = self._elf.value(DT_GNU_HASH)
        return None if address is None else _GnuHash(self, self._elf, address)

    def _sysv_holds(self, name: bytes) -> bool:
        address = self._elf.value(DT_HASH)
        assert address is not None
        table = self._elf.offset_of(address)
        buckets, chains = struct.unpack("<II", self._source.read_at(table, 8))
        if not buckets:
            return False
        index = _u32(self._source.read_at(table + 8 + sysv_hash(name) % buckets * 4, 4))
        for _ in range(_MAX_CHAIN):
            if index == 0:
                return False
            if index >= chains:
                raise Malformed("the symbol hash table points outside itself")
            if self.is_definition(index, name):
                return True
            index = _u32(self._source.read_at(table + 8 + (buckets + index) * 4, 4))
        raise Malformed("an endless chain in the symbol hash table")


class _GnuHash:
    """DT_GNU_HASH: a Bloom filter, buckets, and runs of hashes in symbol order."""

    def __init__(self, table: SymbolTable, elf: Elf, address: int) -> None:
        self._table = table
        self._read = elf.source.read_at
        at = elf.offset_of(address)
        self._buckets, self._first, self._words, self._shift = struct.unpack(
            "<IIII", self._read(at, 16)
        )
        self._bits = elf.bits
        self._bloom_at = at + 16
        self._buckets_at = self._bloom_at + self._words * elf.bits // 8
        self._chain_at = self._buckets_at + self._buckets * 4
        if not self._words or self._shift > 31:
            raise Malformed("a GNU hash table with an impossible Bloom filter")

    def find(self, name: bytes) -> int | None:
        """The place of a definition in the symbol table."""
        if not self._buckets:
            return None
        code = gnu_hash(name)
        width = self._bits // 8
        word_at = self._bloom_at + code // self._bits % self._words * width
        word = int.from_bytes(self._read(word_at, width), "little")
        if not (word >> code % self._bits & word >> (code >> self._shift) % self._bits & 1):
            return None
        start = _u32(self._read(self._buckets_at + code % self._buckets * 4, 4))
        if start < self._first:
            return None
        for index in range(start, start + _MAX_CHAIN):
            entry = _u32(self._read(self._chain_at + (index - self._first) * 4, 4))
            if entry | 1 == code | 1 and self._table.is_definition(index, name):
                return index
            if entry & 1:
                return None
        raise Malformed("an endless chain in the symbol hash table")

    def symbol_count(self) -> int:
        """One more than the last symbol of the fullest run."""
        if self._buckets > _MAX_SYMBOLS:
            raise TooLarge(f"{self._buckets} hash buckets")
        buckets = self._read(self._buckets_at, self._buckets * 4)
        last = max((n for (n,) in struct.iter_unpack("<I", buckets)), default=0)
        if last < self._first:
            raise Unsupported("an empty hash table does not tell how many symbols there are")
        for index in range(last, last + _MAX_CHAIN):
            if _u32(self._read(self._chain_at + (index - self._first) * 4, 4)) & 1:
                return index + 1
        raise Malformed("an endless chain in the symbol hash table")


def gnu_hash(name: bytes) -> int:
    code = 5381
    for byte in name:
        code = (code * 33 + byte) & 0xFFFFFFFF
    return code


def sysv_hash(name: bytes) -> int:
    code = 0
    for byte in name:
        code = (code << 4) + byte
        high = code & 0xF0000000
        code = (code ^ high >> 24) & ~high & 0xFFFFFFFF
    return code


def _u32(data: bytes) -> int:
    return int.from_bytes(data, "little")
