"""Facts about the installed torch build and its companions. Must not know how they are found."""

import msgspec

from envcheck.facts.base import NOT_ASKED, Fact, Missing


class CodeLibrary(msgspec.Struct, frozen=True, omit_defaults=True):
    """GPU code in one shared library. Architectures are written `sm_90`, `compute_90`."""

    name: str  # "libtorch_cuda.so"
    fatbins: int = 0
    sass: tuple[str, ...] = ()  # in more than half of the fatbins: supported
    partial: tuple[str, ...] = ()  # in some: only those kernels have it
    ptx: tuple[str, ...] = ()  # in more than half of the fatbins


class Pin(msgspec.Struct, frozen=True, omit_defaults=True):
    """A requirement torch itself states, and what is installed of it."""

    name: str  # "nvidia-cudnn-cu12"
    specifier: str  # "==9.1.0.70"
    installed: str | None = None  # None: not installed


class Companion(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="companion"
):
    """torchvision or torchaudio: a package compiled against one torch."""

    name: str
    version: str | Missing = NOT_ASKED  # as installed, local part included: "0.19.0+cu121"
    cuda: str | None | Missing = NOT_ASKED  # CUDA it was built with; None: CPU build
    torch_pin: str | Missing = NOT_ASKED  # the torch its metadata asks for, "==2.4.0"


class TorchBuild(Fact, frozen=True, kw_only=True, tag="torch"):
    """The torch build the patient's Python would import."""

    version: str | Missing = NOT_ASKED  # "2.4.0+cu121"
    path: str | Missing = NOT_ASKED  # its package folder
    cuda: str | None | Missing = NOT_ASKED  # "12.1"; None: built without CUDA
    hip: str | None | Missing = NOT_ASKED  # ROCm builds
    xpu: str | None | Missing = NOT_ASKED  # Intel builds
    debug: bool | Missing = NOT_ASKED  # compiled with assertions and without optimisation
    installer: str | Missing = NOT_ASKED  # "pip", "uv", "conda"
    compiled_for: tuple[str, ...] | Missing = NOT_ASKED  # ABIs of its extension: "cp311"
    sass: tuple[str, ...] | Missing = NOT_ASKED  # full architectures of libtorch_cuda
    partial: tuple[str, ...] | Missing = NOT_ASKED
    ptx: tuple[str, ...] | Missing = NOT_ASKED
    libraries: tuple[CodeLibrary, ...] | Missing = NOT_ASKED
    pins: tuple[Pin, ...] | Missing = NOT_ASKED
    companions: tuple[Companion | Missing, ...] | Missing = NOT_ASKED
    broken: str | None | Missing = NOT_ASKED  # what is missing of a half-installed torch

    @property
    def wants_cuda(self) -> bool | None:
        """True for a CUDA build, False for CPU, ROCm and XPU builds, None when not known."""
        if isinstance(self.cuda, Missing):
            return None
        return self.cuda is not None
