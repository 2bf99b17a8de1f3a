"""Facts about the NVIDIA kernel driver and its user-space half.

Must not know how they are found.
"""

import msgspec

from envcheck.facts.base import NOT_ASKED, Fact, Missing


class DeviceNode(msgspec.Struct, frozen=True):
    """A character device under /dev and whether this user may open it for reading and writing."""

    path: str
    usable: bool


class DkmsBuild(msgspec.Struct, frozen=True):
    """One line of DKMS state: an NVIDIA source tree and how far it came for one kernel."""

    version: str
    kernel: str  # "" when only added
    state: str  # "added", "built", "installed"


class FabricManager(
    msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="fabric_manager"
):
    """NVSwitch machines need this service, of exactly the driver's version."""

    nvswitches: int  # NVSwitch devices in this machine
    version: str | Missing = NOT_ASKED  # of the installed nv-fabricmanager
    running: bool | Missing = NOT_ASKED
    fabric_state: str | Missing = NOT_ASKED  # NVML's per-GPU fabric state, the worst of all GPUs


class Driver(Fact, frozen=True, kw_only=True, tag="driver"):
    """The NVIDIA driver: kernel module, libraries, device nodes, and what NVML says of it."""

    version: str | Missing = NOT_ASKED  # the one in force; the loaded module's where one is loaded
    module_version: str | Missing = NOT_ASKED  # of the loaded kernel module; absent: none loaded
    module_flavor: str | Missing = NOT_ASKED  # "open" or "proprietary"
    library_version: str | Missing = NOT_ASKED  # of libcuda.so.1 / libnvidia-ml.so.1 on disk
    cuda: str | Missing = NOT_ASKED  # newest CUDA the driver serves, "12.4"
    nvml: str | Missing = NOT_ASKED  # "ok", or why NVML could not be used
    nouveau_loaded: bool | Missing = NOT_ASKED
    uvm_loaded: bool | Missing = NOT_ASKED
    module_built: bool | Missing = NOT_ASKED  # a nvidia.ko for the running kernel exists on disk
    module_signed: bool | Missing = NOT_ASKED  # that nvidia.ko carries a signature
    headers: bool | Missing = NOT_ASKED  # headers of the running kernel are installed
    dkms: tuple[DkmsBuild, ...] | Missing = NOT_ASKED
    device_nodes: tuple[DeviceNode, ...] | Missing = NOT_ASKED
    fabric_manager: FabricManager | Missing = NOT_ASKED  # absent: no NVSwitch in this machine
