"""AVA's label map: the classes that are evaluated, read as PySlowFast's `read_labelmap` reads it.

Must not know the annotations.
"""

from envcheck.facts import Part
from envcheck.video.ava_layout import CLASSES, Named
from envcheck.video.ava_text import NotText, Oddities, Tell, part_of, pieces

STARTS = ("  id:", "  label_id:")  # with exactly these blanks; other lines are passed over
LOOSE = ("id:", "label_id:", "name:")
MOST_CLASSES = 10_000


def read_labels(named: Named, tell: Tell) -> Part:
    """The facts of one label map."""
    odd = Oddities()
    classes = set[int]()
    try:
        for number, text in pieces(named.path, odd, tell):
            for place, line in enumerate(text.split("\n")[:-1], number):
                if line.startswith(STARTS):
                    _class(line, place, classes, odd)
                elif line.startswith("  name:"):
                    if line.count('"') < 2:
                        odd.line("name", place, line)
                elif line.strip().startswith(LOOSE):
                    odd.line("indent", place, line)
            if len(classes) > MOST_CLASSES:
                raise NotText(f"it names more than {MOST_CLASSES} classes")
    except (OSError, NotText) as error:
        return part_of(named, unread=error)
    return part_of(named, {"classes": len(classes)}, odd)


def _class(line: str, place: int, classes: set[int], odd: Oddities) -> None:
    try:
        label = int(line.strip().split(" ")[-1])
    except ValueError:
        odd.line("number", place, line)
        return
    if label in classes:
        odd.line("twice", place, line)
    elif label not in CLASSES:
        odd.line("class", place, line)
    classes.add(label)
