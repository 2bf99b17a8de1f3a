"""GPU code in an ELF file: which architectures its fatbins hold, from their headers alone.

Must not know which GPU runs which code. The layout is NVIDIA's own and undocumented; it was worked
out from real libraries and gives the counts that `cuobjdump --list-elf` and `--list-ptx` give.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import msgspec

from envcheck.binaries.elf import read_elf
from envcheck.binaries.errors import Malformed, TooLarge, Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envcheck.binaries.elf import Elf
    from envcheck.binaries.source import ByteSource

LOADED = ".nv_fatbin"  # registered with the CUDA runtime: what can run
RELOCATABLE = "__nv_relfatbin"  # `nvcc -rdc` objects, inputs of the device linker
WRAPPERS = ".nvFatBinSegment"  # one descriptor for each fatbin that is registered

_MAGIC = 0xBA55ED50
_HEADER = struct.Struct("<IHHQ")  # magic, version, header size, body size
_ENTRY = struct.Struct("<HHIQ12xI8xQ")  # kind, version, header size, payload size, SM, flags
_WRAPPER = struct.Struct("<II16x")  # magic, version
_WRAPPER_MAGIC = 0x466243B1
_LINKED = 2  # wrapper version of a device-linked image

_VERSION, _ENTRY_VERSION = 1, 0x0101
_PTX, _SASS = 1, 2
_ARCH_SPECIFIC, _FAMILY = 0x100000, 0x200000  # sm_90a, sm_100f

_BLOCK = 512  # bytes a read takes at least: small entries then share one
_MAX_PADDING = 4096  # zeros a linker may leave between two fatbins
_MAX_FATBINS = 100_000  # libcublasLt has 2,800
_MAX_ENTRIES = 1_000_000
_MAX_WRAPPERS = 8 << 20  # bytes


class GpuCode(msgspec.Struct, frozen=True, omit_defaults=True):
    """GPU code of one file: how many of its fatbins hold each architecture.

    A fatbin stands for one compiled source file. Counted are the fatbins the CUDA runtime loads
    (`.nv_fatbin`). Relocatable code (`__nv_relfatbin`) was linked into one of those, so its machine
    code is not counted again: 112 inputs of NCCL would outvote the one image that runs. Its PTX
    is: the driver links it anew for a GPU that the image has no code for, so an image counts as
    having a PTX architecture when every relocatable fatbin has it. A file with relocatable code
    only (an object not yet device-linked) is counted by that.
    """

    fatbins: int = 0
    sass: dict[str, int] = {}  # {"sm_90": 337, "sm_90a": 12, "sm_100f": 3}
    ptx: dict[str, int] = {}  # {"compute_120": 337}
    relocatable: int = 0  # fatbins of relocatable code
    other: int = 0  # entries that are neither SASS nor PTX, such as LTO intermediate code

    @property
    def full(self) -> tuple[str, ...]:
        """SASS in more than half of the fatbins, by number."""
        return self._ranked(self.sass, full=True)

    @property
    def partial(self) -> tuple[str, ...]:
        """SASS in some fatbins only: a few kernels have it, the others do not."""
        return self._ranked(self.sass, full=False)

    @property
    def ptx_full(self) -> tuple[str, ...]:
        """PTX in more than half of the fatbins, by number."""
        return self._ranked(self.ptx, full=True)

    @property
    def ptx_partial(self) -> tuple[str, ...]:
        return self._ranked(self.ptx, full=False)

    def _ranked(self, counts: dict[str, int], *, full: bool) -> tuple[str, ...]:
        chosen = (arch for arch, count in counts.items() if (2 * count > self.fatbins) is full)
        return tuple(sorted(chosen, key=arch_key))


class _Counts(msgspec.Struct):
    """Counts of one kind of section."""

    fatbins: int = 0
    entries: int = 0
    other: int = 0
    archs: dict[tuple[int, str], int] = {}

    def of(self, kind: int) -> dict[str, int]:
        found = {arch: count for (k, arch), count in self.archs.items() if k == kind}
        return {arch: found[arch] for arch in sorted(found, key=arch_key)}


def arch_key(arch: str) -> tuple[int, str]:
    """Sorts `sm_90`, `sm_90a`, `sm_100`, `compute_120` by number, then suffix."""
    number = arch.rpartition("_")[2]
    digits = number.rstrip("af")
    return int(digits), number[len(digits) :]


def read_gpu_code(source: ByteSource) -> GpuCode:
    """The GPU code of an ELF file; `GpuCode()` when it has none.

    Reads headers only, at most 512 bytes for each fatbin entry. Raises `BinaryError` when any part
    of the code cannot be followed to its end: a partial count would be a wrong one.
    """
    return read_elf_gpu_code(read_elf(source))


def read_elf_gpu_code(elf: Elf) -> GpuCode:
    """As `read_gpu_code`, for a file already opened as ELF."""
    loaded, relocatable = _count(elf, LOADED), _count(elf, RELOCATABLE)
    main = loaded if loaded.fatbins else relocatable
    ptx = main.of(_PTX)
    if main is loaded and relocatable.fatbins:
        images = _linked_images(elf)
        for arch, count in relocatable.of(_PTX).items():
            if count == relocatable.fatbins and images:
                ptx[arch] = min(loaded.fatbins, ptx.get(arch, 0) + images)
    return GpuCode(
        fatbins=main.fatbins,
        sass=main.of(_SASS),
        ptx={arch: ptx[arch] for arch in sorted(ptx, key=arch_key)},
        relocatable=relocatable.fatbins,
        other=main.other,
    )


def _count(elf: Elf, name: str) -> _Counts:
    counts = _Counts()
    for section in elf.sections_named(name):
        start, end = elf.contents_range(section)
        for entries in _fatbins(_Window(elf.source), start, end, name):
            counts.fatbins += 1
            counts.entries += len(entries)
            if counts.fatbins > _MAX_FATBINS or counts.entries > _MAX_ENTRIES:
                raise TooLarge(f"{name}: more fatbins than any real library has")
            for kind, arch in set(entries):
                counts.archs[kind, arch] = counts.archs.get((kind, arch), 0) + 1
            counts.other += sum(kind not in (_PTX, _SASS) for kind, _ in entries)
    return counts


def _fatbins(window: _Window, at: int, end: int, name: str) -> Iterator[list[tuple[int, str]]]:
    """The entries of each fatbin in a section."""
    while (at := _skip_padding(window, at, end, name)) < end:
        if at + _HEADER.size > end:
            raise Malformed(f"{name}: a fatbin header reaches past the section")
        magic, version, header_size, body_size = window.unpack(_HEADER, at)
        if magic != _MAGIC:
            raise Malformed(f"{name}: no fatbin at offset {at}")
        if version != _VERSION:
            raise Unsupported(f"{name}: fatbin version {version} at offset {at}")
        if header_size < _HEADER.size:
            raise Malformed(f"{name}: fatbin header of {header_size} bytes at offset {at}")
        stop = at + header_size + body_size
        if stop > end:
            raise Malformed(f"{name}: the fatbin at offset {at} reaches past the section")
        yield list(_entries(window, at + header_size, stop, name))
        at = stop


def _entries(window: _Window, at: int, end: int, name: str) -> Iterator[tuple[int, str]]:
    while at < end:
        if at + _ENTRY.size > end:
            raise Malformed(f"{name}: a fatbin entry reaches past its fatbin at offset {at}")
        kind, version, header_size, payload_size, number, flags = window.unpack(_ENTRY, at)
        if version != _ENTRY_VERSION:
            raise Unsupported(f"{name}: fatbin entry version {version:#x} at offset {at}")
        if header_size < _ENTRY.size:
            raise Malformed(f"{name}: fatbin entry header of {header_size} bytes at offset {at}")
        if at + header_size + payload_size > end:
            raise Malformed(f"{name}: the entry at offset {at} reaches past its fatbin")
        if not 10 <= number <= 999:
            raise Malformed(f"{name}: architecture {number} at offset {at}")
        suffix = "a" if flags & _ARCH_SPECIFIC else "f" if flags & _FAMILY else ""
        yield kind, f"{'compute' if kind == _PTX else 'sm'}_{number}{suffix}"
        at += header_size + payload_size


def _skip_padding(window: _Window, at: int, end: int, name: str) -> int:
    """The offset of the next fatbin, or `end` after zeros that a linker put there."""
    limit = at + _MAX_PADDING
    while at + 4 <= end and not window.word(at):
        at += 4
        if at > limit:
            raise Malformed(f"{name}: zeros instead of a fatbin at offset {limit - _MAX_PADDING}")
    if at < end < at + 4 and not any(window.read(at, end - at)):
        return end
    return at


def _linked_images(elf: Elf) -> int:
    """How many of the registered fatbins the device linker made of relocatable code."""
    images = 0
    for section in elf.sections_named(WRAPPERS):
        start, end = elf.contents_range(section)
        if end - start > _MAX_WRAPPERS:
            raise TooLarge(f"{WRAPPERS} of {end - start} bytes")
        table = elf.source.read_at(start, (end - start) // _WRAPPER.size * _WRAPPER.size)
        images += _count_linked(_WRAPPER.iter_unpack(table))
    return images


def _count_linked(wrappers: Iterable[tuple[int, ...]]) -> int:
    return sum(wrapper == (_WRAPPER_MAGIC, _LINKED) for wrapper in wrappers)


class _Window:
    """Small reads in rising order, served from one block at a time."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._block = b""
        self._start = 0

    def unpack(self, layout: struct.Struct, at: int) -> tuple[int, ...]:
        offset = self._seek(at, layout.size)  # first: it may replace the block
        return layout.unpack_from(self._block, offset)

    def word(self, at: int) -> int:
        return int.from_bytes(self.read(at, 4), "little")

    def read(self, at: int, n: int) -> bytes:
        offset = self._seek(at, n)
        return self._block[offset : offset + n]

    def _seek(self, at: int, n: int) -> int:
        offset = at - self._start
        if not 0 <= offset <= len(self._block) - n:
            self._block = self._source.read_at(at, max(n, min(_BLOCK, self._source.size - at)))
            self._start, offset = at, 0
        return offset
