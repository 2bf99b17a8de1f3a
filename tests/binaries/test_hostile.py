"""Any bytes give an answer or a `BinaryError`, and reading stays bounded."""

import os
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envcheck.binaries.elf import read_elf
from envcheck.binaries.errors import NotElf
from envcheck.binaries.source import BytesSource, FileSource
from tests.binaries.build import elf, fatbin, wrappers
from tests.binaries.reading import Meter, ask_everything


def library(bits: int = 64, style: str = "gnu", stripped: bool = False) -> bytes:
    return elf(
        sections={
            ".rodata": b"\0sm_80 sm_90\0",
            ".nv_fatbin": fatbin("sm_80", "compute_90") + fatbin("sm_80"),
            "__nv_relfatbin": fatbin("sm_80", "compute_90"),
            ".nvFatBinSegment": wrappers(1, 1, 2),
        },
        needed=["libc10.so", "libc.so.6"],
        soname="libx.so.1",
        rpath="$ORIGIN",
        runpath="$ORIGIN/lib",
        needs={"libc.so.6": ["GLIBC_2.17", "GLIBC_2.34"]},
        provides=["X_1", "X_2"],
        defined=["alpha", "beta", "gamma"],
        undefined=["delta"],
        weak=["epsilon"],
        build_id=b"12345678",
        interpreter="/lib/ld.so",
        bits=bits,
        hash_style=style,
        stripped=stripped,
    )


LIBRARIES = [
    library(),
    library(bits=32),
    library(style="sysv"),
    library(stripped=True),
    library(style="sysv", stripped=True),
]
VALUES = st.one_of(
    st.integers(0, 2**64 - 1),
    st.sampled_from([0, 1, 2**16 - 1, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1]),
)


def test_the_undamaged_libraries_answer() -> None:
    for data in LIBRARIES[:3]:
        assert ask_everything(BytesSource(data)) == []


@settings(max_examples=400)
@given(
    data=st.sampled_from(LIBRARIES),
    edits=st.lists(
        st.tuples(st.integers(0, 1 << 16), st.sampled_from("BHIQ"), VALUES), min_size=1, max_size=6
    ),
    cut=st.integers(0, 1 << 13),
)
def test_any_damage_gives_an_answer_or_a_binary_error(
    data: bytes, edits: list[tuple[int, str, int]], cut: int
) -> None:
    changed = bytearray(data)
    for at, kind, value in edits:
        width = struct.calcsize(kind)
        struct.pack_into("<" + kind, changed, at % (len(data) - 8), value % 2 ** (8 * width))
    meter = Meter(BytesSource(bytes(changed[:cut]) if cut < len(data) // 2 else bytes(changed)))
    ask_everything(meter)
    assert meter.taken < 50_000_000


@given(st.binary(max_size=400))
def test_any_bytes_give_an_answer_or_a_binary_error(tail: bytes) -> None:
    for start in (b"", b"\x7fELF", b"\x7fELF\2\1\1" + bytes(9), b"\x7fELF\1\1\1" + bytes(9)):
        ask_everything(BytesSource(start + tail))


def test_two_gigabytes_of_zeros_are_no_elf(tmp_path: Path) -> None:
    path = tmp_path / "sparse.so"
    with path.open("wb") as file:
        file.truncate(2 << 30)
    with FileSource(path) as source:
        meter = Meter(source)
        with pytest.raises(NotElf):
            read_elf(meter)
        assert meter.taken < 1000


def test_two_gigabytes_behind_a_good_header(tmp_path: Path) -> None:
    """Every table is claimed to be huge, and there is room for it."""
    data = library()
    for at in range(0, len(data) - 8, 8):
        path = tmp_path / "sparse.so"
        changed = bytearray(data)
        struct.pack_into("<Q", changed, at, 1 << 30)
        path.write_bytes(changed)
        os.truncate(path, 2 << 30)
        with FileSource(path) as source:
            meter = Meter(source)
            ask_everything(meter)
            assert meter.taken < 150 << 20, f"offset {at}"


def test_an_empty_file_is_told_in_words() -> None:
    (error,) = ask_everything(BytesSource(b""))
    assert str(error) == "no ELF header"
