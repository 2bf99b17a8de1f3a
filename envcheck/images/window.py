"""A part of a file as a file: a layer inside an archive, a member inside a layer."""

import io
import os

from envcheck.binaries.errors import Truncated


class Window(io.RawIOBase):
    """`size` bytes of an open file from `offset`, with a position of its own."""

    def __init__(self, fd: int, offset: int, size: int) -> None:
        super().__init__()
        self._fd, self._offset, self.size = fd, offset, size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def skip(self, size: int) -> None:
        """Goes forward without reading.

        Raises:
            Truncated: past the end.
        """
        self._at += size
        if self._at > self.size:
            raise Truncated("the image ends in the middle of a file")

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        wanted = min(len(buffer), max(0, self.size - self._at))
        data = os.pread(self._fd, wanted, self._offset + self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def read_at(self, offset: int, n: int) -> bytes:
        """Exactly `n` bytes from `offset`.

        Raises:
            Truncated: there are not so many.
        """
        if offset < 0 or n < 0 or offset + n > self.size:
            raise Truncated(f"{n} bytes at {offset} reach past the end of a file in the image")
        data = os.pread(self._fd, n, self._offset + offset)
        if len(data) < n:
            raise Truncated("the image ends in the middle of a file")
        return data

    def part(self, offset: int, size: int) -> "Window":
        """A window within this one.

        Raises:
            Truncated: it reaches past the end.
        """
        if offset + size > self.size:
            raise Truncated("the image ends in the middle of a file")
        return Window(self._fd, self._offset + offset, size)
