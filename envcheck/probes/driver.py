"""The NVIDIA driver: loaded module, libraries, device nodes, what NVML says. Must not judge it."""

import re

from envcheck.facts import NOT_ASKED, DeviceNode, Driver, Missing, Why, absent, failed
from envcheck.nvml.readings import Inventory, NvmlError, NvmlUnavailable
from envcheck.probes.fabric import DPKG, read_fabric_manager
from envcheck.probes.host import Host
from envcheck.probes.kernel import kernel_release
from envcheck.probes.libraries import find_library, library_folders
from envcheck.probes.module import (
    DKMS,
    headers_installed,
    module_file,
    module_signed,
    read_dkms,
)
from envcheck.probes.pci import PciDevice

Nvml = Inventory | NvmlUnavailable | Missing

LOADED = "/proc/driver/nvidia/version"
SYSFS = "/sys/module/nvidia/version"
VERSION = r"\d{3,4}\.\d{1,3}(?:\.\d{1,3})?"
NODE = re.compile(r"nvidia(?:\d+|ctl|-uvm)")
LIBRARIES = ("libnvidia-ml.so.1", "libcuda.so.1")
# Folders the driver's libraries are put into from outside: WSL, GKE nodes, NixOS.
OUTSIDE = ("/usr/lib/wsl/lib", "/usr/local/nvidia/lib64", "/run/opengl-driver/lib")


def read_driver(host: Host, nvml: Nvml, pci: tuple[PciDevice, ...] | Missing) -> Driver:
    """Everything known of the driver; for a root that brings no /proc only what is installed.

    In WSL there is no kernel module: the version in force is what NVML says.
    """
    kernel = kernel_release(host)
    running = kernel != NOT_ASKED
    module, flavor, module_source = _loaded_module(host) if running else (NOT_ASKED, NOT_ASKED, "")
    version, version_source = module, module_source
    if isinstance(module, Missing) and isinstance(nvml, Inventory):
        version, version_source = _value(nvml.driver_version), "NVML"
    library, library_source = _library_version(host)
    file = kernel if isinstance(kernel, Missing) else module_file(host, kernel)
    return Driver(
        version=version,
        module_version=module,
        module_flavor=flavor,
        library_version=library,
        cuda=_value(nvml.cuda_driver_version) if isinstance(nvml, Inventory) else _why(nvml),
        nvml=_nvml(nvml),
        nouveau_loaded=_module(host, "nouveau") if running else NOT_ASKED,
        uvm_loaded=_module(host, "nvidia_uvm") if running else NOT_ASKED,
        module_built=_built(file),
        module_signed=module_signed(host, file),
        headers=kernel if isinstance(kernel, Missing) else headers_installed(host, kernel),
        dkms=read_dkms(host),
        device_nodes=_device_nodes(host) if running else NOT_ASKED,
        fabric_manager=read_fabric_manager(host, nvml, pci),
        sources={
            "version": version_source,
            "module_version": module_source,
            "module_flavor": LOADED,
            "library_version": library_source,
            "cuda": "NVML",
            "nvml": "NVML",
            "nouveau_loaded": "/sys/module",
            "uvm_loaded": "/sys/module",
            "module_built": file if isinstance(file, str) else "/lib/modules",
            "module_signed": file if isinstance(file, str) else "/lib/modules",
            "headers": "/lib/modules, /usr/src",
            "dkms": DKMS,
            "device_nodes": "/dev",
            "fabric_manager": f"/sys/bus/pci, {DPKG}, /proc, NVML",
        },
    )


def _loaded_module(host: Host) -> tuple[str | Missing, str | Missing, str]:
    """Version and flavour of the loaded module, and the file that told.

    NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.14  Release Build …
    NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 …
    """
    text = host.read(LOADED, 4096)
    if not isinstance(text, Missing):
        said = re.search(rf"(Open )?Kernel Module\s+(?:for \S+\s+)?({VERSION})\b", text)
        if not said:
            wrong = failed(f"{LOADED} names no version")
            return wrong, wrong, LOADED
        return said.group(2), "open" if said.group(1) else "proprietary", LOADED
    if text.why is not Why.ABSENT:
        return text, text, LOADED
    said_sysfs = host.read(SYSFS, 64)
    if isinstance(said_sysfs, str) and re.fullmatch(VERSION, said_sysfs.strip()):
        return said_sysfs.strip(), text, SYSFS
    gone = absent(f"no NVIDIA kernel module is loaded: {LOADED} is not there")
    return gone, gone, LOADED


def _library_version(host: Host) -> tuple[str | Missing, str]:
    """Of the driver's libraries, which carry it in their file names: libcuda.so.535.104.05."""
    folders = (*library_folders(host), *OUTSIDE)
    plain = ""
    for name in LIBRARIES:
        path = find_library(host, name, folders)
        if isinstance(path, Missing):
            continue
        version = re.search(rf"\.so\.({VERSION})$", path)
        if version:
            return version.group(1), path
        plain = plain or path
    if plain:  # WSL's and Jetson's libraries
        return absent(f"{plain} has no version in its name"), plain
    return absent(f"no {' and no '.join(LIBRARIES)} in the system's library folders"), ""


def _built(file: str | Missing) -> bool | Missing:
    if isinstance(file, Missing):
        return False if file.why is Why.ABSENT else file
    return True


def _module(host: Host, name: str) -> bool | Missing:
    if not host.is_dir("/sys/module"):
        return absent("/sys/module is not there")
    return host.is_dir(f"/sys/module/{name}")


def _device_nodes(host: Host) -> tuple[DeviceNode, ...] | Missing:
    """The nodes CUDA opens. In another root's copy of /dev a plain file stands for a device."""
    names = host.names("/dev")
    if isinstance(names, Missing):
        return names
    paths = [f"/dev/{name}" for name in names if NODE.fullmatch(name)]
    kinds = ("char",) if host.live else ("char", "file")
    return tuple(DeviceNode(path, host.kind(path) in kinds and host.usable(path)) for path in paths)


def _nvml(nvml: Nvml) -> str | Missing:
    """ "ok", or the reason in one word and NVML's own words: "driver_not_loaded: nvmlInit …"."""
    if isinstance(nvml, Inventory):
        return "ok"
    return nvml if isinstance(nvml, Missing) else f"{nvml.reason}: {nvml.detail}"


def _why(nvml: NvmlUnavailable | Missing) -> Missing:
    return nvml if isinstance(nvml, Missing) else failed(f"NVML: {nvml.reason}")


def _value(value: str | NvmlError) -> str | Missing:
    return failed(str(value)) if isinstance(value, NvmlError) else value
