"""What a file says that will be installed: a Dockerfile, a list of requirements, a lock file.

Must not know how it is read nor whether it will work.
"""

import msgspec

from envcheck.facts.base import NOT_ASKED, Fact, Missing


class Wanted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One package that a plan installs."""

    name: str  # normalised: lower case, dashes
    specifier: str = ""  # as written, "==2.4.0", ">=2"; "": any
    version: str | Missing = NOT_ASKED  # what the installer would choose; absent: there is none
    cuda: str | None | Missing = NOT_ASKED  # CUDA variant chosen by tag, index or channel
    installer: str = "pip"  # "pip", "uv" or "conda"
    locked: bool = False  # from a lock file
    where: str = ""  # "requirements.txt:3"


class BaseImage(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="image"
):
    """The image a container is built from, or started from."""

    name: str  # "nvidia/cuda:12.1.1-runtime-ubuntu22.04"
    cuda: str | Missing = NOT_ASKED  # the CUDA it brings, which its driver requirement follows
    libc: str | Missing = NOT_ASKED  # "glibc" or "musl"
    where: str = ""


class GpuAccess(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="access"
):
    """Whether whoever starts the container asks for GPUs."""

    asked: bool
    service: str = ""  # of a compose file
    where: str = ""


class Plan(Fact, frozen=True, kw_only=True, tag="plan"):
    """What will be installed, and with which container."""

    files: tuple[str, ...] = ()  # read, the first is the one that was asked about
    wanted: tuple[Wanted, ...] = ()
    base_image: BaseImage | None | Missing = NOT_ASKED  # None: no container
    gpu_access: GpuAccess | Missing = NOT_ASKED  # only a compose file says
    capabilities: str | Missing = NOT_ASKED  # NVIDIA_DRIVER_CAPABILITIES it sets
    not_read: tuple[
        str, ...
    ] = ()  # what installs something nobody read: "Dockerfile:7: curl … | sh"
