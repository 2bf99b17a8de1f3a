"""What a rule says: `Finding`, with its evidence and remedy. Must not know who prints it."""

from collections.abc import Iterable
from enum import Enum
from typing import Any, Literal

import msgspec

from envcheck.facts import Fact, Missing


class Severity(str, Enum):
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """Higher is worse."""
        return _RANK[self]

    def __ge__(self, other: object) -> bool:
        return isinstance(other, Severity) and self.rank >= other.rank


_RANK = {Severity.ERROR: 2, Severity.WARNING: 1, Severity.NOTE: 0}
ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE

# safe: touches only the patient's environment; root: needs sudo; reboot: needs sudo and a reboot;
# manual: a person has to decide or to handle hardware.
Safety = Literal["safe", "root", "reboot", "manual"]


class Effect(msgspec.Struct, frozen=True):
    """What a remedy does to the Snapshot: `torch.version` becomes `value` (None: the fact goes)."""

    path: str
    value: Any = None


class Remedy(msgspec.Struct, frozen=True):
    """How to mend it on this machine."""

    text: str
    commands: tuple[str, ...] = ()
    safety: Safety = "manual"
    effects: tuple[Effect, ...] = ()


class Evidence(msgspec.Struct, frozen=True):
    """One value a verdict rests on, and where it was read."""

    what: str
    value: str
    source: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One problem of one subject. The judge fills in code, name, title and links from the rule.

    Only what an error message says bears the code and name of another rule, whose cause it tells.
    """

    message: str  # what was seen, what was needed
    evidence: tuple[Evidence, ...] = ()
    remedy: Remedy | None = None
    severity: Severity | None = None  # None: the rule's own
    subject: str = ""  # "" : the rule's own
    code: str = ""
    name: str = ""
    title: str = ""  # the kind of problem in one sentence
    links: tuple[str, ...] = ()


def seen(fact: Fact, *fields: str, prefix: str = "") -> tuple[Evidence, ...]:
    """Evidence for fields of a fact, with where each was read; missing fields say so."""
    kind = prefix or str(type(fact).__struct_config__.tag)
    return tuple(
        Evidence(f"{kind}.{field}", words(getattr(fact, field)), fact.source(field))
        for field in fields
    )


def gpu_subject(indices: Iterable[int]) -> str:
    """GPUs as the subject of a finding: "GPU 0-3, 5"."""
    runs: list[list[int]] = []
    for index in sorted(set(indices)):
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return "GPU " + ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs)


def words(value: object) -> str:
    """A fact's value as people write it."""
    if isinstance(value, Missing):
        return str(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, (tuple, list)):
        return " ".join(words(item) for item in value) or "none"
    return str(value)
