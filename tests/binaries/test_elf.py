import struct
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection

from envcheck.binaries.elf import read_elf
from envcheck.binaries.errors import (
    Malformed,
    NotElf,
    TooLarge,
    Truncated,
    Unsupported,
)
from envcheck.binaries.source import BytesSource, FileSource
from tests.binaries.build import NOBITS, Section, elf
from tests.binaries.system import SYSTEM_FILES


@pytest.mark.parametrize("bits", [32, 64])
def test_a_library_is_described(bits: int) -> None:
    data = elf(
        bits=bits,
        machine="i386" if bits == 32 else "aarch64",
        needed=["libc10.so", "libc.so.6"],
        soname="libx.so.1",
        rpath="$ORIGIN/../lib",
        runpath="/opt/lib",
        no_default_folders=True,
        build_id=bytes.fromhex("00ff12"),
        interpreter="/lib/ld.so",
        sections={".rodata": b"hello"},
    )
    found = read_elf(BytesSource(data))
    assert found.bits == bits
    assert found.machine == ("i386" if bits == 32 else "aarch64")
    assert found.needed == ("libc10.so", "libc.so.6")
    assert found.soname == "libx.so.1"
    assert found.rpath == "$ORIGIN/../lib"
    assert found.runpath == "/opt/lib"
    assert found.no_default_folders
    assert found.build_id == "00ff12"
    assert found.interpreter == "/lib/ld.so"
    assert found.segments[0].size < len(data)  # what is in the file, not what is in memory
    (section,) = found.sections_named(".rodata")
    start, end = found.contents_range(section)
    assert data[start:end] == b"hello"


def test_what_is_not_stated_is_none() -> None:
    found = read_elf(BytesSource(elf()))
    assert found.needed == ()
    assert (found.soname, found.rpath, found.runpath) == (None, None, None)
    assert (found.interpreter, found.build_id) == (None, None)
    assert not found.no_default_folders


def test_without_a_section_table_the_dynamic_table_still_speaks() -> None:
    found = read_elf(BytesSource(elf(needed=["libm.so.6"], stripped=True)))
    assert found.needed == ("libm.so.6",)
    assert found.sections == ()
    with pytest.raises(Unsupported, match="stripped"):
        found.sections_named(".nv_fatbin")


@pytest.mark.parametrize("path", SYSTEM_FILES, ids=str)
def test_agrees_with_pyelftools(path: Path) -> None:
    with FileSource(path) as source, path.open("rb") as file:
        found, other = read_elf(source), ELFFile(file)
        assert found.machine == {
            "EM_X86_64": "x86_64",
            "EM_AARCH64": "aarch64",
            "EM_PPC64": "ppc64le",
        }.get(other["e_machine"])
        assert [(s.name, s.offset, s.size, s.flags, s.address) for s in found.sections] == [
            (s.name, s["sh_offset"], s["sh_size"], s["sh_flags"], s["sh_addr"])
            for s in other.iter_sections()
        ]
        assert [(s.offset, s.address, s.size) for s in found.segments] == [
            (s["p_offset"], s["p_vaddr"], s["p_filesz"]) for s in other.iter_segments()
        ]
        dynamic = other.get_section_by_name(".dynamic")
        assert isinstance(dynamic, DynamicSection)
        texts: dict[str, list[str]] = {}
        for tag in dynamic.iter_tags():
            for kind in ("needed", "soname", "runpath", "rpath"):
                if hasattr(tag, kind):
                    texts.setdefault(kind, []).append(getattr(tag, kind))
        assert list(found.needed) == texts.get("needed", [])
        assert [found.soname] == texts.get("soname", [None])
        assert [found.runpath] == texts.get("runpath", [None])
        assert [found.rpath] == texts.get("rpath", [None])
        note = other.get_section_by_name(".note.gnu.build-id")
        assert note is None or isinstance(note, NoteSection)
        assert found.build_id == (next(note.iter_notes())["n_desc"] if note else None)
        interpreter = other.get_section_by_name(".interp")
        expected = interpreter.data().rstrip(b"\0").decode() if interpreter else None
        assert found.interpreter == expected


# ---- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"\x7fEL", b"MZ" * 40, bytes(1000), b"#!/bin/sh\n" * 9])
def test_other_files_are_no_elf(data: bytes) -> None:
    with pytest.raises(NotElf):
        read_elf(BytesSource(data))


def test_big_endian_is_named() -> None:
    data = bytearray(elf())
    data[5] = 2
    with pytest.raises(Unsupported, match="little-endian"):
        read_elf(BytesSource(bytes(data)))
    data[5], data[4] = 1, 7
    with pytest.raises(Unsupported, match="class 7"):
        read_elf(BytesSource(bytes(data)))


def test_a_half_downloaded_library_is_told_as_cut_short() -> None:
    data = elf(needed=["libc.so.6"], sections={".rodata": bytes(5000)})
    cut = read_elf(BytesSource(data[: len(data) // 2]))
    with pytest.raises(Truncated, match="cut short"):
        _ = cut.sections
    assert cut.needed == ("libc.so.6",)


def test_sections_without_bytes_of_their_own() -> None:
    found = read_elf(
        BytesSource(
            elf(
                sections={
                    "none": Section(type=NOBITS, size=1 << 40),
                    "packed": Section(b"x" * 24, flags=0x800),
                    "long": Section(b"x", size=1 << 40),
                }
            )
        )
    )
    for name, error, text in (
        ("none", Unsupported, "split debug file"),
        ("packed", Unsupported, "compressed"),
        ("long", Truncated, "cut short"),
    ):
        with pytest.raises(error, match=text):
            found.contents_range(found.sections_named(name)[0])


def _with(data: bytes, offset: int, layout: str, *values: int) -> BytesSource:
    changed = bytearray(data)
    struct.pack_into("<" + layout, changed, offset, *values)
    return BytesSource(bytes(changed))


def test_impossible_headers() -> None:
    data = elf(needed=["libc.so.6"])
    for offset, layout, value, error in (
        (0x20, "Q", 1 << 62, Truncated),  # program headers beyond the end
        (0x36, "H", 24, Malformed),  # size of a program header
        (0x28, "Q", 1 << 62, Truncated),  # section headers beyond the end
        (0x3A, "H", 1, Malformed),  # size of a section header
        (0x3E, "H", 500, Malformed),  # section of the names
    ):
        found = read_elf(_with(data, offset, layout, value))
        with pytest.raises(error):
            _ = found.sections, found.needed


def test_a_real_section_count_in_the_first_section() -> None:
    data = elf(sections={".rodata": b"x"})
    (sections_at,) = struct.unpack_from("<Q", data, 0x28)
    (count,) = struct.unpack_from("<H", data, 0x3C)
    moved = _with(data, 0x3C, "H", 0)
    moved = _with(moved.read_at(0, moved.size), sections_at + 32, "Q", count)
    assert len(read_elf(moved).sections) == count
    absurd = _with(moved.read_at(0, moved.size), sections_at + 32, "Q", 1 << 50)
    with pytest.raises(TooLarge):
        _ = read_elf(absurd).sections


def test_strings_outside_their_table() -> None:
    data = elf(needed=["libc.so.6"])
    found = read_elf(BytesSource(data + b"x" * 50))
    with pytest.raises(Malformed, match="outside the string table"):
        found.string(10**6)
    with pytest.raises(Truncated, match="not terminated"):
        found.text_at(len(data))
    endless = read_elf(BytesSource(data + b"x" * (1 << 17)))
    with pytest.raises(TooLarge, match="64 KiB"):
        endless.text_at(len(data))


def test_a_name_that_is_not_utf8_stays_printable() -> None:
    found = read_elf(BytesSource(elf(needed=["lib\udcff.so"])))
    assert found.needed == ("lib\\xff.so",)
