"""What would mend a machine, and what was done about it: typed, equal to its JSON.

Must not know how it is found out, carried out or printed.
"""

from typing import Literal

import msgspec

from envcheck.finding import Finding, Remedy
from envcheck.report import Report

# run: commands of pip, uv or conda that `fix` runs itself; shell: for the user's own shell (a
# variable, a path); the others as remedies say.
How = Literal["run", "shell", "root", "reboot", "manual"]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One remedy, and the findings that it takes away."""

    remedy: Remedy
    how: How
    solves: tuple[str, ...]  # codes, the worst first
    names: tuple[str, ...]  # the same by name
    subjects: tuple[str, ...]  # of the rules: "torch", "driver"
    tried: bool  # on paper; else only its own finding is counted


class Refused(msgspec.Struct, frozen=True):
    """A remedy that would break something else."""

    remedy: Remedy
    code: str
    breaks: tuple[str, ...]  # codes and names


class FixPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What would mend a machine."""

    steps: tuple[Step, ...]
    refused: tuple[Refused, ...]
    left: tuple[Finding, ...]  # for which nobody knows a remedy


class Ran(msgspec.Struct, frozen=True):
    """One command that was run."""

    command: str
    code: int  # its exit code; 130 when it was interrupted
    seconds: float


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """What would be done."""

    schema_version: int = 1
    report: Report
    plan: FixPlan
    ansible: str | None  # the command for what needs root


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, and how the machine is now."""

    schema_version: int = 1
    plan: FixPlan
    ran: tuple[Ran, ...]
    interrupted: bool
    report: Report  # afterwards
    undo: tuple[str, ...]
    before: str  # the file with the machine as it was; "" when nothing was run
