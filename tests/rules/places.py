"""Machines whose driver is not the usual one: not loaded, the host's, Windows', a Jetson's."""

from typing import Any

from envcheck.facts import FabricManager, Library, Snapshot, absent, blocked
from tests.rules.machine import change, gpu, healthy

NO_MODULE = absent("no NVIDIA kernel module is loaded")


def unloaded(**by_path: Any) -> Snapshot:
    """The driver is installed and built, and its module is not loaded."""
    machine = change(
        healthy(),
        driver__version=NO_MODULE,
        driver__module_version=NO_MODULE,
        driver__module_flavor=NO_MODULE,
        driver__nvml="driver_not_loaded: nvmlInit_v2: DRIVER_NOT_LOADED",
        driver__uvm_loaded=False,
        driver__device_nodes=(),
    )
    return change(machine, **by_path)


def in_docker(**by_path: Any) -> Snapshot:
    """A container that was given the GPU; the host's service and module files are out of sight."""
    hidden = blocked("cannot be seen from here")
    machine = change(
        healthy(),
        container__runtime="docker",
        container__visible_devices="all",
        container__driver_capabilities="compute,utility",
        host__shm_bytes=8 << 30,
        driver__module_built=hidden,
        driver__module_signed=hidden,
        driver__headers=hidden,
    )
    return change(machine, **by_path)


def without_gpu_in_docker(**by_path: Any) -> Snapshot:
    """A container on a GPU machine that was given nothing: the bus still shows the card."""
    machine = in_docker(
        driver__nvml="library_not_found: libnvidia-ml.so.1",
        driver__library_version=absent("no libcuda.so.1"),
        driver__device_nodes=(),
        container__visible_devices=None,
        container__driver_capabilities=None,
        container__video_libraries=False,
    )
    return change(machine, **by_path)


def without_gpu(**by_path: Any) -> Snapshot:
    """A machine that has no NVIDIA GPU, and so no driver."""
    machine = unloaded(
        gpus__devices=(),
        driver__library_version=absent("no libcuda.so.1"),
        driver__module_built=False,
        driver__nvml="library_not_found: libnvidia-ml.so.1",
    )
    return change(machine, **by_path)


def in_wsl2(**by_path: Any) -> Snapshot:
    """Ubuntu in WSL 2 with the Windows driver: no kernel module, no device nodes, no PCI bus."""
    libcuda = Library("libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1.1", "ld.so.cache")
    machine = change(
        healthy(),
        container__wsl=2,
        host__kernel="5.15.153.1-microsoft-standard-WSL2",
        driver__version="566.36",
        driver__cuda="12.7",
        driver__module_version=NO_MODULE,
        driver__module_flavor=NO_MODULE,
        driver__library_version=absent("libcuda.so.1.1 has no version in its name"),
        driver__module_built=False,
        driver__headers=False,
        driver__device_nodes=(),
        loader__libcuda=libcuda,
        loader__libcuda_copies=(libcuda,),
        gpus__devices=(gpu(name="NVIDIA GeForce RTX 4070 Laptop GPU", sm="8.9"),),
    )
    return change(machine, **by_path)


def in_wsl1(**by_path: Any) -> Snapshot:
    return change(without_gpu(container__wsl=1, host__kernel="4.4.0-19041-Microsoft"), **by_path)


def on_jetson(**by_path: Any) -> Snapshot:
    """A Jetson Orin: the GPU is no PCI device, its driver is part of L4T."""
    machine = change(
        unloaded(),
        container__jetson="36.4.3",
        host__arch="aarch64",
        driver__library_version="540.4.0",
        driver__module_built=False,
        gpus__devices=(gpu(name="Orin (nvgpu)", sm="8.7", pci_id=absent("not on a PCI bus")),),
    )
    return change(machine, **by_path)


def with_nvswitches(**by_path: Any) -> Snapshot:
    """An HGX H100 with eight GPUs and four NVSwitches, Fabric Manager at work."""
    machine = change(
        healthy(),
        gpus__devices=tuple(gpu(index) for index in range(8)),
        driver__fabric_manager=FabricManager(4, "550.54.15", True, "completed"),
    )
    return change(machine, **by_path)
