"""The NVIDIA kernel module on disk: file, signature, headers, DKMS. Must not judge it."""

import re

from envcheck.facts import DkmsBuild, Missing, Why, absent, blocked
from envcheck.probes.host import Host

MODULES_DEP_LIMIT = 8 << 20  # a distribution's modules.dep has 1 MB
# Debian installs nvidia.ko under other names: nvidia-current.ko, nvidia-tesla-470.ko …
FILE = r"nvidia(?:-current|-tesla|-legacy|-open|-\d+(?:xx)?)*\.ko(?:\.xz|\.zst|\.gz)?"
# Where packages put it, for a modules.dep that is not there or out of date.
FOLDERS = (
    "updates/dkms",
    "updates",
    "extra",
    "extra/nvidia",
    "extramodules",
    "weak-updates/nvidia",
    "kernel/drivers/video",
    "kernel/nvidia-*",
)
SIGNATURE = b"~Module signature appended~\n"  # linux: include/linux/module_signature.h
DKMS = "/var/lib/dkms"
# Of the packages called nvidia-something, those that are not the driver.
NOT_THE_DRIVER = re.compile(r"nvidia-(fs|peermem|gds|vgpu-vfio)")


def module_file(host: Host, release: str) -> str | Missing:
    """nvidia.ko for that kernel; absent when the kernel's folder is there without it.

    BLOCKED where the kernel's whole folder is out of sight, as in a container.
    """
    folder = f"/lib/modules/{release}"
    if not host.is_dir(folder):
        return blocked(f"{folder} cannot be seen from here")
    listed = host.read(f"{folder}/modules.dep", MODULES_DEP_LIMIT)
    places = re.findall(rf"(?m)^((?:[^:\s]*/)?{FILE}):", str(listed))
    for place in places:
        path = place if place.startswith("/") else f"{folder}/{place}"
        if host.is_file(path):
            return path
    for pattern in FOLDERS:
        for path in host.glob(f"{folder}/{pattern}/nvidia*.ko*"):
            if re.fullmatch(FILE, path.rpartition("/")[2]) and host.is_file(path):
                return path
    return absent(f"no nvidia.ko below {folder}")


def module_signed(host: Host, file: str | Missing) -> bool | Missing:
    """Whether the file ends with a signature; a compressed one would have to be unpacked whole."""
    if isinstance(file, Missing):
        return file
    if not file.endswith(".ko"):
        return Missing(Why.NOT_ASKED, f"{file} is compressed")
    end = host.read_bytes(file, len(SIGNATURE), tail=True)
    return end if isinstance(end, Missing) else end == SIGNATURE


def headers_installed(host: Host, release: str) -> bool | Missing:
    """Whether a module could be compiled for that kernel: its headers' Makefile is there."""
    folder = f"/lib/modules/{release}"
    places = (
        f"{folder}/build",
        f"/usr/src/linux-headers-{release}",
        f"/usr/src/kernels/{release}",
    )
    if any(host.is_file(f"{place}/Makefile") for place in places):
        return True
    if host.is_dir(folder):
        return False
    return blocked(f"{folder} cannot be seen from here")


def read_dkms(host: Host) -> tuple[DkmsBuild, ...] | Missing:
    """What `dkms status` would say of NVIDIA's modules, from DKMS's own tree."""
    modules = host.names(DKMS)
    if isinstance(modules, Missing):
        return modules
    builds: list[DkmsBuild] = []
    for module in modules:
        if re.match(r"nvidia(-|$)", module) and not NOT_THE_DRIVER.match(module):
            versions = host.names(f"{DKMS}/{module}")
            for version in () if isinstance(versions, Missing) else versions:
                if re.match(r"\d+\.", version):
                    builds += _dkms_version(host, f"{DKMS}/{module}", version)
    return tuple(builds)


def _dkms_version(host: Host, tree: str, version: str) -> list[DkmsBuild]:
    """One source tree: built for a kernel when <kernel>/<arch>/module is there, installed when
    the link kernel-<kernel>-<arch> leads to it."""
    builds = []
    for module in host.glob(f"{tree}/{version}/*/*/module"):
        kernel, arch = module.split("/")[-3:-1]
        installed = host.realpath(f"{tree}/kernel-{kernel}-{arch}")
        here = installed == host.realpath(f"{tree}/{version}/{kernel}/{arch}")
        builds.append(DkmsBuild(version, kernel, "installed" if here else "built"))
    return builds or [DkmsBuild(version, "", "added")]
