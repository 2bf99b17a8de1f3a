"""A file on a server, or on disk, read by position: what a zip directory asks for and no more.

Must not know what the bytes mean.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envcheck.binaries.source import FileSource
from envcheck.index.errors import Dropped, NoRanges, WebError
from envcheck.index.web import local_path, redact

if TYPE_CHECKING:
    from envcheck.index.web import Body, Web

_TAIL = 1 << 16  # bytes; a zip's end record with the longest comment
_BLOCK = 1 << 16  # bytes an unexpected read brings at least
_MAX_REQUESTS = 200  # for one file; a wheel takes some ten
_CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})", re.ASCII)


class RemoteFile:
    """A file on a server that honours Range. The last 64 KiB are read at once.

    `read_at` and opening raise `NoRanges` when the server does not, `WebError` for all else. A
    connection that drops is opened anew where it broke off.
    """

    def __init__(self, web: Web, url: str) -> None:
        self._web, self._url = web, url
        self._expected = (0, 0)
        self._stream: Body | None = None
        self._at = self._stop = 0  # what the stream still brings
        self._requests = 0
        self._tail = b""
        self.size = 0
        try:
            self._tail = web.retried(url, self._last)
        except NoRanges as error:
            if error.size is None:
                raise
            # Some servers honour ranges, but not those counted from the end.
            self.size = error.size
            self._tail = self.read_at(max(0, self.size - _TAIL), min(_TAIL, self.size))

    def expect(self, start: int, stop: int) -> None:
        """Bytes from `start` to `stop` will be read in order: one request is to bring them."""
        self._expected = (start, min(stop, self.size))

    def read_at(self, offset: int, n: int) -> bytes:
        """Exactly `n` bytes from `offset`."""
        if offset < 0 or n < 0 or offset + n > self.size:
            raise WebError(f"{redact(self._url)}: read past its end")
        tail_at = self.size - len(self._tail)
        data = bytearray()

        def more() -> bytes:
            return self._some(offset + len(data), n - len(data), tail_at)

        while len(data) < n and offset + len(data) < tail_at:
            data += self._web.retried(self._url, more)
        start, stop = (max(0, at - tail_at) for at in (offset, offset + n))
        return bytes(data) + self._tail[start:stop]

    def _some(self, offset: int, n: int, limit: int) -> bytes:
        """At least one byte from `offset`, at most `n`, none from `limit` on."""
        if self._stream is None or offset != self._at or offset >= self._stop:
            start, stop = self._expected
            if not start <= offset < stop:
                stop = offset + max(n, _BLOCK)
            self._request(offset, min(stop, limit))
        assert self._stream is not None
        try:
            data = self._stream.read(min(n, self._stop - self._at))
        except Dropped:
            self.close()
            raise
        if not data:
            self.close()
            raise Dropped("the answer ended too early")
        self._at += len(data)
        return data

    def _request(self, start: int, stop: int) -> None:
        """Opens the stream at exactly these bytes."""
        self.close()
        self._requests += 1
        if self._requests > _MAX_REQUESTS:
            raise WebError(f"{redact(self._url)}: the connection dropped again and again")
        body = self._web.get(self._url, {"Range": f"bytes={start}-{stop - 1}"})
        first, last, size = self._range(body)
        if (first, last + 1, size) != (start, stop, self.size):
            body.close()
            raise WebError(f"{redact(self._url)}: it changed, or other bytes came than asked for")
        self._stream, self._at, self._stop = body, start, stop

    def _last(self) -> bytes:
        with self._web.get(self._url, {"Range": f"bytes=-{_TAIL}"}) as body:
            first, last, size = self._range(body)
            if first != max(0, size - _TAIL) or last != size - 1:
                raise NoRanges(f"{redact(self._url)}: other bytes came than asked for", size)
            tail = b"".join(body.chunks(_TAIL))
            if len(tail) != last + 1 - first:
                raise Dropped("the answer ended too early")
        self.size = size
        return tail

    def _range(self, body: Body) -> tuple[int, int, int]:
        match = _CONTENT_RANGE.fullmatch(body.header("Content-Range").strip())
        if body.status != 206 or match is None:
            body.close()
            raise NoRanges(f"{redact(self._url)}: the server does not send parts", body.length)
        first, last, size = map(int, match.groups())
        return first, last, size

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def __enter__(self) -> RemoteFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_file(web: Web, url: str) -> RemoteFile | FileSource:
    """The file at an address, ready to be read by position.

    Raises:
        NoRanges: the server sends whole files only.
        WebError: it cannot be had.
        BinaryError: a file on disk cannot be opened.
    """
    path = local_path(url)
    return RemoteFile(web, url) if path is None else FileSource(path)
