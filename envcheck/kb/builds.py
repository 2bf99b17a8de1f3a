"""Which torch wheel holds which GPU code: one data file a release under data/builds/.

Must not judge: whether a build runs on a GPU is for `envcheck.compat` alone.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from envcheck.kb.rows import (
    KnowledgeError,
    NonEmpty,
    PtxName,
    Row,
    SassName,
    VersionText,
    read_file,
)
from envcheck.kb.versions import order

Platform = Literal["linux-x86_64", "linux-aarch64", "windows-x86_64"]

_TRUST = {"inferred": 0, "documented": 1, "measured": 2}


class Build(Row, frozen=True, kw_only=True):
    """One wheel family: a torch release for one CUDA and one platform."""

    torch: VersionText  # "2.4.0"
    platform: Platform
    cuda: VersionText | None = None  # None: a CPU build
    python: tuple[str, ...] = ()  # "3.8", …; empty: not known
    sass: tuple[SassName, ...] = ()  # supported: in more than half of the fatbins
    partial: tuple[SassName, ...] = ()  # only some kernels have it
    ptx: tuple[PtxName, ...] = ()
    libraries: dict[str, tuple[SassName, ...]] = {}  # side libraries whose list differs from `sass`
    cudnn: VersionText | None = None
    nccl: VersionText | None = None
    triton: VersionText | None = None
    requires: tuple[str, ...] = ()  # nvidia-* pins, "nvidia-cudnn-cu12==9.1.0.70"
    manylinux: str | None = None  # platform tag of the wheel, "manylinux_2_28_x86_64"
    glibc: VersionText | None = None  # really needed
    wheel: str | None = None  # file name of the wheel that was read
    sha256: str | None = None
    default: bool = False  # what plain `pip install torch` brings on this platform
    method: NonEmpty  # "build script", "release matrix", "wheel metadata", "arch flags", "fatbins"
    note: str = ""
    contradicts: str = ""  # filled on loading: what a less trusted row says otherwise


class BuildFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    build: tuple[Build, ...]


class BuildTable:
    """Every build known, the oldest torch first. Where rows of one build differ, the better
    founded one counts: measured before documented before inferred.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        files: dict[str, Path] = {}
        for folder in folders:  # a later folder's file takes the place of an earlier one's
            files.update((path.name, path) for path in sorted(folder.glob("*.toml")))
        chosen: dict[tuple[str, str, str], Build] = {}
        for path in files.values():
            for row in read_file(path, BuildFile).build:
                if path.stem != row.torch:
                    raise KnowledgeError(f"{path}: a row is about torch {row.torch}")
                key = (row.torch, row.cuda or "", row.platform)
                chosen[key] = _better(chosen[key], row, path) if key in chosen else row
        self.rows = tuple(sorted(chosen.values(), key=_rank))

    def __iter__(self) -> Iterator[Build]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def of(self, torch: str) -> tuple[Build, ...]:
        """The builds of one release, "2.4.0"."""
        return tuple(row for row in self.rows if row.torch == torch)


def _rank(row: Build) -> tuple[tuple[int, ...], tuple[int, ...], str]:
    return order(row.torch), order(row.cuda) if row.cuda else (), row.platform


def _better(one: Build, other: Build, path: Path) -> Build:
    if one.kind == other.kind:
        raise KnowledgeError(
            f"{path}: two {one.kind} rows for torch {one.torch}, CUDA {one.cuda}, {one.platform}"
        )
    winner, loser = (one, other) if _TRUST[one.kind] > _TRUST[other.kind] else (other, one)
    differences = [
        f"{loser.kind} {field}: {' '.join(getattr(loser, field)) or 'none'} ({loser.source})"
        for field in ("sass", "ptx")
        if set(getattr(winner, field)) != set(getattr(loser, field))
    ]
    return msgspec.structs.replace(winner, contradicts="; ".join(differences))
