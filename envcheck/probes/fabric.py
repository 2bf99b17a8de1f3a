"""Fabric Manager, which NVSwitch machines need. Must not know whether its version fits."""

import re

from envcheck.facts import NOT_ASKED, FabricManager, Missing, Why, absent, blocked
from envcheck.nvml.readings import Fabric, Inventory
from envcheck.probes.host import Host
from envcheck.probes.pci import PciDevice

PROGRAM = "nv-fabricmanager"
BINARIES = ("/usr/bin/nv-fabricmanager", "/usr/local/bin/nv-fabricmanager")
DPKG = "/var/lib/dpkg/status"
DPKG_LIMIT = 32 << 20  # some 5 MB with thousands of packages
COMM = PROGRAM[:15]  # the kernel keeps 15 letters of a process's name
WORST_FIRST = ("not_started", "in_progress", "completed")


def read_fabric_manager(
    host: Host, nvml: object, pci: tuple[PciDevice, ...] | Missing
) -> FabricManager | Missing:
    """The service and the fabric's state; absent where there is no NVSwitch and no fabric.

    In a virtual machine the switches and the service stay outside: only the state is there.
    """
    if isinstance(pci, Missing):
        return pci
    switches = sum(device.kind == "nvswitch" for device in pci)
    state = _fabric_state(nvml)
    if not switches and isinstance(state, Missing):
        return absent("no NVSwitch in this machine")
    return FabricManager(switches, _version(host), _running(host), state)


def _fabric_state(nvml: object) -> str | Missing:
    """The state of the GPU that is furthest behind; one that failed says "completed: <status>"."""
    if not isinstance(nvml, Inventory):
        return NOT_ASKED
    fabrics = [gpu.fabric for gpu in nvml.gpus if isinstance(gpu.fabric, Fabric)]
    for state in WORST_FIRST:
        here = [fabric for fabric in fabrics if fabric.state == state]
        for fabric in here:
            if state == "completed" and fabric.status != "SUCCESS":
                return f"completed: {fabric.status}"
        if here:
            return state
    return absent("no GPU of a fabric")


def _version(host: Host) -> str | Missing:
    """Of the installed package: "nvidia-fabricmanager-535" or, since 580, without the branch."""
    text = host.read(DPKG, DPKG_LIMIT)
    if isinstance(text, str):
        for stanza in re.findall(
            r"(?ms)^Package: nvidia-fabricmanager(?:-\d+)?\n.*?(?=^$|\Z)", text
        ):
            version = re.search(r"(?m)^Version: (?:\d+:)?(\d+(?:\.\d+){1,2})", stanza)
            if version and re.search(r"(?m)^Status: \w+ ok installed$", stanza):
                return version.group(1)
    if any(host.exists(path) for path in BINARIES):
        return absent(f"{DPKG} does not name the package of {PROGRAM}")
    return absent(f"{PROGRAM} is not installed")


def _running(host: Host) -> bool | Missing:
    """Whether a process of that name is there, where the machine's own processes can be seen.

    In a container process 2 is not the kernel's thread keeper: the service runs outside.
    """
    keeper = host.read("/proc/2/comm", 64)
    if isinstance(keeper, Missing) and keeper.why is Why.BLOCKED:
        return blocked("/proc hides other users' processes")
    if isinstance(keeper, Missing) or keeper.strip() != "kthreadd":
        return blocked("the machine's own processes cannot be seen from here")
    return any(str(host.read(comm, 64)).strip() == COMM for comm in host.glob("/proc/[0-9]*/comm"))
