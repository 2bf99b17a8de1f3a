"""NVML's view of the machine, read through the nvml room. Must not know what rules make of it."""

from envcheck.facts import NOT_ASKED, Missing
from envcheck.nvml.places import FALLBACK_DIRS, SONAME
from envcheck.nvml.readings import Inventory, NvmlUnavailable
from envcheck.probes.host import Host
from envcheck.probes.libraries import library_folders


def read_nvml(host: Host, timeout: float = 8.0) -> Inventory | NvmlUnavailable | Missing:
    """The inventory, or why there is none; another root's driver cannot be asked."""
    if not host.live:
        return NOT_ASKED
    if not _library_there(host):  # no process need be started to find that out
        return NvmlUnavailable("library_not_found", f"no {SONAME} in any library folder")
    from envcheck.nvml.inventory import read_inventory

    return read_inventory(timeout, env=host.environ)


def _library_there(host: Host) -> bool:
    folders = host.environ.get("LD_LIBRARY_PATH", "").split(":")
    return any(
        host.is_file(f"{folder}/{SONAME}")
        for folder in (*folders, *library_folders(host), *FALLBACK_DIRS)
        if folder
    )
