"""Facts about CUDA toolkits and the host compiler. Must not know how they are found."""

import msgspec

from envcheck.facts.base import NOT_ASKED, Fact, Missing


class Toolkit(msgspec.Struct, frozen=True, omit_defaults=True):
    """One CUDA toolkit on disk."""

    path: str  # its root, "/usr/local/cuda-12.1"
    version: str | Missing = NOT_ASKED  # "12.1"
    origin: str = ""  # "CUDA_HOME", "PATH", "/usr/local", "apt", "conda"
    nvcc: bool | Missing = NOT_ASKED  # it holds bin/nvcc


class Compiler(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="compiler"):
    family: str  # "gcc" or "clang"
    version: str  # "12.2.0"
    path: str = ""


class Cuda(Fact, frozen=True, kw_only=True, tag="cuda"):
    """CUDA toolkits and what an extension build would use."""

    toolkits: tuple[Toolkit, ...] | Missing = NOT_ASKED
    home: str | None | Missing = NOT_ASKED  # CUDA_HOME or CUDA_PATH as set; None: unset
    nvcc_path: str | Missing = NOT_ASKED  # the nvcc a torch extension build would run
    nvcc_version: str | Missing = NOT_ASKED  # its release, "12.1"
    host_compiler: Compiler | Missing = NOT_ASKED  # the C++ compiler nvcc would call
