"""Torch wheels in miniature: the members a harvest reads, and ballast that it must not read."""

import io
import random
import zipfile
from collections.abc import Mapping

from tests.binaries.build import elf, fatbin

METADATA = """\
Metadata-Version: 2.1
Name: torch
Version: {version}
Requires-Dist: filelock
Requires-Dist: nvidia-cudnn-cu12==9.1.0.70; platform_system == "Linux"
Requires-Dist: nvidia-nccl-cu12==2.20.5; platform_system == "Linux" and platform_machine == "x86_64"
Requires-Dist: triton==3.0.0; platform_system == "Linux" and python_version < "3.13"
Requires-Dist: opt-einsum>=3.3; extra == "opt-einsum"
"""
VERSION_PY = """\
from typing import Optional
__version__ = '{version}'
debug = False
cuda: Optional[str] = {cuda}
hip: Optional[str] = None
"""
BALLAST = random.Random(1).randbytes(300_000)  # bytes that no compression makes smaller


def wheel_name(
    version: str = "9.1.0", python: str = "cp311", platform: str = "manylinux_2_28_x86_64"
) -> str:
    return f"torch-{version}-{python}-{python}-{platform}.whl"


def torch_wheel(
    version: str = "9.1.0",
    *,
    cuda: str | None = "12.4",
    flags: str = "sm_80 sm_90 compute_90",
    glibc: str = "2.17",
    fatbins: Mapping[str, bytes] | None = None,
    replaced: Mapping[str, bytes | None] | None = None,
) -> bytes:
    """A wheel.

    Args:
        fatbins: `.nv_fatbin` of libraries under torch/lib/.
        replaced: members with other contents; None leaves the member out.
    """
    needs = {"libc.so.6": ["GLIBC_2.2.5", f"GLIBC_{glibc}"]}
    local = "" if cuda is None else "+cu" + cuda.replace(".", "")
    rodata = b"ipc\0" + (flags.encode() if cuda else b"none") + b"\0tail\0"
    members: dict[str, bytes | None] = {
        "torch/ballast.bin": BALLAST,
        "torch/version.py": VERSION_PY.format(version=version + local, cuda=repr(cuda)).encode(),
        "torch/lib/libc10.so": elf(needs=needs),
        "torch/lib/libtorch_python.so": elf(needs=needs, sections={".rodata": rodata}),
        **{
            f"torch/lib/{name}": elf(sections={".nv_fatbin": code})
            for name, code in (fatbins or {}).items()
        },
        "torch/more_ballast.bin": BALLAST,
        f"torch-{version}.dist-info/METADATA": METADATA.format(version=version).encode(),
        **(replaced or {}),
    }
    return archive({name: data for name, data in members.items() if data is not None})


def archive(members: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in members.items():
            zipped.writestr(name, data)
    return file.getvalue()


# libtorch_cuda: two of three kernels have sm_90, one has sm_90a besides; linalg lacks sm_90.
FATBINS = {
    "libtorch_cuda.so": fatbin("sm_80", "sm_90", "compute_90") * 2
    + fatbin("sm_80", "sm_90", "sm_90a", "compute_90"),
    "libtorch_cuda_linalg.so": fatbin("sm_80"),
}
