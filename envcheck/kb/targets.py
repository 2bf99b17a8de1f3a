"""Which wheels of a listing are read: one for each release, platform and local version.

Must not know what wheels hold, nor where they lie.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, get_args

import msgspec

from envcheck.errors import UsageError
from envcheck.kb.builds import Platform
from envcheck.kb.versions import order
from envcheck.kb.wheel_name import WheelName, read_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envcheck.index import IndexFile

PLATFORMS: tuple[Platform, ...] = get_args(Platform)
_FINAL = re.compile(r"\d+(\.\d+)*")


class Target(msgspec.Struct, frozen=True):
    """One wheel to read, and the Python versions its release has wheels for on its platform."""

    wheel: WheelName
    python: tuple[str, ...]


def select(
    files: Iterable[IndexFile],
    wanted: str | None,
    since: str | None,
    platforms: Sequence[Platform],
) -> tuple[Target, ...]:
    """The wheels to read, the oldest release first: one for each release, platform and local
    version; of the oldest Python, and of the highest build number, as pip would take.

    Args:
        wanted: a PEP 440 specifier, "==2.4.0"; None: nothing by it.
        since: the release from which on all are wanted; None: nothing by it.

    Raises:
        UsageError: malformed, or nothing of that kind is on the index.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        chosen = [
            SpecifierSet(text) for text in (wanted, since and f">={since}") if text is not None
        ]
    except InvalidSpecifier as error:
        raise UsageError(f"{error}: write ==2.4.0, ==2.4.* or >=2.4") from error
    groups: dict[tuple[str, Platform, str | None], list[WheelName]] = {}
    releases = set()
    for name in read_names(file for file in files if not file.yanked):
        if _FINAL.fullmatch(name.version):
            releases.add(name.version)
            if name.platform in platforms and any(name.version in one for one in chosen):
                groups.setdefault((name.version, name.platform, name.local), []).append(name)
    if not groups:
        newest = max(releases, key=order, default="none")
        raise UsageError(f"no such wheel is on the index; the newest release there is {newest}")
    return tuple(
        Target(_best(names), _pythons(names))
        for _, names in sorted(groups.items(), key=lambda item: _rank(*item[0]))
    )


def _best(names: Iterable[WheelName]) -> WheelName:
    oldest_first = sorted(names, key=lambda name: name.python_rank)
    return max(oldest_first, key=lambda name: name.build)


def _pythons(names: Iterable[WheelName]) -> tuple[str, ...]:
    """Regular builds first: "3.11", "3.12", …, "3.13t"."""
    ranked = sorted({(name.python_rank[::-1], name.python) for name in names})
    return tuple(python for _, python in ranked)


def _rank(version: str, platform: Platform, local: str | None) -> tuple[tuple[int, ...], int, str]:
    return order(version), PLATFORMS.index(platform), local or ""
