"""Compute capability ("SM"), as NVIDIA and torch write it. Must not know which ones exist."""

import re
from typing import NamedTuple

_FORM = re.compile(r"(?:sm_?|compute_?)?(?:(\d{1,2})\.(\d)|(\d{1,2})(\d))([af]?)", re.ASCII)


class SmError(ValueError):
    """Not a compute capability."""


class Sm(NamedTuple):
    """Major and minor compute capability; suffix "a" (this SM only) or "f" (its family)."""

    major: int
    minor: int
    suffix: str = ""

    @classmethod
    def parse(cls, text: str) -> "Sm":
        """Reads "9.0", "90", "sm_90a" and "compute_120"; the last digit is the minor.

        Raises:
            SmError: the text is none of these.
        """
        match = _FORM.fullmatch(text.strip().lower())
        if match is None:
            raise SmError(f"{text!r} is not a compute capability: write 9.0 or sm_90")
        major, minor, joined_major, joined_minor, suffix = match.groups()
        return cls(int(major or joined_major), int(minor or joined_minor), suffix)

    @property
    def dotted(self) -> str:
        """ "9.0a" """
        return f"{self.major}.{self.minor}{self.suffix}"

    @property
    def sass(self) -> str:
        """ "sm_90a", the name of machine code."""
        return f"sm_{self.major}{self.minor}{self.suffix}"

    @property
    def ptx(self) -> str:
        """ "compute_90a", the name of PTX."""
        return f"compute_{self.major}{self.minor}{self.suffix}"

    @property
    def plain(self) -> "Sm":
        """Without suffix: the hardware."""
        return Sm(self.major, self.minor)
