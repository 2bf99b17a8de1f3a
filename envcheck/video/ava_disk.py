"""AVA's frames on disk, beside the frame lists: each folder is listed once, a few files looked at.

Must not open a frame.
"""

import os
from collections.abc import Iterable, Iterator
from functools import lru_cache

import msgspec

from envcheck.facts import Part, failed
from envcheck.video.ava_frames import MOST_RUNS, FrameLists, Run, Video
from envcheck.video.ava_text import Oddities, Tell, unreadable

MOST_NAMES = 1 << 20  # files of one folder; a video of AVA has 27,030
LOOKED_AT = 256  # of so many frames the size of one is read, and the first's and the last's
TABLE = 1 << 16  # numbers whose file names are made once for all videos


def read_frames(folder: str, lists: Iterable[FrameLists], tell: Tell) -> Part:
    """The facts of the folder of frames: what the lists name and the disk lacks."""
    part = Part(name=os.path.basename(folder), of="frames", path=folder, setting="AVA.FRAME_DIR")
    try:
        with os.scandir(folder):
            pass
    except NotADirectoryError:
        return msgspec.structs.replace(part, unread=failed("it is no folder"))
    except OSError as error:
        return msgspec.structs.replace(part, unread=unreadable(error))
    lists = tuple(lists)
    if any(one.runs > MOST_RUNS for one in lists):
        words = "the frame lists follow no order that could be compared"
        return msgspec.structs.replace(part, unread=failed(words))
    disk = _Disk(folder)
    videos = [item for one in lists for item in one.videos.items()]
    for done, (name, video) in enumerate(videos, 1):
        disk.compare(video)
        tell(f"frames of {name}", done, len(videos))
    return msgspec.structs.replace(part, counts=disk.counts, odd=disk.odd.all())


class _Disk:
    """Compares video after video; the names of one folder are held at a time."""

    def __init__(self, folder: str) -> None:
        self.counts = {"videos": 0, "frames": 0, "looked_at": 0}
        self.odd = Oddities()
        self._folder = folder
        self._listed = ""
        self._names: frozenset[str] = frozenset()

    def compare(self, video: Video) -> None:
        there = 0
        for run in video.runs:
            inside = os.path.dirname(run.prefix)
            place = os.path.join(self._folder, inside)
            if place != self._listed:
                self._listed = ""
                names = _names(place)
                if isinstance(names, str):
                    self.odd.add("folder", f"{inside or '.'}: {names}")
                    break
                self._listed, self._names = place, names
            there += self._run(run)
        self.counts["videos"] += there > 0
        self.counts["frames"] += there

    def _run(self, run: Run) -> int:
        """How many frames of a run are there; those that are not, or are empty, are noted."""
        inside, base = os.path.split(run.prefix)
        missing: list[str] = []
        if not self._names.issuperset(map(base.__add__, _endings(run))):
            missing = [n for n in map(base.__add__, _endings(run)) if n not in self._names]
            # frames are cut one after another: a video cut short lacks its end and nothing else
            kept = run.count - len(missing)
            short = kept > 0 and missing[0] == f"{base}{_ending(run, run.first + kept)}"
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            text = f"{os.path.join(inside, missing[0])}{more}"
            self.odd.add("tail" if short else "missing", text, len(missing))
        for name in {f"{base}{ending}" for ending in _sample(run)}.difference(missing):
            self._look(os.path.join(inside, name))
        return run.count - len(missing)

    def _look(self, name: str) -> None:
        self.counts["looked_at"] += 1
        try:
            if os.stat(os.path.join(self._folder, name)).st_size == 0:
                self.odd.add("empty", name)
        except OSError as error:
            self.odd.add("unreadable", f"{name}: {error.strerror}")


def _names(folder: str) -> frozenset[str] | str:
    """The names in a folder, or why they are not known."""
    names = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                names.append(entry.name)
                if len(names) > MOST_NAMES:
                    return f"more than {MOST_NAMES} files in one folder"
    except OSError as error:
        return error.strerror or str(error)
    return frozenset(names)


def _sample(run: Run) -> Iterator[str]:
    last = run.first + run.count - 1
    for number in (*range(run.first, last, LOOKED_AT), last):
        yield _ending(run, number)


def _ending(run: Run, number: int) -> str:
    return f"{number:0{run.width}d}{run.suffix}" if run.width else run.suffix


def _endings(run: Run) -> Iterable[str]:
    """What the frames' names end in: "000001.jpg" …"""
    if run.width and run.first + run.count < TABLE:
        return _table(run.width, run.suffix)[run.first : run.first + run.count]
    return (_ending(run, number) for number in range(run.first, run.first + run.count))


@lru_cache(maxsize=4)
def _table(width: int, suffix: str) -> list[str]:
    return [f"{number:0{width}d}{suffix}" for number in range(TABLE)]
