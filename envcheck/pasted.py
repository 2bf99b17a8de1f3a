"""Reads pasted text from a file or stdin: as much as is of use, decoded, never binary.

Must not know what the text is about.
"""

import sys
from collections import deque
from typing import BinaryIO

from envcheck.errors import UsageError

HEAD = 8 << 20  # bytes kept from the beginning of a long text …
TAIL = 8 << 20  # … and from its end
MOST = 4 << 30  # bytes read at all: a stream that does not end is an error, not a wait
_CHUNK = 1 << 20


def read_pasted(file: str, most: int = MOST) -> str:
    """The text of a file, `-` for stdin. Of a very long one the beginning and the end are kept.

    Raises:
        UsageError: unreadable, empty, binary, or not at its end after `most` bytes.
    """
    name = "stdin" if file == "-" else file
    try:
        if file == "-":
            data = _bounded(sys.stdin.buffer, name, most)
        else:
            with open(file, "rb") as stream:
                data = _bounded(stream, name, most)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}") from error
    text = _decoded(data)
    if not text.strip():
        raise UsageError(f"{name} is empty: nothing to read")
    if text.count("\x00") or text.count("\ufffd") * 5 > len(text):
        raise UsageError(f"{name} is binary: paste the text of a report or a log")
    return text


def _bounded(stream: BinaryIO, name: str, most: int) -> bytes:
    head = stream.read(HEAD)
    tail: deque[bytes] = deque(maxlen=TAIL // _CHUNK)
    read = len(head)
    while chunk := stream.read(_CHUNK):
        tail.append(chunk)
        read += len(chunk)
        if read > most:
            raise UsageError(f"{name} has no end within {most >> 20} MiB: cut out what went wrong")
    return head + b"".join(tail)


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):  # what PowerShell's `>` writes
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")
