"""Reads pasted text from a file or stdin: as much as is of use, decoded, never binary.

Must not know what the text is about.
"""

import sys
from collections import deque
from typing import BinaryIO

from envcheck.errors import UsageError

HEAD = 8 << 20  # bytes kept from the beginning of a long text …
TAIL = 8 << 20  # … and from its end
_CHUNK = 1 << 20


def read_pasted(file: str) -> str:
    """The text of a file, `-` for stdin. Of a very long one the beginning and the end are kept.

    Raises:
        UsageError: unreadable, empty or binary.
    """
    name = "stdin" if file == "-" else file
    try:
        if file == "-":
            data = _bounded(sys.stdin.buffer)
        else:
            with open(file, "rb") as stream:
                data = _bounded(stream)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}") from error
    text = _decoded(data)
    if not text.strip():
        raise UsageError(f"{name} is empty: nothing to read")
    if text.count("\x00") or text.count("\ufffd") * 5 > len(text):
        raise UsageError(f"{name} is binary: paste the text of a report or a log")
    return text


def _bounded(stream: BinaryIO) -> bytes:
    head = stream.read(HEAD)
    tail: deque[bytes] = deque(maxlen=TAIL // _CHUNK)
    while chunk := stream.read(_CHUNK):
        tail.append(chunk)
    return head + b"".join(tail)


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):  # what PowerShell's `>` writes
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")
