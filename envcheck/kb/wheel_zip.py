"""Members of a wheel that lies anywhere: its zip directory, small texts, libraries as ELF sources.

Must not know torch or where the wheel lies.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING

from envcheck.binaries.errors import BinaryError
from envcheck.binaries.source import spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from envcheck.binaries.source import ByteSource, FileSource

_MAX_DIRECTORY = 16 << 20  # bytes; torch's has some 2 MB
_MAX_TEXT = 4 << 20  # bytes of METADATA; torch's has some 60 kB
_LOCAL_HEADER = 30 + 4096  # bytes before a member's data: header, name, extra fields


class WheelError(Exception):
    """The wheel is damaged, hostile, or not what its name says."""


class WheelZip:
    """The members of a wheel. Every call raises `WheelError` when the wheel is no sound zip file,
    and passes on what the source raises.

    Args:
        expect: told which bytes of the source, from where to where, will be read in order.
    """

    def __init__(
        self, source: ByteSource, expect: Callable[[int, int], None] = lambda start, stop: None
    ) -> None:
        self._expect = expect
        self._raw = _Seekable(source)
        with _zip_errors("no zip file"):
            self._zip = zipfile.ZipFile(self._raw)
            self._members = {info.filename: info for info in self._zip.infolist()}
        self._raw.limit = None
        starts = sorted({info.header_offset for info in self._members.values()})
        self._next = dict(pairwise([*starts, self._zip.start_dir]))

    @property
    def names(self) -> tuple[str, ...]:
        """Every member, as the directory spells it."""
        return tuple(self._members)

    def text(self, name: str) -> str:
        """A small UTF-8 member."""
        info = self._info(name, _MAX_TEXT)
        with self._opened(info) as stream, _zip_errors(name):
            return stream.read(_MAX_TEXT).decode("utf-8", "replace")

    def library(self, name: str, limit: int) -> FileSource:
        """A member unpacked into an unnamed temporary file, its checksum compared. Close it.

        Raises:
            WheelError: also when it is longer than `limit` bytes.
        """
        info = self._info(name, limit)
        with self._opened(info) as stream, _zip_errors(name):
            return spool(stream, limit)

    def _info(self, name: str, limit: int) -> zipfile.ZipInfo:
        info = self._members.get(name)
        if info is None:
            raise WheelError(f"it has no {name}")
        if info.file_size > limit:
            raise WheelError(f"{name} would unpack to {info.file_size} bytes")
        return info

    @contextmanager
    def _opened(self, info: zipfile.ZipInfo) -> Iterator[zipfile.ZipExtFile]:
        start = info.header_offset
        stop = min(self._next[start], start + _LOCAL_HEADER + info.compress_size)
        self._expect(start, stop)
        with _zip_errors(info.filename):
            stream = self._zip.open(info)
        assert isinstance(stream, zipfile.ZipExtFile)
        with stream:
            yield stream


@contextmanager
def _zip_errors(what: str) -> Iterator[None]:
    """zipfile raises many kinds of errors on bytes that are no sound zip file."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        NotImplementedError,  # a compression nobody uses in wheels
        OverflowError,
        RuntimeError,  # encrypted
        ValueError,  # a negative position, a name that is no text
        BinaryError,
    ) as error:
        raise WheelError(f"{what}: {error or type(error).__name__}") from error


class _Seekable(io.RawIOBase):
    """A `ByteSource` as zipfile wants it."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._at = 0
        self.limit: int | None = _MAX_DIRECTORY  # bytes that may still be read

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size}[whence]
        if base + offset < 0:
            # As files do; zipfile takes it for "there is no such record".
            raise io.UnsupportedOperation("a position before the start of the file")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        n = max(0, min(len(buffer), self._source.size - self._at))
        if self.limit is not None:
            self.limit -= n
            if self.limit < 0:
                raise ValueError(f"its directory has more than {_MAX_DIRECTORY} bytes")
        buffer[:n] = self._source.read_at(self._at, n)
        self._at += n
        return n
