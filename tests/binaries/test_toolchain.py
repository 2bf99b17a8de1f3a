"""What compiled a library: its comment, and functions that return a constant."""

import struct
from pathlib import Path
from typing import Any

import pytest

from envcheck.binaries.elf import read_elf
from envcheck.binaries.source import FileSource
from envcheck.binaries.toolchain import constant, cuda_of_number, host_compiler
from tests.binaries.build import NOBITS, Section, elf

NAME = "_ZN10detectron218get_cudart_versionEv"


def of(tmp_path: Path, ask: Any, **fields: Any) -> Any:
    path = tmp_path / "lib.so"
    path.write_bytes(elf(**fields))
    with FileSource(str(path)) as source:
        return ask(read_elf(source))


@pytest.mark.parametrize(
    ("comment", "compiler"),
    [
        (b"GCC: (Debian 12.2.0-14+deb12u1) 12.2.0\0", "GCC 12.2.0"),
        # the C library's start-up code was compiled with the system's own, older one
        (
            b"GCC: (GNU) 9.3.1 20200408 (Red Hat 9.3.1-2)\0"
            b"GCC: (GNU) 4.8.5 20150623 (Red Hat 4.8.5-44)\0",
            "GCC 9.3.1",
        ),
        (b"GCC: (conda-forge gcc 11.4.0-3) 11.4.0\0", "GCC 11.4.0"),
        (b"GCC: (GNU) 13.2.0\0Ubuntu clang version 14.0.0-1ubuntu1.1\0", "clang 14.0.0"),
        (b"", ""),
        (b"\xff\xfe made by hand", ""),
    ],
)
def test_the_host_compiler(tmp_path: Path, comment: bytes, compiler: str) -> None:
    assert of(tmp_path, host_compiler, sections={".comment": comment}) == compiler


def test_a_comment_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    gone = Section(b"", NOBITS, size=80)
    assert of(tmp_path, host_compiler, sections={".comment": gone}) == ""
    past = Section(b"x", offset=1 << 40)
    assert of(tmp_path, host_compiler, sections={".comment": past}) == ""
    assert of(tmp_path, host_compiler, stripped=True) == ""


X86 = b"\xb8" + struct.pack("<I", 12010) + b"\xc3"
ARM = struct.pack("<II", 0x52800000 | 13000 << 5, 0xD65F03C0)


@pytest.mark.parametrize(
    ("machine", "code", "number"),
    [
        ("x86_64", X86, 12010),
        ("x86_64", b"\xf3\x0f\x1e\xfa" + X86, 12010),  # -fcf-protection
        ("x86_64", b"\x55\x48\x89\xe5" + X86[:-1] + b"\x5d\xc3", 12010),  # -O0
        ("x86_64", b"\x31\xc0\xc3", None),  # 0, as of a build without CUDA
        ("x86_64", b"\xe9" + X86, None),  # jumps elsewhere
        ("aarch64", ARM, 13000),
        ("aarch64", struct.pack("<I", 0xD503245F) + ARM, 13000),  # -mbranch-protection
        ("aarch64", ARM[:4], None),
        ("ppc64le", X86, None),
    ],
)
def test_a_function_that_returns_a_number(
    tmp_path: Path, machine: str, code: bytes, number: int | None
) -> None:
    filled = {NAME: code, "_ZN5otherEv": X86[:1] + b"\1\0\0\0\xc3"}
    assert (
        of(tmp_path, lambda file: constant(file, NAME), functions=filled, machine=machine) == number
    )


def test_a_function_that_is_not_there(tmp_path: Path) -> None:
    assert of(tmp_path, lambda file: constant(file, NAME), undefined=[NAME]) is None
    assert of(tmp_path, lambda file: constant(file, NAME), hash_style="sysv") is None


@pytest.mark.parametrize(("number", "text"), [(12010, "12.1"), (13000, "13.0"), (10020, "10.2")])
def test_cudart_version_in_words(number: int, text: str) -> None:
    assert cuda_of_number(number) == text
