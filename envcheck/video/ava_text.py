"""Text files read a piece at a time, and the record of what is odd in them.

A file of any size or content takes bounded memory. Must not know what the lines mean.
"""

import os
import re
import stat
from collections.abc import Callable, Iterator

from envcheck.facts import Missing, Odd, Part, absent, blocked, failed
from envcheck.video.ava_layout import MOST_VIDEOS, Named

PIECE = 1 << 22  # characters read at a time; no line may be longer
KEPT = 3  # of each kind of oddity so many are kept
SHOWN = 80  # characters of an odd line
_UNDECODED = re.compile("[\udc80-\udcff]")

Tell = Callable[[str, int, int], None]  # what is read, how much of it, of how much


def quiet(what: str, done: int, total: int) -> None:
    """A `Tell` that tells nobody."""


class NotText(Exception):
    """The file is no text that has lines, in words."""


class TooMany(NotText):
    """A list that names more videos than memory should hold."""

    def __init__(self) -> None:
        super().__init__(f"it names more than {MOST_VIDEOS} videos: no list of AVA's kind")


class Oddities:
    """What is odd in one part: counted, and the first few of each kind kept."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._first: dict[str, list[str]] = {}

    def add(self, what: str, text: str, count: int = 1) -> None:
        self._counts[what] = self._counts.get(what, 0) + count
        first = self._first.setdefault(what, [])
        if len(first) < KEPT:
            shown = _UNDECODED.sub("\ufffd", text)
            first.append(shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…")

    def line(self, what: str, number: int, line: str) -> None:
        count = self._counts.get(what, 0)
        if count < KEPT:
            self.add(what, f"line {number}: {line[: SHOWN + 1].rstrip() or '(empty)'}")
        else:
            self._counts[what] = count + 1

    def all(self) -> tuple[Odd, ...]:
        return tuple(Odd(what, n, tuple(self._first[what])) for what, n in self._counts.items())


def pieces(path: str, odd: Oddities, tell: Tell) -> Iterator[tuple[int, str]]:
    """Whole lines of a file, some thousands at a time, with the number of the first of them.

    Lines end in "\\n", whatever they end in on disk. What is not UTF-8 is noted as "encoding".

    Raises:
        OSError: it cannot be read.
        NotText: a device, binary, or a line of millions of characters.
    """
    # a FIFO that nobody writes to must not hang us
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise NotText("it is no file but a folder, a device or a pipe")
    with open(descriptor, encoding="utf-8", errors="surrogateescape") as file:
        name = os.path.basename(path)
        number, rest = 1, ""
        while True:
            read = file.read(PIECE)
            tell(name, os.lseek(descriptor, 0, os.SEEK_CUR), status.st_size)
            if number == 1 and not rest and read[:2] in ("\udcff\udcfe", "\udcfe\udcff"):
                raise NotText("it is UTF-16 text")
            if "\0" in read:
                raise NotText("it is binary: it holds NUL bytes")
            end = read.rfind("\n") + 1
            whole, rest = (rest + read[:end], read[end:]) if end else ("", rest + read)
            if not read and rest:  # the last line, which nothing ends
                whole = f"{rest}\n"
            if len(rest) >= PIECE:
                raise NotText(f"line {number} is longer than {PIECE} characters")
            if whole:
                if not whole.isascii():
                    _undecoded(whole, number, odd)
                yield number, whole
                number += whole.count("\n")
            if not read:
                return


def _undecoded(text: str, number: int, odd: Oddities) -> None:
    if _UNDECODED.search(text):
        for place, line in enumerate(text.split("\n"), number):
            if _UNDECODED.search(line):
                odd.line("encoding", place, line)


def unreadable(error: OSError | NotText) -> Missing:
    """Why a file or folder could not be read, as facts say it."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return absent("no such file")
    if isinstance(error, PermissionError):
        return blocked("no permission to read it")
    return failed(str(error.strerror or error) if isinstance(error, OSError) else str(error))


def part_of(
    named: Named,
    counts: dict[str, int] | None = None,
    odd: Oddities | None = None,
    unread: OSError | NotText | None = None,
) -> Part:
    """The facts of one file: what was counted, or why it could not be read."""
    return Part(
        name=named.name,
        of=named.key.of,
        path=named.path,
        setting=named.key.name,
        usual=named.usual,
        version=named.version,
        published=named.key.url if named.usual and unread is not None else "",
        unread=unreadable(unread) if unread is not None else None,
        counts=counts or {},
        odd=odd.all() if odd else (),
    )
