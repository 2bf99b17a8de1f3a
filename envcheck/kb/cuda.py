"""CUDA toolkits: their own driver, minor-version floors, nvcc's limits, forward compatibility.

Must not know torch or any machine.
"""

from functools import cached_property
from typing import Literal

import msgspec

from envcheck.kb.rows import Row, SassName, VersionText
from envcheck.kb.sm import Sm
from envcheck.kb.versions import minor, order


class Toolkit(Row, frozen=True, kw_only=True):
    """The driver a CUDA release was made with; from it on everything works, PTX included."""

    cuda: VersionText  # "12.4.1"
    linux: VersionText
    windows: VersionText | None = None


class Floor(Row, frozen=True, kw_only=True):
    """From this driver on, every minor release of the range runs, but for its PTX."""

    first: VersionText  # "12.0", included
    before: VersionText  # "13.0", not included
    linux: VersionText
    windows: VersionText


class Nvcc(Row, frozen=True, kw_only=True):
    """The newest host compilers and glibc that nvcc of a minor release accepts; None: no limit."""

    cuda: VersionText  # "12.4"
    gcc: int | None = None
    clang: int | None = None
    glibc: VersionText | None = None


class Target(Row, frozen=True, kw_only=True):
    """The CUDA releases whose nvcc can compile for an architecture."""

    code: SassName  # "sm_90a"
    first: VersionText
    last: VersionText | None = None  # None: still there


class CompatPackage(Row, frozen=True, kw_only=True):
    """cuda-compat-<cuda>: the driver branches it may be put on."""

    cuda: VersionText  # "13.0"
    branches: tuple[int, ...]


class Forward(Row, frozen=True, kw_only=True):
    """Where forward compatibility works: classes of GPU."""

    works: tuple[str, ...]
    some: tuple[str, ...]  # only some products of the class


class NvccVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether nvcc compiles for an architecture; None when that cannot be known."""

    compiles: bool | None
    how: Literal["ok", "too-old", "dropped", "unknown"]
    reason: str
    cuda: str | None = None  # the release to use instead: the first one, or the last one


class CudaFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    toolkit: tuple[Toolkit, ...]
    floor: tuple[Floor, ...]
    nvcc: tuple[Nvcc, ...]
    target: tuple[Target, ...]
    compat_package: tuple[CompatPackage, ...]
    forward: Forward


class CudaTable:
    """Look-ups over cuda.toml. Versions may be given as "12.4" or "12.4.1"."""

    def __init__(self, file: CudaFile) -> None:
        self.toolkits = tuple(sorted(file.toolkit, key=lambda row: order(row.cuda)))
        self.floors = file.floor
        self.nvccs = file.nvcc
        self.targets = file.target
        self.compat_packages = tuple(sorted(file.compat_package, key=lambda row: order(row.cuda)))
        self.forward = file.forward

    @cached_property
    def minors(self) -> tuple[str, ...]:
        """Every minor release known, oldest first: ("8.0", …, "13.4")."""
        return tuple(dict.fromkeys(minor(row.cuda) for row in self.toolkits))

    def toolkit(self, cuda: str) -> Toolkit | None:
        """The named update, or the first release of a minor version."""
        wanted = order(cuda)
        for row in self.toolkits:
            if order(row.cuda) == wanted:
                return row
        return next((row for row in self.toolkits if minor(row.cuda) == minor(cuda)), None)

    def floor(self, cuda: str) -> Floor | None:
        """The minor-version floor that covers this release; None before CUDA 11."""
        wanted = order(cuda)
        for row in self.floors:
            if order(row.first) <= wanted < order(row.before):
                return row
        return None

    def nvcc(self, cuda: str) -> Nvcc | None:
        """nvcc's limits for the minor release; None when they are not known."""
        return next((row for row in self.nvccs if row.cuda == minor(cuda)), None)

    def nvcc_targets(self, cuda: str, sm: Sm | str) -> NvccVerdict:
        """Whether nvcc of a CUDA release compiles for an architecture, "8.9" or "sm_90a".

        Raises:
            SmError: `sm` is no architecture.
            VersionError: `cuda` is no version.
        """
        code = (Sm.parse(sm) if isinstance(sm, str) else sm).sass
        target = next((row for row in self.targets if row.code == code), None)
        if target is None:
            return NvccVerdict(compiles=None, how="unknown", reason=f"{code} is not known")
        want = order(minor(cuda))
        if want < order(target.first):
            reason = f"nvcc knows {code} from CUDA {target.first} on, and this is {cuda}"
            return NvccVerdict(compiles=False, how="too-old", cuda=target.first, reason=reason)
        if target.last is not None and want > order(target.last):
            reason = f"CUDA {target.last} is the last whose nvcc knows {code}, and this is {cuda}"
            return NvccVerdict(compiles=False, how="dropped", cuda=target.last, reason=reason)
        return NvccVerdict(compiles=True, how="ok", reason=f"nvcc {cuda} compiles for {code}")
