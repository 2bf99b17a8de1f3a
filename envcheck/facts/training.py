"""Facts about a training that has not begun: its configuration and the files it names.

Must not know how they are read, nor whether a training would succeed.
"""

from typing import Any, Literal, TypeVar

import msgspec

from envcheck.facts.base import NOT_ASKED, Fact, Missing, Why, known

T = TypeVar("T")
STORED = ("bool", "float", "int", "list", "str", "tuple", "NoneType")  # types a setting may have

Form = Literal["torch", "caffe2", "pickle", "html", "empty", "other"]
# Whose layer names a checkpoint holds: PySlowFast's ResNets, its transformers, pytorchvideo's
# models wrapped by PySlowFast ("model." before each name), and pytorchvideo's bare.
Layers = Literal["pyslowfast", "pyslowfast_mvit", "wrapped", "pytorchvideo", "other"]


class Setting(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One setting as a configuration gives it, after text was read as PySlowFast reads it."""

    key: str  # "TRAIN.BATCH_SIZE"
    type: str  # Python's name of its type; "" where it could not be read
    value: Any = None  # as JSON has it
    default_type: str | None = None  # the type it must have, "" any; None: no such setting
    file: str = ""  # "" : the command line
    line: int = 0

    @property
    def taken(self) -> bool:
        """Whether PySlowFast takes a value of this type for this setting.

        Of one type with the default, or one of them None, or both sequences:
        https://github.com/rbgirshick/yacs/blob/master/yacs/config.py
        """
        wanted = self.default_type
        if wanted is None or wanted not in (*STORED, "") or self.type not in STORED:
            return False
        if wanted in ("", self.type) or "NoneType" in (wanted, self.type):
            return True
        return {wanted, self.type} == {"list", "tuple"}

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}" if self.file else "the command line"


class Repeat(msgspec.Struct, frozen=True):
    """A key that stands more than once in a file; the last one holds."""

    key: str
    file: str
    lines: tuple[int, ...]
    same: bool  # with the same value each time


class YamlTag(msgspec.Struct, frozen=True):
    """A tag that asks the YAML reader for an object of its own, "!!python/tuple"."""

    tag: str
    file: str
    line: int


class NeededFile(msgspec.Struct, frozen=True):
    """A file that the training opens."""

    setting: str  # the settings that name it, "DATA.PATH_TO_DATA_DIR"
    path: str  # absolute
    missing: Missing | None  # why it cannot be read; None: it is there


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A file of weights, looked into without loading it."""

    setting: str  # "TRAIN.CHECKPOINT_FILE_PATH"
    path: str
    form: Form | Missing
    layers: Layers | Missing = NOT_ASKED


class Training(Fact, frozen=True, kw_only=True, tag="training"):
    """One configuration of PySlowFast with its defaults, and what it names on this machine."""

    file: str
    keys: str  # where the known settings were read
    given: tuple[Setting, ...] = ()  # what files and command line set, in this order
    settings: dict[str, Any] = {}  # the whole configuration, the last of `given` over the defaults
    repeats: tuple[Repeat, ...] = ()
    tags: tuple[YamlTag, ...] = ()
    folder: str | Missing = NOT_ASKED  # of the training data
    files: tuple[NeededFile, ...] = ()
    items: int | Missing = NOT_ASKED  # samples of one epoch: videos, or AVA's key frames
    items_more: bool = False  # there may be more: the list was not read to its end
    unsplit: int = 0  # lines of the list of videos that are a path alone
    overfull: int = 0  # lines that hold too many fields
    checkpoints: tuple[Checkpoint, ...] = ()
    resumes: str | Missing | None = NOT_ASKED  # the newest checkpoint in OUTPUT_DIR; None: none

    def text(self, key: str) -> str:
        """A setting that is text.

        Raises:
            Unknown: it is not set to one.
        """
        return self._of(key, str)

    def number(self, key: str) -> int:
        """A setting that is a whole number.

        Raises:
            Unknown: it is not set to one.
        """
        return self._of(key, int)

    def on(self, key: str) -> bool:
        """A setting that is True or False.

        Raises:
            Unknown: it is not set to one.
        """
        return self._of(key, bool)

    def names(self, key: str) -> tuple[str, ...]:
        """A setting that is a list of texts, or one text.

        Raises:
            Unknown: it is not set to one.
        """
        value = self.settings.get(key)
        if isinstance(value, list):
            return tuple(str(item) for item in value)
        return (self._of(key, str),)

    def place(self, key: str) -> str:
        """Where a setting was given, for people."""
        for setting in reversed(self.given):
            if setting.key == key:
                return setting.place
        return "the default"

    def _of(self, key: str, kind: type[T]) -> T:
        value = self.settings.get(key)
        if type(value) is kind:
            return value
        return known(Missing(Why.NOT_ASKED, f"{key} is no {kind.__name__}"))
