"""Bytes at a position: of a file, in memory, or of a stream spooled to a file.

Must not know what the bytes mean.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Protocol

from envcheck.binaries.errors import NotAFile, OpenFailed, TooLarge, Truncated

if TYPE_CHECKING:
    from types import TracebackType

_CHUNK = 1 << 18


class ByteSource(Protocol):
    """Random access to `size` bytes."""

    @property
    def size(self) -> int: ...

    def read_at(self, offset: int, n: int) -> bytes:
        """Exactly `n` bytes from `offset`; `Truncated` when the source ends before."""
        ...


class OpenSource(ByteSource, Protocol):
    """A `ByteSource` that holds something open: use it in a `with`."""

    def __enter__(self) -> ByteSource: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Readable(Protocol):
    """What a deflated zip member or a decompressed layer offers."""

    def read(self, n: int, /) -> bytes: ...


def _check_range(offset: int, n: int, size: int) -> None:
    if offset < 0 or n < 0 or offset + n > size:
        raise Truncated(f"{n} bytes at offset {offset} reach past the end of the file ({size})")


class BytesSource:
    """Bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read_at(self, offset: int, n: int) -> bytes:
        _check_range(offset, n, self.size)
        return self._data[offset : offset + n]

    def __enter__(self) -> BytesSource:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class FileSource:
    """A regular file read by position. Close it, or use it in a `with`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open a file. Raises `OpenFailed` or `NotAFile`; never blocks on a fifo or device."""
        try:
            # Looking first keeps devices from being opened at all: opening some has effects.
            _check_regular(os.stat(path).st_mode)  # noqa: PTH116 (no pathlib: imports are budgeted)
            self._adopt(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError as error:
            raise OpenFailed(error) from error
        except ValueError as error:  # a NUL in the path
            raise OpenFailed(OSError(errno.EINVAL, str(error))) from error

    @classmethod
    def from_fd(cls, fd: int) -> FileSource:
        """Take over an open descriptor. Raises `NotAFile`, and closes it, if it is no file."""
        source = cls.__new__(cls)
        source._adopt(fd)
        return source

    def _adopt(self, fd: int) -> None:
        try:
            status = os.fstat(fd)
            _check_regular(status.st_mode)
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        self.size = status.st_size
        if hasattr(os, "posix_fadvise"):
            # No read-ahead: walking the headers of a 900 MB library reads 10 MB, not 270.
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)

    def read_at(self, offset: int, n: int) -> bytes:
        _check_range(offset, n, self.size)
        try:
            data = os.pread(self._fd, n, offset)
            while len(data) < n:
                more = os.pread(self._fd, n - len(data), offset + len(data))
                if not more:
                    raise Truncated("the file became shorter while it was read")
                data += more
        except OSError as error:
            raise OpenFailed(error) from error
        return data

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> FileSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def spool(stream: Readable, limit: int, directory: str | None = None) -> FileSource:
    """Copy a forward-only stream into an unnamed temporary file, to be read by position.

    An ELF file keeps its section table at the end, so a deflated wheel member or a compressed layer
    would have to be decompressed several times otherwise. Blocks of zeros become holes. More than
    `limit` bytes raises `TooLarge` (a decompression bomb), a full disk `OpenFailed`. The file
    vanishes when the source is closed.
    """
    import tempfile  # 13 ms that reading files on disk does not need

    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            size = 0
            while data := stream.read(_CHUNK):
                size += len(data)
                if size > limit:
                    raise TooLarge(f"more than {limit} bytes")
                if data.count(0) == len(data):
                    file.seek(len(data), os.SEEK_CUR)
                else:
                    file.write(data)
            file.truncate(size)
            return FileSource.from_fd(os.dup(file.fileno()))
    except OSError as error:
        raise OpenFailed(error) from error


def _check_regular(mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    for test, name in (
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISFIFO, "a fifo"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a character device"),
        (stat.S_ISBLK, "a block device"),
    ):
        if test(mode):
            raise NotAFile(f"{name}, not a regular file")
    raise NotAFile("not a regular file")
