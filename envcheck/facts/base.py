"""The ground every fact stands on: `Missing`, `known`, `Fact`.

Must not know how a fact is found nor whether it is good.
"""

from enum import Enum
from typing import TypeVar

import msgspec

T = TypeVar("T")


class Why(str, Enum):
    """Why a fact is missing. The four are never the same thing."""

    ABSENT = "absent"  # looked, and it is not there
    FAILED = "failed"  # looked, and looking broke (crash, garbage, time limit)
    BLOCKED = "blocked"  # not allowed to look
    NOT_ASKED = "not_asked"  # nobody looked


class Missing(msgspec.Struct, frozen=True, tag_field="kind", tag="missing"):
    """Stands where a fact, a field or a list element could not be read, with the reason."""

    why: Why
    detail: str = ""

    def __str__(self) -> str:
        words = self.why.value.replace("_", " ")
        return f"{words}: {self.detail}" if self.detail else words


NOT_ASKED = Missing(Why.NOT_ASKED)


def absent(detail: str = "") -> Missing:
    return Missing(Why.ABSENT, detail)


def failed(detail: str) -> Missing:
    return Missing(Why.FAILED, detail)


def blocked(detail: str) -> Missing:
    return Missing(Why.BLOCKED, detail)


class Unknown(Exception):
    """Raised by `known`; the judge turns it into `Skipped` for that one subject."""

    def __init__(self, missing: Missing) -> None:
        super().__init__(str(missing))
        self.missing = missing


def known(value: "T | Missing") -> T:
    """The value, or `Unknown` when it is missing.

    Raises:
        Unknown: the value is `Missing`; the rule is skipped for this subject.
    """
    if isinstance(value, Missing):
        raise Unknown(value)
    return value


def or_none(value: "T | Missing | None") -> "T | None":
    """The value, or None when it is missing: for rules that can judge without it."""
    return None if isinstance(value, Missing) else value


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    """A group of machine facts about one subject.

    `sources` says where each field was read: field name → path, command or library call.
    The key `*` stands for every field not named.
    """

    sources: dict[str, str] = {}

    def source(self, field: str) -> str:
        """Where `field` was read; empty when nothing was recorded."""
        return self.sources.get(field) or self.sources.get("*", "")
