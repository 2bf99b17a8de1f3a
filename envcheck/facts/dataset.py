"""Facts about a data set: its files, folders and splits, and what in them is unlike the rest.

Must not know how they are read, nor what a training makes of them.
"""

from typing import Literal

import msgspec

from envcheck.facts.base import Fact, Missing

PartKind = Literal[
    "frame_list", "boxes", "predictions", "ground_truth", "exclusions", "label_map",
    "frames", "split",
]  # fmt: skip


class Odd(msgspec.Struct, frozen=True, tag_field="kind", tag="odd"):
    """Lines, videos or frames that are unlike the rest in one respect."""

    what: str  # the word rules look for: "columns", "order", "missing"
    count: int
    first: tuple[str, ...] = ()  # the first of them: "line 12: -5KQ66BBWC4,901,…"


class Part(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="part"
):
    """One file or folder of a data set, or a split, which is several files together."""

    name: str  # "frame_lists/train.csv", "train"
    of: PartKind
    path: str = ""
    setting: str = ""  # the configuration's key that names it, "AVA.TRAIN_LISTS"
    usual: bool = True  # the configuration's default names it
    version: str = ""  # of the annotations, as the file's name has it: "2.2"
    published: str = ""  # address of the file the default names
    unread: Missing | None = None  # why nothing of it could be read
    counts: dict[str, int] = {}  # "rows", "videos", "boxes"
    odd: tuple[Odd, ...] = ()

    def those(self, what: str) -> Odd | None:
        """What is odd in this respect, or None."""
        return next((odd for odd in self.odd if odd.what == what), None)


class Dataset(Fact, frozen=True, kw_only=True, tag="dataset"):
    """One data set on disk, as the training code would read it."""

    form: Literal["ava"] = "ava"
    root: str = ""
    settings: dict[str, str] = {}  # the configuration's keys as they were taken
    parts: tuple[Part | Missing, ...] = ()

    def known_parts(self) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if isinstance(part, Part))
