"""Python package versions against specifiers. Imports packaging late, for doctor's start-up."""

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet


def within(version: str | None, specifier: str) -> bool:
    """Whether a version ("2.4.0+cu121") lies in a specifier (">=2.3,<2.5"); the local part is
    left out of account. An unreadable version lies in none.
    """
    public = None if version is None else _public(version)
    return public is not None and _specifier(specifier).contains(public, prereleases=True)


@lru_cache(maxsize=1024)
def _public(version: str) -> str | None:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(version).public
    except InvalidVersion:
        return None


@lru_cache(maxsize=1024)
def _specifier(text: str) -> "SpecifierSet":
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(text)
