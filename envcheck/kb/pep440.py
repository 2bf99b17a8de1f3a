"""Python package versions against specifiers.

Plain releases are compared here, as PEP 440 says; for all else packaging is asked, which is
imported only then: it would be a tenth of doctor's start-up.
"""

import re
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

_RELEASE = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,5}", re.ASCII)
_CLAUSE = re.compile(rf"\s*(<=|>=|==|!=|<|>)\s*({_RELEASE.pattern})\s*", re.ASCII)
_COMPARE = {"<=": le, ">=": ge, "==": eq, "!=": ne, "<": lt, ">": gt}


def within(version: str | None, specifier: str) -> bool:
    """Whether a version ("2.4.0+cu121") lies in a specifier (">=2.3,<2.5"); the local part is
    left out of account. An unreadable version lies in none.
    """
    if version is None:
        return False
    plain = _plain(version.partition("+")[0], specifier)
    if plain is not None:
        return plain
    public = _public(version)
    return public is not None and _specifier(specifier).contains(public, prereleases=True)


def violates(version: str, specifier: str) -> bool:
    """Whether a version certainly lies outside a specifier; not so when either is unreadable."""
    plain = _plain(version.partition("+")[0], specifier)
    if plain is not None:
        return not plain
    from packaging.specifiers import InvalidSpecifier

    try:
        return _public(version) is not None and not within(version, specifier)
    except InvalidSpecifier:
        return False


def _plain(version: str, specifier: str) -> bool | None:
    """The answer for digits and dots on both sides; None when there is anything else."""
    if not _RELEASE.fullmatch(version):
        return None
    have = [int(number) for number in version.split(".")]
    inside = True
    for clause in specifier.split(","):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            return None
        want = [int(number) for number in match[2].split(".")]
        longer = max(len(have), len(want))
        one = have + [0] * (longer - len(have))
        other = want + [0] * (longer - len(want))
        inside = inside and _COMPARE[match[1]](one, other)
    return inside


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
