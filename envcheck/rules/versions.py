"""Versions of facts, ordered for comparison; what cannot be read makes the rule skip. Pure."""

from envcheck.facts import Missing, Unknown, failed, known
from envcheck.kb import VersionError, order


def ordered(version: str | Missing) -> tuple[int, ...]:
    """A key that sorts a fact's version, "12.1" or "535.104.05".

    Raises:
        Unknown: it is missing, or no version: the rule is skipped for this subject.
    """
    text = known(version)
    try:
        return order(text)
    except VersionError as error:
        raise Unknown(failed(str(error))) from error


def common(one: str, other: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Both versions cut to what both state: a file says 9.1.0, its package 9.1.0.70.

    Raises:
        Unknown: one of them is no version.
    """
    length = 1 + min(one.count("."), other.count("."))
    return _padded(ordered(one), length), _padded(ordered(other), length)


def _padded(key: tuple[int, ...], length: int) -> tuple[int, ...]:
    return (*key, *(0,) * length)[:length]
