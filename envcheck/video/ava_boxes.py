"""AVA's box files and excluded timestamps: what they hold, and the lines their readers stop at.

They are read as PySlowFast's `parse_bboxes_file` and its evaluation read them. Must not know the
frame lists.
"""

import msgspec

from envcheck.facts import Part
from envcheck.video.ava_layout import CLASSES, MOST_VIDEOS, SECONDS, Named
from envcheck.video.ava_text import NotText, Oddities, Tell, TooMany, part_of, pieces

BOM = "\ufeff"
_FIRST, _LAST = SECONDS[0], SECONDS[-1]
_ACTIONS = {str(label) for label in CLASSES} | {"-1"}  # -1: a person who does nothing of them


class Annotated(msgspec.Struct):
    """The seconds of each video that have boxes."""

    seconds: dict[str, set[int]] = {}

    def validated(self, step: int) -> set[str]:
        """Videos with a box in one of every `step` seconds."""
        if step == 1:
            return set(self.seconds)
        return {
            name for name, seconds in self.seconds.items() if any(s % step == 0 for s in seconds)
        }


def read_boxes(named: Named, threshold: float, into: Annotated, tell: Tell) -> Part:
    """The facts of one box file; its videos and seconds are added to `into`."""
    odd = Oddities()
    counts = {"rows": 0, "boxes": 0, "below_threshold": 0}
    own = Annotated(seconds={})
    try:
        for number, text in pieces(named.path, odd, tell):
            if number == 1 and text.startswith(BOM):
                odd.line("bom", 1, text[1:])
                text = text[1:]
            _boxes(text, number, named.key.of, threshold, own, counts, odd)
            if len(own.seconds) > MOST_VIDEOS:
                raise TooMany
    except (OSError, NotText) as error:
        return part_of(named, unread=error)
    for name, seconds in own.seconds.items():
        into.seconds.setdefault(name, set()).update(seconds)
    return part_of(named, {**counts, "videos": len(own.seconds)}, odd)


def _boxes(
    text: str,
    number: int,
    of: str,
    threshold: float,
    into: Annotated,
    counts: dict[str, int],
    odd: Oddities,
) -> None:
    predicted, truth = of == "predictions", of == "ground_truth"
    boxes = below = 0
    lines = text.split("\n")
    del lines[-1]
    counts["rows"] += len(lines)
    name, seconds = "", set[int]()
    for place, line in enumerate(lines, number):
        row = line.strip().split(",")
        if len(row) < 7 + predicted or (truth and len(row) > 8):
            odd.line("header" if place == 1 and _is_header(row) else "columns", place, line)
            continue
        try:
            if predicted:
                score = float(row[7])
                if score < threshold:
                    below += 1
                    continue
                if score > 1:
                    odd.line("person_id", place, line)
            second = int(row[1])
            left, top, right, bottom = float(row[2]), float(row[3]), float(row[4]), float(row[5])
            label = row[6]
            if label not in _ACTIONS and (label or truth) and int(label) not in CLASSES:
                odd.line("action", place, line)
        except ValueError:
            odd.line("header" if place == 1 and _is_header(row) else "number", place, line)
            continue
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            odd.line("box", place, line)
        if not _FIRST <= second <= _LAST:
            odd.line("second", place, line)
            continue
        boxes += 1
        if row[0] != name:
            name = row[0]
            seconds = into.seconds.setdefault(name, set())
        seconds.add(second)
    counts["boxes"] += boxes
    counts["below_threshold"] += below


def _is_header(row: list[str]) -> bool:
    """A word where the second belongs."""
    return len(row) > 1 and row[1].strip()[:1].isalpha()


def read_exclusions(named: Named, tell: Tell) -> Part:
    """The facts of a file of excluded timestamps: video,second."""
    odd = Oddities()
    rows, videos = 0, set[str]()
    try:
        for number, text in pieces(named.path, odd, tell):
            lines = text.split("\n")
            for place, line in enumerate(lines[:-1], number):
                rows += 1
                row = line.split(",")
                if len(row) != 2:
                    odd.line("columns", place, line)
                    continue
                videos.add(row[0])
                try:
                    second = int(row[1])
                except ValueError:
                    odd.line("number", place, line)
                    continue
                if not _FIRST <= second <= _LAST:
                    odd.line("second", place, line)
            if len(videos) > MOST_VIDEOS:
                raise TooMany
    except (OSError, NotText) as error:
        return part_of(named, unread=error)
    return part_of(named, {"rows": rows, "videos": len(videos)}, odd)
