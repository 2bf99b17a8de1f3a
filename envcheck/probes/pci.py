"""NVIDIA GPUs and NVSwitches as the PCI bus shows them, driver or not. Must not know NVML."""

import posixpath
import re
from typing import Literal

import msgspec

from envcheck.facts import NOT_ASKED, Missing, absent
from envcheck.probes.host import Host
from envcheck.probes.kernel import kernel_release

DEVICES = "/sys/bus/pci/devices"
NVIDIA = 0x10DE
DISPLAY, OTHER_BRIDGE = 0x03, 0x0680  # https://pcisig.com/ class codes: VGA, 3D; NVSwitch
NAMES = (
    "/usr/share/hwdata/pci.ids",
    "/usr/share/misc/pci.ids",
    "/var/lib/pciutils/pci.ids",
    "/usr/share/pci.ids",
)
NAMES_LIMIT = 8 << 20  # pci.ids has 1.5 MB


class PciDevice(msgspec.Struct, frozen=True, kw_only=True):
    """One NVIDIA device on the PCI bus."""

    address: str  # "0000:3b:00.0"
    pci_id: str  # "10de:2330"
    kind: Literal["gpu", "nvswitch"]
    name: str | Missing  # as pci.ids has it: "GH100 [H100 SXM5 80GB]"
    driver: str | None  # the kernel driver it is bound to: "nvidia", "nouveau", "vfio-pci"


def read_pci(host: Host) -> tuple[PciDevice, ...] | Missing:
    """Every NVIDIA GPU and NVSwitch, by address. Virtual functions count with their card."""
    if kernel_release(host) == NOT_ASKED:
        return NOT_ASKED
    addresses = host.names(DEVICES)
    if isinstance(addresses, Missing):
        # a kernel without a PCI bus has no PCI device; without /sys nobody knows
        return () if host.is_dir("/sys/bus") and not host.exists("/sys/bus/pci") else addresses
    found = [device for address in addresses if (device := _device(host, address))]
    names = _names(host) if found else ""
    return tuple(
        msgspec.structs.replace(device, name=_name(names, device.pci_id)) for device in found
    )


def _device(host: Host, address: str) -> PciDevice | None:
    folder = f"{DEVICES}/{address}"
    if _number(host, f"{folder}/vendor") != NVIDIA:
        return None
    kind_code, device = _number(host, f"{folder}/class"), _number(host, f"{folder}/device")
    if kind_code is None or device is None or host.exists(f"{folder}/physfn"):
        return None
    if kind_code >> 16 == DISPLAY:
        kind: Literal["gpu", "nvswitch"] = "gpu"
    elif kind_code >> 8 == OTHER_BRIDGE:
        kind = "nvswitch"
    else:
        return None  # its audio and USB functions, or an old chip set
    bound = f"{folder}/driver"
    return PciDevice(
        address=address,
        pci_id=f"10de:{device:04x}",
        kind=kind,
        name=NOT_ASKED,
        driver=posixpath.basename(host.realpath(bound)) if host.exists(bound) else None,
    )


def _number(host: Host, path: str) -> int | None:
    text = host.read(path, 64)
    if isinstance(text, str) and re.fullmatch(r"0x[0-9a-f]{1,6}\s*", text):
        return int(text, 16)
    return None


def _names(host: Host) -> str:
    """NVIDIA's part of the first pci.ids there is: "\\t2330  GH100 [H100 SXM5 80GB]" lines."""
    for path in NAMES:
        text = host.read(path, NAMES_LIMIT)
        section = "" if isinstance(text, Missing) else text.partition("\n10de ")[2]
        if section:
            return re.split(r"\n(?=[0-9a-f]{4} |C )", section, maxsplit=1)[0]
    return ""


def _name(names: str, pci_id: str) -> str | Missing:
    entry = re.search(rf"(?m)^\t{pci_id[5:]} +([^\x00-\x1f]{{1,200}})$", names)
    return entry.group(1).strip() if entry else absent("no pci.ids names it")
