"""What is known of a fleet. Must not know how it is printed."""

import msgspec

from envcheck.finding import Remedy, Severity
from envcheck.report import Verdict

FLEET_SCHEMA = 1


class Said(msgspec.Struct, frozen=True):
    """A finding as a fleet needs it."""

    code: str
    name: str
    severity: Severity
    subject: str
    message: str
    remedy: Remedy | None = None


class Change(msgspec.Struct, frozen=True):
    """One fact of a machine that is not as in the golden snapshot."""

    path: str
    golden: str
    value: str


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """One judged machine: what is left of its snapshot."""

    host: str
    source: str  # the file, with the line where it holds several
    kind: str  # what it is: "8 × NVIDIA H100 80GB HBM3, x86_64"
    verdict: Verdict
    exit_code: int
    findings: tuple[Said, ...] = ()
    traits: dict[str, str] = {}  # how it is set up: snapshot path → value
    drift: tuple[Change, ...] = ()


class Unread(msgspec.Struct, frozen=True):
    """A machine, or a file, of which nothing is known."""

    host: str
    source: str
    unreachable: bool  # the machine did not answer; else the file could not be read
    why: str


class Odd(msgspec.Struct, frozen=True):
    """A value that few machines of a group have."""

    value: str
    hosts: tuple[str, ...]


class Outlier(msgspec.Struct, frozen=True):
    """A fact in which some machines of a group differ from most."""

    path: str
    common: str
    share: int  # machines that have the common value
    odd: tuple[Odd, ...]


class Group(msgspec.Struct, frozen=True):
    """Machines of one kind."""

    kind: str
    hosts: tuple[str, ...]
    verdicts: dict[str, int]
    outliers: tuple[Outlier, ...]


class Problem(msgspec.Struct, frozen=True):
    """A finding and the machines that have it; message and remedy are those of the first."""

    code: str
    name: str
    severity: Severity
    message: str
    remedy: Remedy | None
    hosts: tuple[str, ...]


class Drift(msgspec.Struct, frozen=True):
    """A fact in which machines differ from the golden snapshot."""

    path: str
    golden: str
    odd: tuple[Odd, ...]


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """The judgement of many machines, worst first."""

    schema_version: int = FLEET_SCHEMA
    tool: str
    exit_code: int
    verdicts: dict[str, int]
    problems: tuple[Problem, ...]
    groups: tuple[Group, ...]
    drift: tuple[Drift, ...] | None  # None: no golden snapshot was given
    unread: tuple[Unread, ...]
    machines: tuple[Machine, ...]
