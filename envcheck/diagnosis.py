"""What an error text shows: `Diagnosis`. Must not know how it is found, nor how it is printed."""

import msgspec

from envcheck.finding import Remedy

SCHEMA_VERSION = 1


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """One known problem that a text shows."""

    name: str  # slug of the cause
    score: float  # 0 to 1
    title: str
    cause: str
    remedy: Remedy
    lines: tuple[str, ...]  # where it stands in the text
    links: tuple[str, ...]
    component: str
    affected: str = ""


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What a text shows, the most likely first; empty when nothing in it is known."""

    schema_version: int = SCHEMA_VERSION
    versions: dict[str, str] = {}  # that the text states, or this machine has
    matches: tuple[Match, ...] = ()
