"""Which files of an AVA data set PySlowFast would read: its configuration's keys in a folder.

Must not know what the files hold.
"""

import ast
import difflib
import json
import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec

from envcheck.errors import UsageError
from envcheck.facts.dataset import PartKind
from envcheck.kb.rows import NonEmpty, Row, read_file

FPS = 30  # frames a second: slowfast/datasets/ava_helper.py
START = 900  # second of the film at which the frames begin
SECONDS = range(902, 1799)  # those that may be annotated: AVA_VALID_FRAMES
CLASSES = range(1, 81)  # ava_dataset.py asserts it
MOST_VIDEOS = 100_000  # some 300 are in AVA; more would be no list of its kind
VALIDATED = 4  # of the boxes for validation every fourth second is taken


class Key(Row, frozen=True, kw_only=True):
    """A key of the configuration that names files."""

    name: NonEmpty
    of: PartKind
    split: Literal["train", "val"]
    folder: NonEmpty
    default: tuple[str, ...]
    others: tuple[str, ...] = ()
    url: str = ""


class Plain(Row, frozen=True, kw_only=True):
    """A key of the configuration with one value."""

    name: NonEmpty
    default: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: tuple[Key, ...]
    plain: tuple[Plain, ...]


class Named(msgspec.Struct, frozen=True):
    """A file that a key names."""

    key: Key
    name: str  # from the data set's folder
    path: str
    usual: bool  # the default names it

    @property
    def version(self) -> str:
        """Of the annotations, as the file's name has it."""
        found = re.search(r"v(\d+\.\d+)", os.path.basename(self.name))
        return found[1] if found else ""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything of one data set is, and how it is taken."""

    root: str
    frames: str
    files: tuple[Named, ...]
    settings: dict[str, str]
    threshold: float
    every_second: bool  # AVA.FULL_TEST_ON_VAL
    clip: tuple[int, int]  # frames, and one is taken of so many


@lru_cache
def _keys() -> _File:
    return read_file(Path(__file__).parent / "data/ava.toml", _File)


def layout_of(root: str, given: Mapping[str, str]) -> Layout:
    """The layout of a folder: what is given, else the default, else an official file in its place.

    Args:
        given: configuration keys and their values, as PySlowFast takes them on its command line.

    Raises:
        UsageError: no such key, or a value of the wrong kind.
    """
    known = _keys()
    names = [key.name for key in known.key] + [plain.name for plain in known.plain]
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, 3)
            hint = f": did you mean {', '.join(near)}?" if near else f": there are {len(names)}"
            raise UsageError(f"no setting of an AVA data set is called {name!r}{hint}")
    settings = {row.name: given.get(row.name, row.default) for row in known.plain}
    files: list[Named] = []
    for key in known.key:
        folder = settings[key.folder]
        chosen = _chosen(key, given, os.path.join(root, folder))
        settings[key.name] = json.dumps(chosen) if key.name.endswith("LISTS") else chosen[0]
        for name in chosen:
            inside = os.path.join(folder, name)
            path = os.path.join(root, inside)
            files.append(Named(key, inside, path, name in key.default))
    return Layout(
        root=root,
        frames=os.path.join(root, settings["AVA.FRAME_DIR"]),
        files=tuple(files),
        settings=settings,
        threshold=_number(settings, "AVA.DETECTION_SCORE_THRESH"),
        every_second=_truth(settings, "AVA.FULL_TEST_ON_VAL"),
        clip=(_count(settings, "DATA.NUM_FRAMES"), _count(settings, "DATA.SAMPLING_RATE")),
    )


def _chosen(key: Key, given: Mapping[str, str], folder: str) -> Sequence[str]:
    if key.name in given:
        names = _listed(given[key.name])
        if not names and not key.name.endswith("LISTS"):
            raise UsageError(f"{key.name} names no file")
        return names
    if all(os.path.lexists(os.path.join(folder, name)) for name in key.default):
        return key.default
    there = [name for name in key.others if os.path.lexists(os.path.join(folder, name))]
    return there[:1] or key.default


def _listed(text: str) -> list[str]:
    """File names: "a.csv,b.csv", or a list as Python writes it."""
    if text.lstrip().startswith(("[", "(", '"', "'")):
        try:
            held = ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            held = None
        names = [held] if isinstance(held, str) else held
        if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) for n in names):
            raise UsageError(f"{text!r} is no list of file names")
        return list(names)
    return [name.strip() for name in text.split(",") if name.strip()]


def _number(settings: Mapping[str, str], name: str) -> float:
    try:
        return float(settings[name])
    except ValueError:
        raise UsageError(f"{name}: {settings[name]!r} is no number") from None


def _count(settings: Mapping[str, str], name: str) -> int:
    text = settings[name]
    if not text.isdecimal() or not 0 < int(text[:9]) <= 10_000:
        raise UsageError(f"{name}: {text!r} is no count of frames")
    return int(text)


def _truth(settings: Mapping[str, str], name: str) -> bool:
    text = settings[name]
    if text.lower() not in ("true", "false"):
        raise UsageError(f"{name}: {text!r} is neither True nor False")
    return text.lower() == "true"
