"""What compiled a library: the host compiler, and constants that its functions return.

Must not know any library. The `.comment` section: GCC's `-fident`,
https://gcc.gnu.org/onlinedocs/gcc/Code-Gen-Options.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envcheck.binaries.errors import BinaryError
from envcheck.binaries.symbols import SymbolTable

if TYPE_CHECKING:
    from envcheck.binaries.elf import Elf

_MAX_COMMENT = 1 << 16  # bytes; each compiler writes its name once
_CODE = 24  # bytes of a function that returns a number
_COMPILER = re.compile(r"(GCC): \(.*?\) (\d+(?:\.\d+)+)|(clang) version (\d+(?:\.\d+)+)")
# [endbr64] [push rbp; mov rbp, rsp] mov eax, NUMBER [pop rbp] ret
_X86 = re.compile(rb"(?:\xf3\x0f\x1e\xfa)?(?:\x55\x48\x89\xe5)?\xb8(....)\x5d?\xc3", re.DOTALL)
_BTI, _MOVZ, _RET = 0xD503245F, 0x52800000, 0xD65F03C0  # aarch64: bti c; movz w0, NUMBER; ret


def host_compiler(elf: Elf) -> str:
    """The C++ compiler, "GCC 12.2.0" or "clang 14.0.6"; "" when it does not say.

    Objects of the C library's start-up code bring their own compiler's name: the newest counts.
    """
    try:
        texts = _comments(elf)
    except BinaryError:
        return ""
    found: list[tuple[tuple[int, ...], str]] = []
    for text in texts:
        match = _COMPILER.search(text)
        if match:
            version = match[2] or match[4]
            order = (bool(match[3]), *map(int, version.split(".")))
            found.append((order, f"{match[1] or match[3]} {version}"))
    return max(found, default=((), ""))[1]


def _comments(elf: Elf) -> list[str]:
    data = b""
    for section in elf.sections_named(".comment"):
        start, end = elf.contents_range(section)
        data += elf.source.read_at(start, min(end - start, _MAX_COMMENT)) + b"\0"
    return data.decode("utf-8", "replace").split("\0")


def constant(elf: Elf, function: str) -> int | None:
    """The number that an exported function does nothing but return; None: there is none such."""
    try:
        address = SymbolTable(elf).address(function)
        if address is None:
            return None
        at = elf.offset_of(address)
        code = elf.source.read_at(at, min(_CODE, elf.source.size - at))
    except BinaryError:
        return None
    if elf.machine == "x86_64":
        match = _X86.match(code)
        return int.from_bytes(match[1], "little") if match else None
    if elf.machine == "aarch64":
        return _returned_by_arm(code)
    return None


def _returned_by_arm(code: bytes) -> int | None:
    words = [int.from_bytes(code[at : at + 4], "little") for at in range(0, len(code) - 3, 4)]
    if words[:1] == [_BTI]:
        words = words[1:]
    if len(words) < 2 or words[0] & 0xFFE0001F != _MOVZ or words[1] != _RET:
        return None
    return words[0] >> 5 & 0xFFFF


def cuda_of_number(number: int) -> str:
    """CUDART_VERSION as people write it: 12010 is "12.1"."""
    return f"{number // 1000}.{number % 1000 // 10}"
