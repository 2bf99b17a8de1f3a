"""What mends a PySlowFast checkout: patches, and the packages of the modules it imports.

Must not know any machine.
"""

import msgspec

from envcheck.kb.rows import NonEmpty, Row


class Patch(Row, frozen=True, kw_only=True):
    """How one known message is mended in a checkout; {repo}, {cfg}, {python} are to be filled."""

    issue: NonEmpty  # of known_issues
    find: str = ""  # only messages that hold this
    text: NonEmpty
    commands: tuple[NonEmpty, ...]


class Package(Row, frozen=True, kw_only=True):
    """What pip installs for a module."""

    module: NonEmpty  # as it is imported
    install: NonEmpty
    alone: str = ""  # in a command of its own, with these options …
    first: tuple[str, ...] = ()  # … after these


class PyslowfastFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    patch: tuple[Patch, ...]
    package: tuple[Package, ...]


class PyslowfastTable:
    """Look-ups over pyslowfast.toml."""

    def __init__(self, file: PyslowfastFile) -> None:
        self.patches = file.patch
        self.packages = {row.module: row for row in file.package}

    def patch(self, issue: str, message: str) -> Patch | None:
        """The patch for one message of a known issue."""
        for row in self.patches:
            if row.issue == issue and row.find in message:
                return row
        return None
