"""ELF headers, sections, segments and the dynamic table, read by position.

Little-endian, 32 and 64 bits. Must not know what any section holds.
Layout: the System V ABI, https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html
"""

from __future__ import annotations

import struct
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from envcheck.binaries.errors import Malformed, NotElf, TooLarge, Truncated, Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envcheck.binaries.source import ByteSource

SHT_NOBITS, SHT_DYNSYM, SHF_COMPRESSED = 8, 11, 0x800
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE = 1, 2, 3, 4
DT_NEEDED, DT_STRTAB, DT_STRSZ, DT_SONAME, DT_RPATH, DT_RUNPATH = 1, 5, 10, 14, 15, 29
DT_FLAGS_1, DF_1_NODEFLIB = 0x6FFFFFFB, 0x800
NT_GNU_BUILD_ID = 3

_MACHINES = {
    3: "i386",
    21: "ppc64le",  # big-endian files are refused before this is read
    40: "arm",
    62: "x86_64",
    183: "aarch64",
    243: "riscv64",
    258: "loongarch64",
}
_MAX_SECTIONS = 1 << 17  # far above any library; bounds the table to 8 MiB
_MAX_NAMES = 1 << 22  # bytes of section names
_MAX_DYNAMIC = 1 << 16  # entries of the dynamic table
_MAX_STRING = 1 << 16  # bytes; mangled C++ names reach a few thousand
_MAX_NOTE = 1 << 16


class Segment(msgspec.Struct, frozen=True, gc=False):
    """One program header. Offsets and sizes in bytes."""

    type: int
    flags: int
    offset: int
    address: int
    size: int  # in the file


class Section(msgspec.Struct, frozen=True, gc=False):
    """One section header. Offsets and sizes in bytes."""

    name: str
    type: int
    flags: int
    address: int
    offset: int
    size: int


class Elf:
    """An ELF file. Tables are read when asked for, so the source must still be open then.

    Every attribute raises `BinaryError` when its part of the file is damaged.
    """

    def __init__(self, source: ByteSource) -> None:
        if source.size < 20 or source.read_at(0, 4) != b"\x7fELF":
            raise NotElf("no ELF header")
        ident = source.read_at(0, 20)
        if ident[4] not in (1, 2):
            raise Unsupported(f"ELF class {ident[4]}, neither 32 nor 64 bits")
        if ident[5] != 1:
            raise Unsupported("not a little-endian ELF file")
        self.source = source
        self.bits = 32 * ident[4]
        machine = int.from_bytes(ident[18:20], "little")
        self.machine = _MACHINES.get(machine, f"machine-{machine}")
        self.wide = self.bits == 64
        self.word = "Q" if self.wide else "I"
        layout = struct.Struct("<" + self.word * 3 + "IHHHHHH")
        header = source.read_at(24, layout.size)
        (
            _entry,
            self._segments_at,
            self._sections_at,
            _flags,
            _own_size,
            self._segment_size,
            self._segment_count,
            self._section_size,
            self._section_count,
            self._names_index,
        ) = layout.unpack(header)

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        # type, flags, offset, address, size in the file: the two classes order them differently
        layout = struct.Struct("<IIQQQQQQ" if self.wide else "<IIIIIIII")
        order = (0, 1, 2, 3, 5) if self.wide else (0, 6, 1, 2, 4)
        if not self._segments_at or not self._segment_count:
            return ()
        if self._segment_size != layout.size:
            raise Malformed(f"program headers of {self._segment_size} bytes")
        table = self._table("program headers", self._segments_at, layout, self._segment_count)
        return tuple(Segment(*(row[i] for i in order)) for row in table)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """All sections; empty when the section table was stripped."""
        if not self._sections_at:
            return ()
        layout = struct.Struct("<IIQQQQIIQQ" if self.wide else "<IIIIIIIIII")
        if self._section_size != layout.size:
            raise Malformed(f"section headers of {self._section_size} bytes")
        count, names_index = self._section_count, self._names_index
        if not count or names_index == 0xFFFF:  # the real numbers stand in the first section
            first = next(self._table("section headers", self._sections_at, layout, 1))
            count = count or first[5]
            names_index = first[6] if names_index == 0xFFFF else names_index
        if count > _MAX_SECTIONS:
            raise TooLarge(f"{count} sections")
        rows = list(self._table("section headers", self._sections_at, layout, count))
        if names_index >= count:
            raise Malformed("the section names lie in no section")
        if rows[names_index][5] > _MAX_NAMES:
            raise TooLarge("section names of more than 4 MiB")
        names = self.source.read_at(rows[names_index][4], rows[names_index][5])
        return tuple(Section(_name_at(names, row[0]), *row[1:6]) for row in rows)

    def sections_named(self, name: str) -> tuple[Section, ...]:
        """Sections of that name. Raises `Unsupported` when the section table was stripped."""
        if not self.sections:
            raise Unsupported("the section table was stripped, so sections cannot be found")
        return tuple(section for section in self.sections if section.name == name)

    def contents_range(self, section: Section) -> tuple[int, int]:
        """Start and end offset of a section's bytes; raises when it has none in the file."""
        if section.type == SHT_NOBITS:
            raise Unsupported(f"{section.name} has no bytes here: a split debug file?")
        if section.flags & SHF_COMPRESSED:
            raise Unsupported(f"{section.name} is a compressed section")
        end = section.offset + section.size
        if end > self.source.size:
            raise Truncated(
                f"{section.name} ends at offset {end}, the file at {self.source.size}: cut short"
            )
        return section.offset, end

    def offset_of(self, address: int) -> int:
        """Offset in the file of a virtual address."""
        for segment in self.segments:
            if segment.type == PT_LOAD and 0 <= address - segment.address < segment.size:
                return segment.offset + address - segment.address
        raise Malformed(f"address {address:#x} lies in no loaded segment")

    def text_at(self, offset: int) -> str:
        """The NUL-terminated string at an offset; bytes that are not UTF-8 become `\\xff`."""
        data, step = b"", 128
        while len(data) < _MAX_STRING:
            step = min(step, self.source.size - offset - len(data))
            if step <= 0:
                raise Truncated("a string is not terminated before the end of the file")
            chunk = self.source.read_at(offset + len(data), step)
            end = chunk.find(0)
            if end >= 0:
                return (data + chunk[:end]).decode("utf-8", "backslashreplace")
            data += chunk
            step *= 4
        raise TooLarge("a string of more than 64 KiB")

    # ---- the dynamic table ----------------------------------------------------------------

    @cached_property
    def dynamic(self) -> dict[int, tuple[int, ...]]:
        """Values of each tag of the dynamic table, in order; empty for a static executable."""
        found: dict[int, list[int]] = {}
        layout = struct.Struct("<" + self.word * 2)
        for segment in self.segments:
            if segment.type != PT_DYNAMIC:
                continue
            count = segment.size // layout.size
            if count > _MAX_DYNAMIC:
                raise TooLarge(f"{count} entries in the dynamic table")
            for tag, value in self._table("dynamic table", segment.offset, layout, count):
                if tag == 0:
                    break
                found.setdefault(tag, []).append(value)
            break
        return {tag: tuple(values) for tag, values in found.items()}

    def value(self, tag: int) -> int | None:
        """The last value of a dynamic tag: the loader, too, lets the last one win."""
        return self.dynamic[tag][-1] if tag in self.dynamic else None

    @cached_property
    def strings(self) -> tuple[int, int]:
        """Offset and size of the dynamic string table."""
        address, size = self.value(DT_STRTAB), self.value(DT_STRSZ)
        if address is None or size is None:
            raise Malformed("the dynamic table names no string table")
        offset = self.offset_of(address)
        if offset + size > self.source.size:
            raise Truncated("the dynamic string table reaches past the end of the file")
        return offset, size

    def string(self, index: int) -> str:
        """A string of the dynamic string table."""
        offset, size = self.strings
        if index >= size:
            raise Malformed(f"string {index} lies outside the string table ({size} bytes)")
        return self.text_at(offset + index)

    @cached_property
    def needed(self) -> tuple[str, ...]:
        """DT_NEEDED: the libraries it asks the loader for, in order."""
        return tuple(self.string(index) for index in self.dynamic.get(DT_NEEDED, ()))

    @property
    def soname(self) -> str | None:
        return self._dynamic_string(DT_SONAME)

    @property
    def rpath(self) -> str | None:
        """DT_RPATH as written, `$ORIGIN` and all. The loader ignores it beside a RUNPATH."""
        return self._dynamic_string(DT_RPATH)

    @property
    def runpath(self) -> str | None:
        return self._dynamic_string(DT_RUNPATH)

    @property
    def no_default_folders(self) -> bool:
        """Linked with `-z nodefaultlib`: the system's own folders are not searched."""
        return bool((self.value(DT_FLAGS_1) or 0) & DF_1_NODEFLIB)

    @cached_property
    def interpreter(self) -> str | None:
        """The dynamic loader an executable asks for; None for a library."""
        for segment in self.segments:
            if segment.type == PT_INTERP:
                return self.text_at(segment.offset)
        return None

    @cached_property
    def build_id(self) -> str | None:
        """The GNU build id in hexadecimal."""
        for segment in self.segments:
            if segment.type == PT_NOTE and 12 <= segment.size <= _MAX_NOTE:
                found = _build_id(self.source.read_at(segment.offset, segment.size))
                if found:
                    return found
        return None

    def _dynamic_string(self, tag: int) -> str | None:
        index = self.value(tag)
        return None if index is None else self.string(index)

    def _table(
        self, what: str, offset: int, layout: struct.Struct, count: int
    ) -> Iterator[tuple[int, ...]]:
        end = offset + layout.size * count
        if end > self.source.size:
            raise Truncated(
                f"the {what} end at offset {end}, the file at {self.source.size}: cut short"
            )
        return layout.iter_unpack(self.source.read_at(offset, layout.size * count))


def read_elf(source: ByteSource) -> Elf:
    """The ELF file in `source`. Raises `NotElf`, `Unsupported` or `Truncated`."""
    return Elf(source)


def _name_at(names: bytes, index: int) -> str:
    end = names.find(0, index)
    return names[index : max(index, end)].decode("utf-8", "backslashreplace")


def _build_id(notes: bytes) -> str | None:
    at = 0
    while at + 12 <= len(notes):
        name_size, size, kind = struct.unpack_from("<III", notes, at)
        data = at + 12 + -(-name_size // 4) * 4
        if notes[at + 12 : at + 16] == b"GNU\0" and kind == NT_GNU_BUILD_ID:
            return notes[data : data + size].hex() or None
        at = data + -(-size // 4) * 4
    return None
