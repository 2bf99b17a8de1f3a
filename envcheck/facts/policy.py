"""Facts about what is asked of a machine: requirements, severities, exceptions.

Must not know how a policy is read nor whether a machine meets it.
"""

import datetime
from typing import Literal

import msgspec

from envcheck.facts.base import Fact

Operator = Literal["==", "!=", ">=", "<=", ">", "<", "~="]
# version: compared as PEP 440 says; bytes: a size; text: a pattern with `*`; flag: yes or no;
# thing: it is there or not.
Kind = Literal["version", "number", "bytes", "text", "flag", "thing"]
Level = Literal["error", "warning", "note"]


class Clause(msgspec.Struct, frozen=True):
    """One comparison. `value` None means "not there"; versions and patterns are text."""

    operator: Operator
    value: bool | int | float | str | None


class Requirement(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="kind",
    tag="requirement",
):
    """What one fact must be. Without clauses it must be there, and a flag must be yes."""

    text: str  # as it was written: "gpu.count >= 8"
    subject: str  # what it is about, as people say it: "gpu.count", "package:numpy"
    path: str  # the fact: "driver.version"; `gpu.sm` is of every GPU, `gpu.count` of none
    key: str = ""  # an element of the list at `path`, or the folder of `disk`
    compared: Kind
    clauses: tuple[Clause, ...] = ()
    severity: Level | None = None  # None: the rule's own
    reason: str = ""
    where: str = ""  # "envcheck.toml:5", "--require"

    @property
    def facts(self) -> tuple[str, ...]:
        """The facts that must be looked up to judge it, and to say what mends it."""
        root = self.path.partition(".")[0]
        return _LOOKED_UP.get(root, (root,))


_LOOKED_UP = {
    "disk": ("host",),
    "driver": ("host", "container", "driver", "gpus"),
    "gpu": ("environment", "gpus"),
    "host": ("host", "container"),
    "torch": ("host", "container", "driver", "gpus", "python", "torch"),
}


class Override(msgspec.Struct, frozen=True):
    """Findings of this code have this severity, whatever the rule says."""

    code: str
    severity: Level
    where: str


class Ignore(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Findings that do not count, up to and including the day `until`."""

    entry: str  # as it was written: a code, a name or a prefix
    codes: tuple[str, ...]
    subject: str = ""  # of the finding, "GPU 3"; "": of any
    reason: str
    until: datetime.date
    where: str


class Policy(Fact, frozen=True, kw_only=True, tag="policy"):
    """Everything that was asked for, of all files and the command line together."""

    on: datetime.date = datetime.date.min  # the day the exceptions are held against
    files: tuple[str, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    severities: tuple[Override, ...] = ()
    ignores: tuple[Ignore, ...] = ()

    def severity(self, code: str) -> Level | None:
        """What findings of this code count as; None: what the rule says."""
        return next((one.severity for one in self.severities if one.code == code), None)

    def ignore(self, code: str, subject: str) -> Ignore | None:
        """The exception in force for a finding."""
        for one in self.ignores:
            if self.in_force(one) and code in one.codes and one.subject in ("", subject):
                return one
        return None

    def in_force(self, ignore: Ignore) -> bool:
        return self.on <= ignore.until
