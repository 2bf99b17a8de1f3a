"""What a torch wheel holds, read from its metadata and libraries: a measured `Build`.

Must not know where wheels lie. The GPU code is the list of architectures in libtorch_python.so,
or, read in full, what the fatbins of libtorch_cuda*.so hold: equal in every wheel compared.
"""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING

import msgspec

from envcheck.binaries.archflags import read_arch_flags
from envcheck.binaries.elf import read_elf
from envcheck.binaries.errors import BinaryError
from envcheck.binaries.fatbin import GpuCode, arch_key, read_gpu_code
from envcheck.binaries.versions import needed_versions, newest
from envcheck.kb.builds import Build
from envcheck.kb.metadata import pinned, requirements
from envcheck.kb.versions import order
from envcheck.kb.wheel_zip import WheelError, WheelZip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from packaging.requirements import Requirement

    from envcheck.binaries.source import ByteSource
    from envcheck.kb.wheel_name import WheelName

_VERSION_PY = "torch/version.py"
_PYTHON_LIBRARY = "torch/lib/libtorch_python.so"
_BASE_LIBRARY = "torch/lib/libc10.so"  # small, and asks for as new a glibc as the large ones do
_CUDA_LIBRARY = re.compile(r"torch/lib/libtorch_cuda\w*\.so", re.ASCII)
_SIDE_LIBRARY = "torch/lib/libtorch_cuda_linalg.so"  # opened when linear algebra is first used
_ASSIGNED = re.compile(r"^(\w+) *(?::[^=\n]*)?= *(?:'([^'\n]*)'|\"([^\"\n]*)\"|None) *$", re.M)
_SMALL = 256 << 20  # bytes unpacked; libtorch_python.so has 30 MB
_LARGE = 4 << 30  # libtorch_cuda.so has up to 1.6 GB


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """The GPU code of a wheel, as `Build` has it."""

    sass: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()
    ptx: tuple[str, ...] = ()
    libraries: dict[str, tuple[str, ...]] = {}
    method: str = "wheel metadata"
    note: str = ""


def measure(
    name: WheelName, wheel: WheelZip, metadata: str, python: tuple[str, ...], *, full: bool = False
) -> Build:
    """The build a wheel holds.

    Args:
        metadata: its METADATA.
        python: the Python versions that the release has wheels for on this platform.
        full: also walk the fatbins, hundreds of MB: they tell which architectures only some
            kernels have, and which side libraries have a list of their own.

    Raises:
        WheelError: the wheel is damaged, is no torch wheel, or its libraries cannot be read.
    """
    version, cuda = _version(wheel.text(_VERSION_PY))
    if version.partition("+")[0] != name.version:
        raise WheelError(f"{_VERSION_PY} says {version}")
    needs = requirements(metadata, name.platform, name.python)
    linux = name.platform.startswith("linux")
    if cuda is not None and not linux:
        raise WheelError("libraries of a CUDA build for Windows are no ELF files")
    glibc = {name.tag_glibc}
    code = Code()
    try:
        if linux:
            with wheel.library(_BASE_LIBRARY, _SMALL) as library:
                glibc.add(_glibc(library))
        if cuda is not None:
            with wheel.library(_PYTHON_LIBRARY, _SMALL) as library:
                glibc.add(_glibc(library))
                code = _listed(library)
        if cuda is not None and full:
            code = _walked(wheel, code)
    except BinaryError as error:
        raise WheelError(str(error)) from error
    build = Build(
        torch=name.version,
        platform=name.platform,
        cuda=cuda,
        python=python,
        sass=code.sass,
        partial=code.partial,
        ptx=code.ptx,
        libraries=code.libraries,
        cudnn=_pin(needs, "nvidia-cudnn"),
        nccl=_pin(needs, "nvidia-nccl"),
        triton=_pin(needs, "triton", "pytorch-triton"),
        requires=_pins(needs),
        manylinux=name.tag,
        glibc=max((floor for floor in glibc if floor), key=order, default=None),
        wheel=name.file.name,
        sha256=name.file.sha256,
        default=name.local is None,
        method=code.method,
        note=code.note,
        source=f"the wheel {name.file.name}",
        checked=datetime.date.today(),
        kind="measured",
    )
    try:  # what a wheel says of itself may be anything
        return msgspec.convert(msgspec.to_builtins(build), Build)
    except msgspec.ValidationError as error:
        raise WheelError(str(error)) from error


def _version(text: str) -> tuple[str, str | None]:
    """Version and CUDA of torch/version.py: ("2.4.0+cu121", "12.1"); no CUDA for a CPU build."""
    values = {
        match[1]: match[2] or match[3] for match in _ASSIGNED.finditer(text.replace("\r", ""))
    }
    if not values.get("__version__") or "cuda" not in values:
        raise WheelError(f"{_VERSION_PY} does not say version and CUDA")
    return values["__version__"], values["cuda"]


def _listed(library: ByteSource) -> Code:
    flags = read_arch_flags(library)
    if not flags:
        raise WheelError(f"{_PYTHON_LIBRARY} holds no list of architectures")
    return Code(
        sass=tuple(sorted((f for f in flags if f.startswith("sm_")), key=arch_key)),
        ptx=tuple(sorted((f for f in flags if f.startswith("compute_")), key=arch_key)),
        method="arch flags",
    )


def _walked(wheel: WheelZip, listed: Code) -> Code:
    """The code by its fatbins. Old releases have it in two libraries that are always loaded."""
    main, sides = GpuCode(), {}
    for member in sorted(filter(_CUDA_LIBRARY.fullmatch, wheel.names)):
        with wheel.library(member, _LARGE) as library:
            code = read_gpu_code(library)
        if member == _SIDE_LIBRARY:
            sides[member.rpartition("/")[2]] = code.full
        else:
            main = _sum(main, code)
    if not main.fatbins:
        raise WheelError("no library holds GPU code")
    differs = (set(main.full), set(main.ptx_full)) != (set(listed.sass), set(listed.ptx))
    said = " ".join((*listed.sass, *listed.ptx))
    return Code(
        sass=main.full,
        partial=main.partial,
        ptx=main.ptx_full,
        libraries={name: sass for name, sass in sides.items() if sass and sass != main.full},
        method="fatbins",
        note=f"libtorch_python.so lists {said}" if differs else "",
    )


def _sum(one: GpuCode, other: GpuCode) -> GpuCode:
    return GpuCode(
        fatbins=one.fatbins + other.fatbins,
        sass={a: one.sass.get(a, 0) + other.sass.get(a, 0) for a in {**one.sass, **other.sass}},
        ptx={a: one.ptx.get(a, 0) + other.ptx.get(a, 0) for a in {**one.ptx, **other.ptx}},
    )


def _glibc(library: ByteSource) -> str | None:
    needed = needed_versions(read_elf(library))
    return newest((version for versions in needed.values() for version in versions), "GLIBC")


def _pin(needs: Sequence[Requirement], *names: str) -> str | None:
    """The version pinned of the first requirement whose name is, or begins with, one of `names`."""
    for need in needs:
        if need.name in names or need.name.startswith(tuple(f"{name}-" for name in names)):
            return pinned(need)
    return None


def _pins(needs: Sequence[Requirement]) -> tuple[str, ...]:
    """ "nvidia-cudnn-cu12==9.1.0.70", "cuda-toolkit[cublas]==13.0.2": NVIDIA's packages."""
    return tuple(
        str(need).partition(";")[0].strip()
        for need in needs
        if need.name.startswith(("nvidia-", "cuda-"))
    )
