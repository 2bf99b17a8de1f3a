"""What a wheel's file name says: release, platform, Python. Must not know where wheels lie."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envcheck.index import IndexFile
    from envcheck.kb.builds import Platform

_PLATFORMS: tuple[tuple[str, Platform], ...] = (
    (r"(?:many)?linux\w*_x86_64", "linux-x86_64"),
    (r"(?:many)?linux\w*_aarch64", "linux-aarch64"),
    (r"win_amd64", "windows-x86_64"),
)
_CPYTHON = re.compile(r"cp(\d)(\d{1,2})")
_GLIBC = re.compile(r"manylinux_(\d+)_(\d+)_\w+")


class WheelName(msgspec.Struct, frozen=True, kw_only=True):
    """A wheel for one CPython and one platform."""

    file: IndexFile
    version: str  # public part, "2.4.0"
    local: str | None  # "cu118"
    prerelease: bool
    build: tuple[int, str] | tuple[()]  # build tag; of two, the higher one is installed
    python: str  # "3.11", "3.13t"
    platform: Platform
    tag: str  # "manylinux_2_28_x86_64"

    @property
    def python_rank(self) -> tuple[int, bool]:
        """Orders "3.9", "3.10", "3.13", "3.13t" …"""
        return int(self.python.rstrip("t").partition(".")[2]), self.python.endswith("t")

    @property
    def tag_glibc(self) -> str | None:
        """The oldest glibc its tag promises, "2.28"; None: an old tag, or none that says so."""
        match = _GLIBC.fullmatch(self.tag)
        return f"{match[1]}.{match[2]}" if match else None


def read_names(files: Iterable[IndexFile]) -> tuple[WheelName, ...]:
    """The CPython wheels of a listing for the platforms known; all else is left out."""
    return tuple(name for file in files if (name := _read(file)) is not None)


def _read(file: IndexFile) -> WheelName | None:
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        _, version, build, tags = parse_wheel_filename(file.name)
    except InvalidWheelFilename:
        return None
    for tag in sorted(tags, key=str):
        match = _CPYTHON.fullmatch(tag.interpreter)
        platform = next((p for form, p in _PLATFORMS if re.fullmatch(form, tag.platform)), None)
        if match and platform:
            threaded = "t" if tag.abi.endswith("t") else ""
            return WheelName(
                file=file,
                version=version.public,
                local=version.local,
                prerelease=version.is_prerelease or version.is_devrelease,
                build=build,
                python=f"{match[1]}.{match[2]}{threaded}",
                platform=platform,
                tag=tag.platform,
            )
    return None
