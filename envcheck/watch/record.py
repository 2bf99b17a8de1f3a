"""Recordings: ticks as gzip'd JSON lines that survive a kill, and can be appended to.

A recording is a plain .gz file (`zcat` reads it). Every tick is flushed to the system, so a killed
writer loses nothing but an unfinished tick; the next writer closes the torn end before it appends.
"""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import msgspec

from envcheck.errors import UsageError
from envcheck.watch.tick import SCHEMA_VERSION, Tick, decode, encode

_GZIP = 31  # zlib's window bits for gzip with its header and checksum
_CHUNK = 1 << 16
_MAX_LINE = 16 << 20  # bytes; a tick of 16 GPUs has some 30 KB
_FLUSHED = b"\x00\x00\xff\xff"  # what Z_SYNC_FLUSH ends with
_END_OF_STREAM = b"\x03\x00"  # an empty final deflate block


class Recorder:
    """Writes ticks to a file, appending to what is there."""

    def __init__(self, path: Path) -> None:
        """Opens the file, and closes the torn end a killed writer may have left.

        Raises:
            UsageError: it cannot be written, or is no recording.
        """
        try:
            self._file = open(path, "r+b" if path.exists() else "w+b", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise UsageError(f"--record {path}: {error.strerror}") from error
        try:
            _close_torn_end(self._file.fileno(), path)
        except UsageError:
            self._file.close()
            raise
        self._file.seek(0, os.SEEK_END)
        self._stream = zlib.compressobj(6, zlib.DEFLATED, _GZIP)

    def write(self, tick: Tick) -> None:
        """Adds a tick; when this returns, a kill of this process cannot undo it."""
        data = self._stream.compress(encode(tick) + b"\n")
        self._file.write(data + self._stream.flush(zlib.Z_SYNC_FLUSH))

    def close(self) -> None:
        self._file.write(self._stream.flush(zlib.Z_FINISH))
        self._file.close()

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Recording:
    """A recording to read from the start, as often as wanted.

    `torn` is set while reading: why the end is missing, or "" when it is whole.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.torn = ""

    def __iter__(self) -> Iterator[Tick]:
        """Every whole tick, oldest first, in bounded memory.

        Raises:
            UsageError: the file cannot be read, is no recording, or of a newer schema.
        """
        self.torn = ""
        rest, begun = b"", False
        for chunk in _inflate(self._path, self):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                try:
                    yield decode(line)
                except msgspec.DecodeError as error:
                    if not begun:
                        raise UsageError(f"{self._path}: {_why(line, error)}") from error
                    self.torn = f"it is damaged ({error})"
                    return
                begun = True
            if len(rest) > _MAX_LINE:
                raise UsageError(f"{self._path}: a line is too long for a recording")
        if rest:
            self.torn = self.torn or "it ends within a tick"


def _why(line: bytes, error: msgspec.DecodeError) -> str:
    try:
        version = msgspec.json.decode(line, type=_Head).schema_version
    except msgspec.DecodeError:
        return f"not a recording: {error}"
    if version > SCHEMA_VERSION:
        return f"written with schema {version}, this envcheck reads {SCHEMA_VERSION}: update it"
    return f"not a recording: {error}"


class _Head(msgspec.Struct):
    schema_version: int


def _inflate(path: Path, recording: Recording) -> Iterator[bytes]:
    """The decompressed bytes of all gzip members; notes on `recording` where they break off."""
    try:
        with open(path, "rb") as file:
            if file.read(2) not in (b"", b"\x1f", b"\x1f\x8b"):
                raise UsageError(f"{path}: not a recording")
            file.seek(0)
            stream, started = zlib.decompressobj(_GZIP), False
            while chunk := file.read(_CHUNK):
                while chunk:
                    started = True
                    yield stream.decompress(chunk, _CHUNK)
                    chunk = stream.unconsumed_tail
                    if stream.eof:
                        chunk = stream.unused_data
                        stream, started = zlib.decompressobj(_GZIP), False
            if started:
                yield stream.flush()
                recording.torn = "its writer was killed"
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except zlib.error as error:
        recording.torn = f"it is damaged ({error})"


def _close_torn_end(descriptor: int, path: Path) -> None:
    """Ends the last gzip member where its writer was killed: cut after the last whole tick."""
    try:
        start, whole = _last_member(descriptor)
        if whole:
            return
        end = os.fstat(descriptor).st_size
        base = max(start, end - _MAX_LINE)
        cut = os.pread(descriptor, end - base, base).rfind(_FLUSHED)
        size, crc = 0, 0
        stream = zlib.decompressobj(_GZIP)
        for chunk in _pieces(descriptor, start, base + cut + len(_FLUSHED) if cut >= 0 else start):
            text = stream.decompress(chunk)
            size, crc = size + len(text), zlib.crc32(text, crc)
    except zlib.error as error:
        raise UsageError(f"--record {path}: not a recording ({error})") from error
    os.ftruncate(descriptor, start if cut < 0 else base + cut + len(_FLUSHED))
    if cut >= 0:
        trailer = crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
        os.pwrite(descriptor, _END_OF_STREAM + trailer, base + cut + len(_FLUSHED))


def _last_member(descriptor: int) -> tuple[int, bool]:
    """Where the last gzip member starts, and whether it is whole (as an empty file is)."""
    start = at = 0
    stream, begun = zlib.decompressobj(_GZIP), False
    for chunk in _pieces(descriptor, 0, os.fstat(descriptor).st_size):
        while chunk:
            begun = True
            stream.decompress(chunk)
            rest = stream.unused_data
            at += len(chunk) - len(rest)
            chunk = rest
            if stream.eof:
                start, stream, begun = at, zlib.decompressobj(_GZIP), False
    return start, not begun


def _pieces(descriptor: int, start: int, end: int) -> Iterator[bytes]:
    while start < end and (chunk := os.pread(descriptor, min(_CHUNK, end - start), start)):
        yield chunk
        start += len(chunk)
