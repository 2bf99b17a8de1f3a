"""Reads a tar archive header by header: names, sizes and links, within bounds.

A hundred thousand headers are read in a second, by seeking where the archive lies uncompressed; and
what a hostile header claims is never allocated. The layouts are ustar, GNU's and pax's:
https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from envcheck.images.errors import ImageError

BLOCK = 512
LONG = 1 << 20  # bytes of a name or of a pax header
_ZERO = bytes(BLOCK)
_FILES = (b"0", b"\0", b"7")


class Stream(Protocol):
    """An archive's bytes, forwards."""

    def read(self, n: int, /) -> bytes | None: ...

    def skip(self, n: int, /) -> None: ...


class Entry(NamedTuple):
    """One member. `kind` is "file", "dir", "symlink", "hardlink" or "other"."""

    path: str
    kind: str
    size: int
    link: str
    executable: bool


class Tar:
    """The members of an archive, in order; `body` reads the one that was given last."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._left = 0  # bytes of the member that were not read
        self._padding = 0

    def __iter__(self) -> Iterator[Entry]:
        """
        Raises:
            ImageError: no sound archive, or it ends too early.
        """
        pax: dict[str, str] = {}
        long = {b"L": "", b"K": ""}
        begun = False
        while True:
            block = self._read(BLOCK, last=True)
            if not block and not begun:
                raise ImageError("the archive ends before its first header")
            if not block or block == _ZERO:
                return
            begun = True
            kind, size = block[156:157], _number(block[124:136])
            _check(block)
            if kind in b"xgLKX" and kind:
                data = self._extra(size)
                if kind in b"LK":
                    long[kind] = _text(data.rstrip(b"\0"))
                elif kind == b"x":
                    pax = _pax(data)
                continue
            path = pax.get("path") or long[b"L"] or _name(block)
            link = pax.get("linkpath") or long[b"K"] or _text(_cut(block[157:257]))
            if pax.get("size", "").isdecimal():
                size = int(pax["size"])
            plain = kind in _FILES
            if plain and path.endswith("/"):
                plain, kind = False, b"5"
            # Only files have bytes, whatever a link's header says.
            self._left = size if plain or kind not in b"123456" else 0
            self._padding = -self._left % BLOCK
            yield Entry(
                path,
                "file" if plain and "GNU.sparse.major" not in pax else _KINDS.get(kind, "other"),
                size,
                link,
                bool(_number(block[100:108]) & 0o111),
            )
            self._stream.skip(self._left + self._padding)
            self._left = self._padding = 0
            pax, long = {}, {b"L": "", b"K": ""}

    def read(self, n: int) -> bytes:
        """At most `n` bytes more of the member; b"" at its end.

        Raises:
            ImageError: the archive ends within it.
        """
        data = self._stream.read(min(n, self._left)) or b""
        if not data and n > 0 and self._left > 0:
            raise ImageError("the archive ends in the middle of a file")
        self._left -= len(data)
        return data

    def _read(self, n: int, *, last: bool = False) -> bytes:
        data = self._stream.read(n) or b""
        while 0 < len(data) < n and (more := self._stream.read(n - len(data))):
            data += more
        if len(data) < n and not (last and not data):
            raise ImageError("the archive ends in the middle of a header")
        return data

    def _extra(self, size: int) -> bytes:
        if size > LONG:
            raise ImageError("a name of more than a mebibyte")
        return self._read(size + -size % BLOCK)[:size]


_KINDS = {b"5": "dir", b"2": "symlink", b"1": "hardlink"}


def _check(block: bytes) -> None:
    stated = _number(block[148:156])
    if stated != sum(block) - sum(block[148:156]) + 256:
        raise ImageError("no tar archive, or a damaged one: a header's checksum is wrong")


def _number(field: bytes) -> int:
    """An octal number, or GNU's binary one."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ((1 << (8 * len(field) - 1)) - 1)
        if value >> 62:
            raise ImageError("a header with a negative or impossible number")
        return value
    text = _cut(field).strip()
    if not text:
        return 0
    try:
        return int(text, 8)
    except ValueError as error:
        raise ImageError("no tar archive: a header's number is none") from error


def _name(block: bytes) -> str:
    name = _text(_cut(block[:100]))
    prefix = _cut(block[345:500]) if block[257:263] == b"ustar\0" else b""
    return f"{_text(prefix)}/{name}" if prefix else name


def _pax(data: bytes) -> dict[str, str]:
    """ "27 path=some/long/name\\n" …"""
    found: dict[str, str] = {}
    place = 0
    while place < len(data):
        space = data.find(b" ", place, place + 20)
        length = data[place:space]
        if space < 0 or not length.isdigit() or int(length) < 4:
            return found
        key, _, value = data[space + 1 : place + int(length) - 1].partition(b"=")
        found[_text(key)] = _text(value)
        place += int(length)
    return found


def _cut(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
