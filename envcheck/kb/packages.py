"""Known clashes of Python packages with torch. Must not know what is installed."""

from typing import Literal

import msgspec

from envcheck.kb.pep440 import within
from envcheck.kb.rows import NonEmpty, Row


class Guard(Row, frozen=True, kw_only=True):
    """`package` in `breaks` does not work together with `subject` in `versions`."""

    package: NonEmpty  # "numpy"
    breaks: NonEmpty  # PEP 440 specifier of the versions that do not work: ">=2"
    pin: NonEmpty  # what to ask pip for instead: "<2"
    subject: NonEmpty  # "torch"
    versions: str  # PEP 440 specifier of the subject's versions concerned; "": all
    name: NonEmpty  # slug of the problem: "numpy2_with_torch_built_for_numpy1"
    scope: Literal["run", "build"]  # broken at run time, or only while compiling extensions
    what: NonEmpty  # what fails, in one sentence
    installer: Literal["pip", "conda"] | None = None  # None: whichever installed it
    platform: Literal["linux", "windows"] | None = None


class PackageFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    guard: tuple[Guard, ...]


class PackageTable:
    """Look-ups over packages.toml."""

    def __init__(self, file: PackageFile) -> None:
        self.guards = file.guard

    def guards_for(self, subject: str, version: str | None) -> tuple[Guard, ...]:
        """The guards that concern this version of a subject ("torch", "2.2.1+cu121").

        The caller still looks at `scope`, `installer` and `platform`. An unreadable or unknown
        version gets only the guards that concern every version.
        """
        return tuple(
            guard
            for guard in self.guards
            if guard.subject == subject and (not guard.versions or within(version, guard.versions))
        )

    def broken_by(self, guard: Guard, installed: str) -> bool:
        """Whether an installed version of the guard's package is one of those that break."""
        return within(installed, guard.breaks)
