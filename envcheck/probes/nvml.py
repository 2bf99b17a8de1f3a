"""NVML's view of the machine, read through the nvml room. Must not know what rules make of it."""

from envcheck.facts import NOT_ASKED, Missing
from envcheck.nvml.inventory import read_inventory
from envcheck.nvml.readings import Inventory, NvmlUnavailable
from envcheck.probes.host import Host


def read_nvml(host: Host, timeout: float = 8.0) -> Inventory | NvmlUnavailable | Missing:
    """The inventory, or why there is none; another root's driver cannot be asked."""
    if not host.live:
        return NOT_ASKED
    return read_inventory(timeout)
