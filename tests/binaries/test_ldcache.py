import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck.binaries.errors import BinaryError, Malformed, TooLarge, Truncated, Unsupported
from envcheck.binaries.ldcache import CACHE_PATH, MAX_SIZE, parse_ld_cache
from tests.binaries.cache import Row, double_cache, new_cache, old_cache

X86_64, X86_32, AARCH64 = 0x0303, 0x0003, 0x0A03
ROWS = [
    Row("libcuda.so.1", "/usr/lib/i386-linux-gnu/libcuda.so.1", X86_32),
    Row("libcuda.so.1", "/usr/lib/x86_64-linux-gnu/libcuda.so.1", X86_64),
    Row("libcuda.so.1", "/opt/second/libcuda.so.1", X86_64),
    Row("libfast.so", "/lib/glibc-hwcaps/x86-64-v3/libfast.so", X86_64, 1 << 62 | 5),
    Row("libfast.so", "/lib/libfast.so", X86_64),
]


@pytest.mark.parametrize(
    "data",
    [
        new_cache(ROWS),
        double_cache(ROWS),
        double_cache(ROWS[:4] + ROWS),
        old_cache(ROWS[:2] + ROWS[4:]),
    ],
    ids=["new", "both", "both, padded", "old"],
)
def test_the_library_for_this_machine(data: bytes) -> None:
    cache = parse_ld_cache(data)
    assert cache.find("libcuda.so.1", "x86_64") == "/usr/lib/x86_64-linux-gnu/libcuda.so.1"
    assert cache.find("libcuda.so.1", "i386") == "/usr/lib/i386-linux-gnu/libcuda.so.1"
    assert cache.find("libcuda.so.1", "aarch64") is None
    assert cache.find("libcuda.so.1", "machine-99") is None
    assert cache.find("libcuda.so", "x86_64") is None
    assert cache.find("libfast.so", "x86_64") == "/lib/libfast.so"


def test_an_empty_cache() -> None:
    assert parse_ld_cache(new_cache([])).entries == ()
    assert parse_ld_cache(old_cache([])).entries == ()


@pytest.mark.skipif(
    not Path(CACHE_PATH).exists() or not shutil.which("ldconfig", path="/sbin:/usr/sbin"),
    reason="no loader cache or no ldconfig here (musl)",
)
def test_agrees_with_ldconfig() -> None:
    listed = subprocess.run(
        [str(shutil.which("ldconfig", path="/sbin:/usr/sbin")), "-p"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    expected = [(line.split()[0], line.split(" => ")[1]) for line in listed if " => " in line]
    found = parse_ld_cache(Path(CACHE_PATH).read_bytes())
    assert [(entry.name, entry.path) for entry in found.entries] == expected


@pytest.mark.parametrize("data", [new_cache(ROWS), old_cache(ROWS[:3])])
def test_a_cache_that_is_cut_short(data: bytes) -> None:
    for size in range(20, len(data) - 1):
        with pytest.raises(BinaryError):
            parse_ld_cache(data[:size])


def test_what_is_no_cache() -> None:
    with pytest.raises(Malformed, match="no loader cache"):
        parse_ld_cache(b"# ld.so.conf\n")
    with pytest.raises(TooLarge):
        parse_ld_cache(bytes(MAX_SIZE + 1))
    data = bytearray(new_cache(ROWS))
    data[28] = 3
    with pytest.raises(Unsupported, match="big-endian"):
        parse_ld_cache(bytes(data))
    data[28] = 2
    struct.pack_into("<I", data, 20, 1 << 31)
    with pytest.raises(Truncated, match="last entry"):
        parse_ld_cache(bytes(data))
    with pytest.raises(Truncated, match="header"):
        parse_ld_cache(b"ld.so-1.7.0\0")


@given(
    base=st.sampled_from([new_cache(ROWS), old_cache(ROWS), double_cache(ROWS)]),
    edits=st.lists(st.tuples(st.integers(0, 500), st.integers(0, 255)), max_size=8),
    cut=st.integers(0, 600),
)
def test_any_change_gives_an_answer_or_a_binary_error(
    base: bytes, edits: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(base)
    for at, value in edits:
        data[at % len(data)] = value
    try:
        cache = parse_ld_cache(bytes(data[:cut]) if cut < len(data) else bytes(data))
    except BinaryError:
        return
    assert len(cache.entries) * 12 <= len(data)
    cache.find("libcuda.so.1", "x86_64")


@given(st.binary(max_size=200))
def test_any_bytes_give_an_answer_or_a_binary_error(tail: bytes) -> None:
    for magic in (b"", b"ld.so-1.7.0\0", b"glibc-ld.so.cache1.1"):
        try:
            parse_ld_cache(magic + tail)
        except BinaryError:
            continue
