"""Symbol versions: which GLIBC_, GLIBCXX_, CXXABI_ … a library needs and which it provides.

Must not know which versions any system has. Layout: Linux Standard Base, symbol versioning,
https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from envcheck.binaries.errors import Malformed, TooLarge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envcheck.binaries.elf import Elf

DT_VERDEF, DT_VERDEFNUM, DT_VERNEED, DT_VERNEEDNUM = (
    0x6FFFFFFC,
    0x6FFFFFFD,
    0x6FFFFFFE,
    0x6FFFFFFF,
)
_WEAK = 0x2
_BASE = 0x1  # the definition that names the library itself
_MAX_VERSIONS = 1 << 14

_NEED = struct.Struct("<HHIII")  # version, count, file, aux, next
_NEED_AUX = struct.Struct("<IHHII")  # hash, flags, other, name, next
_DEFINITION = struct.Struct("<HHHHIII")  # version, flags, index, count, hash, aux, next


def needed_versions(elf: Elf) -> dict[str, tuple[str, ...]]:
    """Versions it needs of each library: `{"libc.so.6": ("GLIBC_2.2.5", "GLIBC_2.34")}`.

    Weak needs are left out: the loader only warns when such a version is missing.
    """
    at, count = _start(elf, DT_VERNEED, DT_VERNEEDNUM)
    found: dict[str, tuple[str, ...]] = {}
    total = 0
    for _ in range(count):
        _version, aux_count, file, aux, step = _NEED.unpack(elf.source.read_at(at, _NEED.size))
        total += aux_count
        if total > _MAX_VERSIONS:
            raise TooLarge(f"more than {_MAX_VERSIONS} needed versions")
        names = []
        aux_at = at + aux
        for _ in range(aux_count):
            _hash, flags, _other, name, aux_step = _NEED_AUX.unpack(
                elf.source.read_at(aux_at, _NEED_AUX.size)
            )
            if not flags & _WEAK:
                names.append(elf.string(name))
            if not aux_step:
                break
            aux_at += aux_step
        library = elf.string(file)
        found[library] = found.get(library, ()) + tuple(names)
        if not step:
            break
        at += step
    return found


def provided_versions(elf: Elf) -> tuple[str, ...]:
    """Versions it defines, in file order, without its own name: `("GLIBCXX_3.4", …)`."""
    at, count = _start(elf, DT_VERDEF, DT_VERDEFNUM)
    names = []
    for _ in range(count):
        _version, flags, _index, names_count, _hash, aux, step = _DEFINITION.unpack(
            elf.source.read_at(at, _DEFINITION.size)
        )
        if names_count and not flags & _BASE:
            name = int.from_bytes(elf.source.read_at(at + aux, 4), "little")
            names.append(elf.string(name))
        if not step:
            break
        at += step
    return tuple(names)


def newest(versions: Iterable[str], family: str) -> str | None:
    """The highest number of a family: `newest(("GLIBC_2.4", "GLIBC_2.34"), "GLIBC")` is "2.34".

    Names without a number (GLIBC_PRIVATE, GLIBC_ABI_DT_RELR) do not count.
    """
    numbers = [
        version[len(family) + 1 :]
        for version in versions
        if re.fullmatch(rf"{re.escape(family)}_\d{{1,9}}(\.\d{{1,9}})*", version, re.ASCII)
    ]
    return max(numbers, key=lambda text: [int(part) for part in text.split(".")], default=None)


def _start(elf: Elf, table: int, number: int) -> tuple[int, int]:
    """Offset and entry count of a version table; (0, 0) when there is none."""
    address, count = elf.value(table), elf.value(number)
    if address is None:
        return 0, 0
    if count is None:
        raise Malformed("a version table without its length")
    if count > _MAX_VERSIONS:
        raise TooLarge(f"{count} entries in a version table")
    return elf.offset_of(address), count
