"""The NVIDIA driver: loaded, on disk, in user space, as NVML sees it."""

from pathlib import Path

import pytest

from envcheck.facts import NOT_ASKED, DeviceNode, DkmsBuild, Driver, Missing, Why, absent
from envcheck.nvml.readings import NvmlError, NvmlUnavailable
from envcheck.probes.driver import Nvml, read_driver
from envcheck.probes.host import Host
from envcheck.probes.pci import read_pci
from tests.probes.nvml_data import inventory, reading
from tests.roots import DIRECTORY, ELF, FIFO, HOSTILE, LOOP, Content, Link, host_of, pci_device

KERNEL = "6.8.0-45-generic"
LIBRARIES = "usr/lib/x86_64-linux-gnu"
PROPRIETARY = (
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\n"
    "GCC version:  gcc version 12.3.0 (Ubuntu 12.3.0-1ubuntu1~22.04)\n"
)
OPEN = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build"
    "  (dvs-builder@U22-I3-AM02-24-3)  Sun Jul 27 07:09:35 UTC 2025\n"
)
NO_DRIVER = NvmlUnavailable("driver_not_loaded", "nvmlInit_v2: DRIVER_NOT_LOADED", "nvmlInit_v2")

MACHINE: dict[str, Content] = {
    "proc/sys/kernel/osrelease": f"{KERNEL}\n",
    "proc/driver/nvidia/version": PROPRIETARY,
    "sys/module/nvidia/version": "535.104.05\n",
    "sys/module/nvidia_uvm": DIRECTORY,
    "sys/bus/pci/devices": DIRECTORY,
    "dev/nvidia0": "",
    "dev/nvidia1": DIRECTORY,
    "dev/nvidiactl": "",
    "dev/nvidia-uvm": "",
    "dev/nvidia-modeset": "",
    "dev/null": "",
    f"{LIBRARIES}/libnvidia-ml.so.1": Link("libnvidia-ml.so.535.104.05"),
    f"{LIBRARIES}/libnvidia-ml.so.535.104.05": ELF,
    f"{LIBRARIES}/libcuda.so.1": Link("libcuda.so.535.104.05"),
    f"{LIBRARIES}/libcuda.so.535.104.05": ELF,
    f"lib/modules/{KERNEL}/modules.dep": (
        "kernel/drivers/video/nvidiafb.ko.zst:\nkernel/x/nvidia-wmi.ko:\n"
        "updates/dkms/nvidia-drm.ko: updates/dkms/nvidia.ko\nupdates/dkms/nvidia.ko:\n"
    ),
    f"lib/modules/{KERNEL}/updates/dkms/nvidia.ko": ELF + b"~Module signature appended~\n",
    f"lib/modules/{KERNEL}/build": Link(f"/usr/src/linux-headers-{KERNEL}"),
    f"usr/src/linux-headers-{KERNEL}/Makefile": "",
    "var/lib/dkms/nvidia/535.104.05/source": Link("/usr/src/nvidia-535.104.05"),
}


def driver(
    base: Path, changes: dict[str, Content | None] | None = None, nvml: Nvml | None = None
) -> Driver:
    files = {**MACHINE, **(changes or {})}
    host = host_of(base, {name: c for name, c in files.items() if c is not None})
    return read_driver(host, nvml or inventory(reading()), read_pci(host))


def why(value: object) -> Why:
    assert isinstance(value, Missing), value
    return value.why


# ---- the loaded module, libraries, NVML ----------------------------------------------------


def test_a_whole_driver(tmp_path: Path) -> None:
    fact = driver(tmp_path)
    assert fact.version == "535.104.05"
    assert fact.module_version == "535.104.05"
    assert fact.module_flavor == "proprietary"
    assert fact.library_version == "535.104.05"
    assert fact.cuda == "12.4"
    assert fact.nvml == "ok"
    assert fact.nouveau_loaded is False
    assert fact.uvm_loaded is True
    assert fact.module_built is True
    assert fact.module_signed is True
    assert fact.headers is True
    assert fact.device_nodes == (
        DeviceNode("/dev/nvidia-uvm", True),
        DeviceNode("/dev/nvidia0", True),
        DeviceNode("/dev/nvidia1", False),
        DeviceNode("/dev/nvidiactl", True),
    )
    assert fact.fabric_manager == absent("no NVSwitch in this machine")
    assert fact.source("version") == "/proc/driver/nvidia/version"
    assert fact.source("library_version") == f"/{LIBRARIES}/libnvidia-ml.so.535.104.05"


def test_an_open_module(tmp_path: Path) -> None:
    fact = driver(tmp_path, {"proc/driver/nvidia/version": OPEN})
    assert (fact.module_version, fact.module_flavor) == ("580.65.06", "open")
    assert fact.library_version == "535.104.05"


def test_sysfs_tells_the_version_where_proc_does_not(tmp_path: Path) -> None:
    fact = driver(tmp_path, {"proc/driver/nvidia/version": None})
    assert fact.version == "535.104.05"
    assert fact.source("module_version") == "/sys/module/nvidia/version"
    assert isinstance(fact.module_flavor, Missing)


def test_no_driver_loaded(tmp_path: Path) -> None:
    changes: dict[str, Content | None] = {
        "proc/driver/nvidia/version": None,
        "sys/module/nvidia/version": None,
        "sys/module/nouveau": DIRECTORY,
    }
    fact = driver(tmp_path, changes, NO_DRIVER)
    assert why(fact.version) is Why.ABSENT
    assert why(fact.module_version) is Why.ABSENT
    assert "no NVIDIA kernel module is loaded" in str(fact.module_version)
    assert fact.nvml == "driver_not_loaded: nvmlInit_v2: DRIVER_NOT_LOADED"
    assert why(fact.cuda) is Why.FAILED
    assert fact.nouveau_loaded is True
    assert fact.library_version == "535.104.05"


def test_in_wsl_nvml_tells_the_version(tmp_path: Path) -> None:
    wsl = host_of(
        tmp_path,
        {
            "proc/sys/kernel/osrelease": "5.15.153.1-microsoft-standard-WSL2",
            "usr/lib/wsl/lib/libcuda.so.1": ELF,
            "usr/lib/wsl/lib/libnvidia-ml.so.1": ELF,
        },
    )
    fact = read_driver(wsl, inventory(reading(), driver_version="551.61"), ())
    assert fact.version == "551.61"
    assert fact.source("version") == "NVML"
    assert why(fact.module_version) is Why.ABSENT
    assert fact.library_version == absent(
        "/usr/lib/wsl/lib/libnvidia-ml.so.1 has no version in its name"
    )


def test_libcuda_stands_in_for_a_library_without_version(tmp_path: Path) -> None:
    """Jetson: libcuda.so.1.1 is no driver version, either."""
    jetson: dict[str, Content | None] = {
        f"{LIBRARIES}/libnvidia-ml.so.1": ELF,
        f"{LIBRARIES}/libcuda.so.1": Link("libcuda.so.1.1"),
        f"{LIBRARIES}/libcuda.so.1.1": ELF,
    }
    assert why(driver(tmp_path / "jetson", jetson).library_version) is Why.ABSENT
    one: dict[str, Content | None] = {f"{LIBRARIES}/libnvidia-ml.so.1": b""}
    assert driver(tmp_path / "one", one).library_version == "535.104.05"
    none: dict[str, Content | None] = {
        f"{LIBRARIES}/libnvidia-ml.so.1": None,
        f"{LIBRARIES}/libcuda.so.1": None,
    }
    assert "no libnvidia-ml.so.1" in str(driver(tmp_path / "none", none).library_version)


def test_a_version_nvml_does_not_give(tmp_path: Path) -> None:
    error = NvmlError(999, "UNKNOWN", "nvmlSystemGetCudaDriverVersion_v2")
    fact = driver(tmp_path, {}, inventory(reading(), cuda_driver_version=error))
    assert fact.cuda == Missing(Why.FAILED, "nvmlSystemGetCudaDriverVersion_v2: UNKNOWN")


def test_an_image_has_no_running_driver(tmp_path: Path) -> None:
    image = host_of(tmp_path, {"etc/os-release": "ID=debian\n"})
    fact = read_driver(image, NOT_ASKED, read_pci(image))
    running = (
        "version",
        "module_version",
        "cuda",
        "nvml",
        "uvm_loaded",
        "module_built",
        "headers",
        "device_nodes",
        "fabric_manager",
    )
    assert {field: getattr(fact, field) for field in running} == dict.fromkeys(running, NOT_ASKED)
    assert why(fact.library_version) is Why.ABSENT
    assert why(fact.dkms) is Why.ABSENT


def test_a_plain_file_in_dev_is_no_device_of_a_live_machine() -> None:
    fact = read_driver(Host("/"), NO_DRIVER, ())
    assert not isinstance(fact.device_nodes, Missing)
    assert all(Host("/").kind(node.path) == "char" for node in fact.device_nodes if node.usable)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_files(tmp_path: Path, hostile: str) -> None:
    content = HOSTILE[hostile]
    fact = driver(
        tmp_path,
        {
            "proc/driver/nvidia/version": content,
            "sys/module/nvidia/version": content,
            f"{LIBRARIES}/libnvidia-ml.so.1": content,
            f"{LIBRARIES}/libcuda.so.1": content,
            f"lib/modules/{KERNEL}/modules.dep": content,
            f"lib/modules/{KERNEL}/updates/dkms/nvidia.ko": content,
            f"usr/src/linux-headers-{KERNEL}/Makefile": content,
            "var/lib/dkms/nvidia/535.104.05/source": content,
        },
        NO_DRIVER,
    )
    assert why(fact.module_version) is Why.FAILED
    assert why(fact.module_flavor) is Why.FAILED
    assert why(fact.library_version) is Why.ABSENT
    assert fact.module_built is (content not in (DIRECTORY, FIFO, LOOP))
    assert fact.module_signed is not True
    assert fact.headers is fact.module_built
    assert fact.dkms == (DkmsBuild("535.104.05", "", "added"),)


# ---- the module on disk --------------------------------------------------------------------


@pytest.mark.parametrize(
    "file",
    [
        "updates/dkms/nvidia.ko.zst",
        "updates/dkms/nvidia-current.ko",
        "kernel/drivers/video/nvidia.ko",
        "kernel/nvidia-535srv-open/nvidia.ko",
        "extra/nvidia/nvidia.ko.xz",
        "weak-updates/nvidia/nvidia.ko",
    ],
)
@pytest.mark.parametrize("listed", [True, False])
def test_the_module_where_packages_put_it(tmp_path: Path, file: str, listed: bool) -> None:
    fact = driver(
        tmp_path,
        {
            f"lib/modules/{KERNEL}/updates/dkms/nvidia.ko": None,
            f"lib/modules/{KERNEL}/modules.dep": f"{file}: x.ko\n" if listed else None,
            f"lib/modules/{KERNEL}/{file}": ELF,
        },
    )
    assert fact.module_built is True
    assert fact.source("module_built").endswith(f"/{file}")
    if file.endswith(".ko"):
        assert fact.module_signed is False
    else:
        assert why(fact.module_signed) is Why.NOT_ASKED


def test_no_module_for_this_kernel(tmp_path: Path) -> None:
    """modules.dep still names it; other files only begin like it."""
    fact = driver(
        tmp_path,
        {
            f"lib/modules/{KERNEL}/updates/dkms/nvidia.ko": None,
            f"lib/modules/{KERNEL}/updates/dkms/nvidia-drm.ko": ELF,
            f"lib/modules/{KERNEL}/updates/dkms/nvidia-fs.ko": ELF,
            "lib/modules/6.8.0-40-generic/updates/dkms/nvidia.ko": ELF,
        },
    )
    assert fact.module_built is False
    assert why(fact.module_signed) is Why.ABSENT


def test_a_kernel_out_of_sight(tmp_path: Path) -> None:
    files = {name: None for name in MACHINE if name.startswith(("lib/modules", "usr/src"))}
    fact = driver(tmp_path, dict(files))
    assert why(fact.module_built) is Why.BLOCKED
    assert why(fact.headers) is Why.BLOCKED


# ---- driver and bus together ---------------------------------------------------------------


def test_fabric_manager_stands_in_the_driver(tmp_path: Path) -> None:
    switch = pci_device("0000:05:00.0", "22a3", kind="0x068000", driver="nvidia-nvswitch")
    manager = driver(tmp_path, {"sys/bus/pci/devices": None, **switch}).fabric_manager
    assert not isinstance(manager, Missing)
    assert manager.nvswitches == 1
