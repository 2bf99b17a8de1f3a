"""The list of GPU architectures that torch embeds as text in `libtorch_python.so`.

It is what `torch.cuda.get_arch_list()` prints: "sm_50 sm_60 … sm_90". Must not know torch versions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envcheck.binaries.elf import read_elf
from envcheck.binaries.errors import Malformed, TooLarge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envcheck.binaries.elf import Elf
    from envcheck.binaries.source import ByteSource

_CHUNK = 1 << 20
_MAX_DATA = 128 << 20  # bytes; libtorch_python has less than 1 MB
_MAX_LIST = 1 << 10  # bytes; the longest known list has 60
_STARTS = (b"\0sm_", b"\0compute_")  # looked for with `find`: a regex is 50 times slower here
_ARCH = rb"(?:sm|compute)_\d{2,3}[af]?"
_LIST = re.compile(_ARCH + rb"(?: +" + _ARCH + rb")*(?= *\0)")
# A compiler that knows a text's length may put it right behind another, as in torch 2.8 and 2.9. No
# space before it: that would be the middle of a list which a step of reading cut.
_JOINED = re.compile(rb"(?<=[^ ])" + _ARCH + rb"(?: +" + _ARCH + rb")+(?= *\0)")


def read_arch_flags(source: ByteSource) -> tuple[str, ...] | None:
    """The architectures in file order, `("sm_80", "sm_90", "compute_90")`; None for a CPU build.

    Reads the read-only data, 1 MB at a time. Raises `BinaryError`; `Malformed` when the file holds
    two different lists.
    """
    elf = read_elf(source)
    lists = dict.fromkeys(found for chunk in _chunks(elf) for found in _lists(chunk))
    if not any(b" " in found for found in lists):
        lists |= dict.fromkeys(found for chunk in _chunks(elf) for found in _joined(chunk))
    if len(lists) > 1:  # a lone "sm_90" may be there for other reasons
        lists = {found: None for found in lists if b" " in found}
        if len(lists) != 1:
            raise Malformed("more than one list of GPU architectures")
    return next((tuple(found.decode("ascii").split()) for found in lists), None)


def _chunks(elf: Elf) -> Iterator[bytes]:
    """The read-only data, each chunk with the end of the one before it."""
    for section in elf.sections_named(".rodata"):
        start, end = elf.contents_range(section)
        if end - start > _MAX_DATA:
            raise TooLarge(f"read-only data of {end - start} bytes")
        tail = b"\0"  # a list may stand at the very start
        for at in range(start, end, _CHUNK):
            chunk = tail + elf.source.read_at(at, min(_CHUNK, end - at))
            yield chunk
            tail = chunk[-_MAX_LIST:]


def _lists(chunk: bytes) -> Iterator[bytes]:
    for start in _STARTS:
        at = chunk.find(start)
        while at >= 0:
            match = _LIST.match(chunk, at + 1)
            if match:
                yield match.group()
            at = chunk.find(start, at + 1)


def _joined(chunk: bytes) -> Iterator[bytes]:
    if b" sm_" in chunk or b" compute_" in chunk:
        yield from _JOINED.findall(chunk)
