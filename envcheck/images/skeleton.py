"""An ELF file reduced to what doctor reads of it: everything but code, GPU code and debug data.

The copy has the original's size and offsets; what is left out are holes. Of GPU code the headers
are kept: they are found by reading them.
"""

import os
from typing import BinaryIO, Protocol

from envcheck.binaries.elf import read_elf
from envcheck.binaries.errors import BinaryError, Unsupported
from envcheck.binaries.fatbin import read_gpu_code

LEFT_OUT = (".text", ".nv_fatbin", "__nv_relfatbin", ".eh_frame", ".debug", ".symtab", ".strtab",
            ".gcc_except_table", ".rela.dyn", ".data.rel.ro", ".nvFatBinSegment")  # fmt: skip
HEAD = 1 << 12
PIECE = 1 << 20
MOST = 256 << 20  # bytes kept of one file


class Source(Protocol):
    """Bytes by position."""

    @property
    def size(self) -> int: ...

    def read_at(self, offset: int, n: int) -> bytes: ...


class _Recording:
    """A source that copies everything that is read of it."""

    def __init__(self, source: Source, target: int) -> None:
        self._source, self._target = source, target
        self.size = source.size
        self.kept = 0

    def read_at(self, offset: int, n: int) -> bytes:
        data = self._source.read_at(offset, n)
        os.pwrite(self._target, data, offset)
        self.kept += n
        return data


def copy(source: Source, target: BinaryIO) -> None:
    """Writes the skeleton of an ELF file; of any other file nothing but its size.

    Raises:
        OSError: it cannot be written.
    """
    descriptor = target.fileno()
    os.ftruncate(descriptor, source.size)
    if source.size < HEAD or source.read_at(0, 4) != b"\x7fELF":
        if source.size <= PIECE:  # a linker script, a stub, a small program
            os.pwrite(descriptor, source.read_at(0, source.size), 0)
        return
    recording = _Recording(source, descriptor)
    recording.read_at(0, HEAD)
    try:
        elf = read_elf(recording)
        _ = elf.segments, elf.needed
        for section in elf.sections:
            if section.name.startswith(LEFT_OUT) or recording.kept > MOST:
                continue
            try:
                begin, end = elf.contents_range(section)
            except Unsupported:  # .bss has no bytes
                continue
            for place in range(begin, end, PIECE):
                recording.read_at(place, min(PIECE, end - place))
        read_gpu_code(recording)
    except BinaryError:
        return  # what could be read is there; doctor says what is wrong with the rest
