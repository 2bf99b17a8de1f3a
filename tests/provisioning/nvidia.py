"""Dummy packages named and related like NVIDIA's and the distributions', and machines to suit.

The relations are what matters: which depends on which, and how loosely.
"""

import platform
from collections.abc import Iterable
from dataclasses import dataclass

from tests.provisioning.repository import Deb, Key, Repository, Server
from tests.provisioning.scenario import Root

KERNEL = "6.1.0-40-amd64"
FOLDER = {"x86_64": "x86_64", "aarch64": "sbsa"}[platform.machine()]
DISTRO = {"bookworm": "debian12", "trixie": "debian13"}
UNIT = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
PERSISTENCED = {
    "/usr/bin/nvidia-persistenced": "#!/bin/sh\n",
    "/lib/systemd/system/nvidia-persistenced.service": UNIT,
}
EFI = "/sys/firmware/efi/efivars/{}-8be4df61-93ca-11d2-aa0d-00e098032b8c"

H100, RTX_5090, GTX_1080_TI, V100, B200 = "2330", "2b85", "1b06", "1db4", "2901"


def debian_driver(version: str, *, parts: Iterable[str] = ("driver", "fabric")) -> list[Deb]:
    """NVIDIA's packages for Debian: names without branch, the metapackages loosely versioned."""
    full = f"{version}-1"
    debs = []
    if "driver" in parts:
        debs += [
            _deb("nvidia-open", full, "nvidia-driver-cuda, nvidia-kernel-open-dkms"),
            _deb("cuda-drivers", full, "nvidia-driver-cuda, nvidia-kernel-dkms"),
            _deb("nvidia-driver-cuda", full, f"libcuda1 (= {full}), nvidia-persistenced"),
            _deb("libcuda1", full, "libnvidia-ml1"),  # any version will do, as apt sees it
            _deb("libnvidia-ml1", full),
            *_common(full),
            *(
                _deb(
                    f"nvidia-kernel-{kind}dkms",
                    full,
                    "dkms (>= 3.1.8)",
                    Provides="nvidia-kernel",
                    Conflicts="nvidia-kernel",
                )
                for kind in ("", "open-")
            ),
        ]
    if "fabric" in parts:
        debs += _fabric(full)
    return debs


def ubuntu_driver(version: str) -> list[Deb]:
    """NVIDIA's packages for Ubuntu up to 580: the branch is in the name, and branches conflict."""
    branch, full = version.partition(".")[0], f"{version}-0ubuntu1"
    one = {"Provides": "nvidia-any", "Conflicts": "nvidia-any", "Replaces": "nvidia-any"}
    return [
        _deb(f"nvidia-open-{branch}", full, f"nvidia-driver-{branch}-open"),
        _deb(f"nvidia-driver-{branch}-open", full, f"libnvidia-compute-{branch} (= {full})", **one),
        _deb(f"libnvidia-compute-{branch}", full, "nvidia-persistenced"),
        *_common(full),
        *_fabric(f"{version}-1", "" if branch == "580" else f"-{branch}"),
    ]


def archive(*, kernel: str = KERNEL, extra: Iterable[Deb] = ()) -> list[Deb]:
    """What the distribution's own archive has."""
    initramfs = "#!/bin/sh\necho $@ >> /var/log/update-initramfs\n"
    return [
        Deb(f"linux-headers-{kernel}", "6.1.140-1"),
        Deb("initramfs-tools", "0.142", files={"/usr/sbin/update-initramfs": initramfs}),
        Deb("dkms", "3.0.10-8"),
        *extra,
    ]


def keyring(key: Key) -> Deb:
    """cuda-keyring: the key, and a source list that the role must not need."""
    files = {"/usr/share/keyrings/cuda-archive-keyring.gpg": key.public.read_bytes()}
    return Deb("cuda-keyring", "1.1-1", files=files)


@dataclass
class Machine:
    """A root with GPUs, and the repositories it uses."""

    root: Root
    nvidia: Repository
    archive: Repository


def machine(
    root: Root,
    server: Server,
    key: Key,
    debs: Iterable[Deb],
    *,
    distro: str = "debian12",
    gpus: Iterable[str] = (H100,),
    switches: int = 0,
) -> Machine:
    """A bare GPU machine: PCI devices, kernel, both repositories; host variables name them."""
    where = f"{root.work.parent.name}-{root.work.name}"
    name = f"{distro}/{FOLDER}"
    nvidia = Repository(server, f"{where}/nvidia/{name}", key, [dkms(), *debs])
    built = server.built(keyring(key))
    checksum = nvidia.add_file("cuda-keyring_1.1-1_all.deb", built.read_bytes())
    own = Repository(server, f"{where}/archive", key, archive())
    root.write("/etc/apt/sources.list.d/archive.list", own.source)
    root.write("/proc/sys/kernel/osrelease", KERNEL + "\n")
    root.vars |= {
        "nvidia_driver_repository_url": f"{server.url}/{where}/nvidia",
        "nvidia_driver_keyring_sha256": checksum,
        # A root in memory is smaller than a disk.
        "preflight_disk": {"/": 100},
    }
    for slot, device in enumerate(gpus):
        pci(root, f"0000:0{slot}:00.0", device, "0x030200")
    for slot in range(switches):
        pci(root, f"0000:1{slot}:00.0", "22a3", "0x068000")
    return Machine(root, nvidia, own)


def pci(root: Root, address: str, device: str, kind: str) -> None:
    """An NVIDIA device on the PCI bus."""
    for name, value in (("vendor", "0x10de"), ("device", f"0x{device}"), ("class", kind)):
        root.write(f"/sys/bus/pci/devices/{address}/{name}", value + "\n")


def secure_boot(root: Root) -> None:
    """Signatures are enforced."""
    root.write(EFI.format("SecureBoot"), b"\x06\x00\x00\x00\x01")
    root.write(EFI.format("SetupMode"), b"\x06\x00\x00\x00\x00")


def load(root: Root, version: str) -> None:
    """The open kernel module of a version is loaded."""
    line = f"NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {version}  Release Build\n"
    root.write("/proc/driver/nvidia/version", line)


def os_release(root: Root, name: str, version: str, pretty: str) -> None:
    """Another distribution, by name only."""
    text = f'ID={name}\nVERSION_ID="{version}"\nPRETTY_NAME="{pretty}"\n'
    root.file("/etc/os-release").unlink()
    root.write("/etc/os-release", text)


def dkms() -> Deb:
    """The newer DKMS of NVIDIA's repository, which its drivers depend on."""
    return Deb("dkms", "1:3.2.2-1")


def _common(full: str) -> list[Deb]:
    return [
        Deb("nvidia-modprobe", full, files={"/usr/bin/nvidia-modprobe": "#!/bin/sh\n"}),
        Deb("nvidia-persistenced", full, files=PERSISTENCED),
    ]


def _fabric(full: str, suffix: str = "") -> list[Deb]:
    service = {"/lib/systemd/system/nvidia-fabricmanager.service": UNIT}
    debs = []
    for name, files in (("nvidia-fabricmanager", service), ("libnvidia-nscq", {})):
        one = {"Provides": f"{name}-any", "Conflicts": f"{name}-any", "Replaces": f"{name}-any"}
        debs.append(Deb(f"{name}{suffix}", full, one, files))
    return debs


def _deb(name: str, version: str, depends: str = "", **fields: str) -> Deb:
    return Deb(name, version, {**({"Depends": depends} if depends else {}), **fields})
