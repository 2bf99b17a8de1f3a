"""AVA's frame lists: for each video how many frames are listed, and where the list is out of order.

A list is read as PySlowFast's `load_image_lists` reads it: the place of a row among those of its
video is the frame's index, whatever number the row bears. Must not know what lies on disk.
"""

from collections.abc import Iterator
from functools import lru_cache

import msgspec

from envcheck.facts import Part
from envcheck.video.ava_layout import MOST_VIDEOS, Named
from envcheck.video.ava_text import NotText, Oddities, Tell, TooMany, part_of, pieces

HEADER = "original_vido_id"  # first word of the official lists' first line
FIELDS = 5
BLOCK = 512  # rows compared at a time where a list goes on as it must
MOST_RUNS = 100_000  # stretches of frames; a list in order has one a video
DIGITS = 12  # of a frame's number; a longer one is none


class Run(msgspec.Struct):
    """Frames with consecutive numbers: `prefix` number `suffix`, the number of `width` digits."""

    prefix: str
    suffix: str
    width: int
    first: int
    count: int

    def goes_on(self, prefix: str, suffix: str, number: int) -> bool:
        last = self.first + self.count
        return number == last and prefix == self.prefix and suffix == self.suffix


class Video(msgspec.Struct):
    """One video of a frame list."""

    frames: int = 0
    runs: list[Run] = []


class FrameLists:
    """The lists of one split: rows of later files go on where earlier ones end."""

    def __init__(self) -> None:
        self.videos: dict[str, Video] = {}
        self.runs = 0
        self._torn = False  # the line before was no row

    def read(self, named: Named, tell: Tell) -> Part:
        """The facts of one list; its videos are added."""
        odd = Oddities()
        rows = 0
        before = len(self.videos)
        try:
            for number, text in pieces(named.path, odd, tell):
                rows += self._piece(number, text, odd)
                if len(self.videos) > MOST_VIDEOS:
                    raise TooMany
        except (OSError, NotText) as error:
            return part_of(named, unread=error)
        return part_of(named, {"rows": rows, "videos": len(self.videos) - before}, odd)

    def _piece(self, number: int, text: str, odd: Oddities) -> int:
        """How many rows of a piece are frames."""
        place = rows = 0
        if number == 1:
            line, place = _line(text, 0)
            if HEADER not in line:
                odd.line("no_header", 1, line)
            number = 2
        while place < len(text):
            line, place = _line(text, place)
            row = line.split()
            if len(row) != FIELDS:
                odd.line("columns", number, line)
                number += 1
                self._torn = True
                continue
            run = self._frame(row, number, line, odd)
            self._torn = False
            number += 1
            rows += 1
            if run is None:
                continue
            video = self.videos[row[0]]
            for block in _continued(row, line, run, video.frames):
                if not text.startswith(block, place):
                    break
                place += len(block)
                run.count += BLOCK
                video.frames += BLOCK
                number += BLOCK
                rows += BLOCK
        return rows

    def _frame(self, row: list[str], number: int, line: str, odd: Oddities) -> Run | None:
        """Adds one frame; the run it belongs to, or None where there are too many."""
        name, path = row[0], row[3]
        video = self.videos.get(name)
        if video is None:
            video = self.videos[name] = Video(runs=[])
        video.frames += 1
        prefix, digits, suffix = _numbered(path)
        frame = int(digits) if digits else -1
        runs = video.runs
        if runs and runs[-1].goes_on(prefix, suffix, frame):
            runs[-1].count += 1
            return runs[-1]
        if not digits:
            odd.line("no_number", number, line)
        elif not runs and frame > 1:
            odd.line("start", number, line)
        elif runs and not self._torn:
            odd.line("order", number, line)
        if not runs and name not in path:
            odd.line("other_video", number, line)
        self.runs += 1
        if runs and self.runs > MOST_RUNS:
            return None
        runs.append(Run(prefix, suffix, len(digits), frame, 1))
        return runs[-1]


def _line(text: str, place: int) -> tuple[str, int]:
    end = text.index("\n", place)
    return text[place:end], end + 1


def _numbered(path: str) -> tuple[str, str, str]:
    """A path around the number at the end of its stem: ("a/a_", "000012", ".jpg")."""
    stem, dot, ending = path.rpartition(".")
    if not dot:
        stem, ending = path, ""
    prefix = stem.rstrip("0123456789")
    digits = stem[len(prefix) :]
    return prefix, digits if len(digits) <= DIGITS else "", f"{dot}{ending}"


def _continued(row: list[str], line: str, run: Run, frames: int) -> Iterator[str]:
    """The next rows of a video whose list is as the official ones are, a block of text at a time.

    Comparing text is twenty times quicker than splitting every row.
    """
    if frames % BLOCK or not row[2].isdecimal() or len(row[2]) > DIGITS or line != " ".join(row):
        return
    head, between = f"{row[0]} {row[1]} ", f"{run.suffix} {row[4]}\n"
    identity, number = int(row[2]) + 1, run.first + run.count
    while True:
        rows = _template(identity, number, run.width).replace("\1", run.prefix)
        yield head + rows.replace("\2", between + head) + between
        identity += BLOCK
        number += BLOCK


@lru_cache(maxsize=256)
def _template(identity: int, number: int, width: int) -> str:
    return "\2".join(f"{identity + n} \1{number + n:0{width}d}" for n in range(BLOCK))
