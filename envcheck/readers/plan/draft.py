"""What is gathered while a plan is read. Must not know which version an installer would choose."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from envcheck.errors import UsageError

MOST = 20_000  # packages of one plan
DEEP = 20  # files that include one another

Read = Callable[[str], str | None]  # a file beside the plan; None: there is none


class PlanError(UsageError):
    """The plan cannot be read, with the line where that is so."""


@dataclass(frozen=True)
class Asked:
    """One package as a line asks for it."""

    name: str  # normalised
    specifier: str = ""
    where: str = ""
    installer: str = "pip"
    indexes: tuple[str, ...] = ()  # in force there; the first one replaces the default
    default_index: bool = True  # the default index is looked at, too
    url: str = ""  # the file itself is named
    build: str = ""  # conda's build string
    locked: bool = False


@dataclass
class Draft:
    """Everything a plan says so far."""

    files: list[str] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    python: tuple[str, str] | None = None  # version, where
    image: tuple[str, str] | None = None  # base image, where
    environment: dict[str, tuple[str, str]] = field(default_factory=dict)  # value, where
    gpus: tuple[bool, str, str] | None = None  # asked for, service, where
    not_read: list[str] = field(default_factory=list)

    def ask(self, asked: Asked) -> None:
        if len(self.asked) >= MOST:
            raise PlanError(f"{asked.where}: more than {MOST} packages, no plan has so many")
        self.asked.append(asked)

    def skip(self, where: str, text: str) -> None:
        """Something here installs what cannot be read."""
        if len(self.not_read) < MOST:
            self.not_read.append(f"{where}: {' '.join(text.split())[:120]}")

    def take(self, other: "Draft") -> None:
        """Everything that another one says of packages."""
        for asked in other.asked:
            self.ask(asked)
        self.not_read += other.not_read


def plain(name: str) -> str:
    """A package's name as all tools spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()
