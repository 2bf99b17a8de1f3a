import os
import struct
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerDefSection, GNUVerNeedSection

from envcheck.binaries.elf import read_elf
from envcheck.binaries.errors import Malformed, TooLarge
from envcheck.binaries.source import BytesSource, FileSource
from envcheck.binaries.versions import needed_versions, newest, provided_versions
from tests.binaries.build import elf
from tests.binaries.system import LIBC, SYSTEM_FILES


@pytest.mark.parametrize("stripped", [False, True])
def test_needs_and_provisions(stripped: bool) -> None:
    found = read_elf(
        BytesSource(
            elf(
                needs={"libc.so.6": ["GLIBC_2.2.5", "GLIBC_2.34"], "libm.so.6": ["GLIBC_2.29"]},
                provides=["GLIBCXX_3.4", "GLIBCXX_3.4.30"],
                stripped=stripped,
            )
        )
    )
    assert needed_versions(found) == {
        "libc.so.6": ("GLIBC_2.2.5", "GLIBC_2.34"),
        "libm.so.6": ("GLIBC_2.29",),
    }
    assert provided_versions(found) == ("GLIBCXX_3.4", "GLIBCXX_3.4.30")


def test_a_weak_need_does_not_count() -> None:
    data = elf(needs={"libc.so.6": ["GLIBC_2.38", "GLIBC_2.17"]}, weak_needs=["GLIBC_2.38"])
    assert needed_versions(read_elf(BytesSource(data))) == {"libc.so.6": ("GLIBC_2.17",)}


def test_without_versions_there_are_none() -> None:
    found = read_elf(BytesSource(elf()))
    assert needed_versions(found) == {}
    assert provided_versions(found) == ()


def test_newest_compares_numbers_and_not_text() -> None:
    assert newest(("GLIBC_2.4", "GLIBC_2.34", "GLIBC_2.9"), "GLIBC") == "2.34"
    assert newest(("GLIBCXX_3.4.9", "GLIBCXX_3.4.30", "GLIBCXX_3.4"), "GLIBCXX") == "3.4.30"
    assert newest(("GLIBC_PRIVATE", "GLIBC_ABI_DT_RELR", "GLIBCXX_3.4"), "GLIBC") is None
    assert newest((), "CXXABI") is None
    assert newest(("CXXABI_1.3.9", "CXXABI_TM_1"), "CXXABI") == "1.3.9"


@pytest.mark.parametrize("path", SYSTEM_FILES, ids=str)
def test_agrees_with_pyelftools(path: Path) -> None:
    with FileSource(path) as source, path.open("rb") as file:
        needed: dict[str, set[str]] = {}
        provided: set[str] = set()
        for section in ELFFile(file).iter_sections():
            if isinstance(section, GNUVerNeedSection):
                for need, versions in section.iter_versions():
                    needed[str(need.name)] = {v.name for v in versions if not v["vna_flags"] & 2}
            elif isinstance(section, GNUVerDefSection):
                for definition, names in section.iter_versions():
                    if not definition["vd_flags"] & 1:
                        provided.add(next(names).name)
        found = read_elf(source)
        assert {name: set(v) for name, v in needed_versions(found).items()} == needed
        assert set(provided_versions(found)) == provided


def test_this_libc_provides_the_version_it_reports() -> None:
    with FileSource(LIBC) as source:
        version = os.confstr("CS_GNU_LIBC_VERSION")
        provided = newest(provided_versions(read_elf(source)), "GLIBC")
    assert version is not None
    assert provided is not None
    # A release without new symbols defines no version of its own.
    assert [int(n) for n in provided.split(".")] <= [
        int(n) for n in version.removeprefix("glibc ").split(".")
    ]


def test_tables_that_go_round_or_claim_too_much() -> None:
    data = elf(needs={"liba.so": ["A_1"], "libb.so": ["B_1"]}, provides=["P_1", "P_2"])
    found = read_elf(BytesSource(data))
    at = found.offset_of(found.dynamic[0x6FFFFFFE][0])
    changed = bytearray(data)
    struct.pack_into("<H", changed, at + 2, 60000)  # 60,000 versions of one library
    with pytest.raises(TooLarge):
        needed_versions(read_elf(BytesSource(bytes(changed))))
    dynamic = next(s for s in found.sections if s.name == ".dynamic")
    for tag, question in ((0x6FFFFFFF, needed_versions), (0x6FFFFFFD, provided_versions)):
        changed = bytearray(data)
        where = data.index(struct.pack("<Q", tag), dynamic.offset)
        struct.pack_into("<Q", changed, where + 8, 1 << 40)
        with pytest.raises(TooLarge):
            question(read_elf(BytesSource(bytes(changed))))
        struct.pack_into("<Q", changed, where, 0x6000000F)  # the length is gone
        with pytest.raises(Malformed, match="without its length"):
            question(read_elf(BytesSource(bytes(changed))))
