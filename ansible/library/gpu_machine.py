#!/usr/bin/python
"""What a machine's files say about its GPUs and about installing a driver. Changes nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
---
module: gpu_machine
short_description: What a machine's files say about its GPUs and about installing a driver
description:
  - Reads PCI devices, Secure Boot, kernel, loaded driver, package states and free space.
  - Works without a driver, without lspci and on a mounted root. Changes nothing.
options:
  root:
    description: The machine's file system; another folder for one that is mounted or unpacked.
    type: path
    default: /
  disks:
    description: Paths of which the free space is asked.
    type: list
    elements: str
    default: [/]
author: envcheck
"""
EXAMPLES = r"""
- name: Read the machine
  gpu_machine:
  register: machine
"""
RETURN = r"""
machine:
  description: What was read. null means that it could not be known.
  returned: always
  type: dict
"""

NVIDIA = "0x10de"
EFI_VARIABLES = {
    "SecureBoot": "8be4df61-93ca-11d2-aa0d-00e098032b8c",
    "SetupMode": "8be4df61-93ca-11d2-aa0d-00e098032b8c",
    "MokSBStateRT": "605dab50-e046-4300-abb6-3dd810dd8b23",
}
MOK_KEYS = ("/var/lib/shim-signed/mok/MOK.der", "/var/lib/dkms/mok.pub")
# Daemons that hold the device files open all the time and are restarted with the driver.
DAEMONS = ("nvidia-persistenced", "nv-fabricmanager", "nv-hostengine", "dcgm-exporter")


class Machine:
    """A root file system; `live` when it is the one this runs on."""

    def __init__(self, root):
        self.root = root.rstrip("/")
        self.live = not self.root

    def path(self, name):
        return self.root + name

    def read(self, name, limit=1 << 20):
        """A file's text without white space at its ends; None when there is none."""
        try:
            with open(self.path(name), "rb") as file:
                return file.read(limit).decode("utf-8", "replace").strip()
        except OSError:
            return None

    def names(self, name):
        try:
            return sorted(os.listdir(self.path(name)))
        except OSError:
            return []

    def ask(self, *command):
        """Exit code and output of a program of the live machine; None when there is none."""
        if not self.live:
            return None
        try:
            ran = subprocess.run(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                timeout=60,
                check=False,
                env=dict(os.environ, LC_ALL="C"),
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return ran.returncode, ran.stdout.decode("utf-8", "replace")


def release(machine):
    """("debian12", "Debian GNU/Linux 12 (bookworm)"); Ubuntu's is "ubuntu2404"."""
    text = machine.read("/etc/os-release") or machine.read("/usr/lib/os-release") or ""
    pairs = dict(re.findall(r"(?m)^([A-Z_]+)=[\"']?([^\"'\n]*)", text))
    name = pairs.get("ID", "") + pairs.get("VERSION_ID", "").replace(".", "")
    return name, pairs.get("PRETTY_NAME") or name or "an unknown system"


def pci(machine):
    """NVIDIA's GPUs and NVSwitches by the class codes of their functions."""
    gpus, switches = [], 0
    for address in machine.names("/sys/bus/pci/devices"):
        folder = "/sys/bus/pci/devices/" + address
        if machine.read(folder + "/vendor", 16) != NVIDIA:
            continue
        kind, device = machine.read(folder + "/class", 16), machine.read(folder + "/device", 16)
        if not kind or not device or os.path.exists(machine.path(folder + "/physfn")):
            continue
        if kind.startswith("0x03"):
            driver = os.path.basename(os.path.realpath(machine.path(folder + "/driver")))
            gpus.append(
                {
                    "address": address,
                    "id": device[2:].lower(),
                    "driver": driver if driver != "driver" else None,
                }
            )
        elif kind.startswith("0x0680"):
            switches += 1
    return gpus, switches


def secure_boot(machine):
    """Whether this boot enforces signatures, by the kernel's own rule; None: not to be seen."""
    if not machine.names("/sys/firmware"):
        return None
    if not os.path.isdir(machine.path("/sys/firmware/efi")):
        return False
    values = {}
    for name, owner in EFI_VARIABLES.items():
        path = machine.path(f"/sys/firmware/efi/efivars/{name}-{owner}")
        try:
            with open(path, "rb") as file:
                values[name] = file.read(5)[4]
        except (OSError, IndexError):
            continue
    if "SecureBoot" not in values:
        return None
    off = values.get("SetupMode") == 1 or values.get("MokSBStateRT") == 1
    return values["SecureBoot"] == 1 and not off


def mok_enrolled(machine):
    """Whether the firmware trusts the key that DKMS signs with; None: there is none, or no tool."""
    for key in MOK_KEYS:
        if os.path.exists(machine.path(key)):
            asked = machine.ask("mokutil", "--test-key", key)
            return None if asked is None else "already enrolled" in asked[1]
    return None


def loaded(machine):
    """(version, "open" or "proprietary") of the loaded kernel module, or (None, None)."""
    text = machine.read("/proc/driver/nvidia/version") or ""
    version = re.search(r"Kernel Module.*?\s(\d+\.\d+(?:\.\d+)?)\s", text + " ")
    if not version:
        return None, None
    return version.group(1), "open" if "Open Kernel Module" in text else "proprietary"


def jobs(machine):
    """Processes that have a GPU's device file open."""
    found = []
    for pid in machine.names("/proc"):
        if not pid.isdigit():
            continue
        name = machine.read(f"/proc/{pid}/comm", 64) or ""
        if any(daemon.startswith(name) for daemon in DAEMONS if name):
            continue
        for handle in machine.names(f"/proc/{pid}/fd"):
            try:
                target = os.readlink(machine.path(f"/proc/{pid}/fd/{handle}"))
            except OSError:
                continue
            if re.match(r"/dev/nvidia(\d|-uvm$)", target):
                found.append({"pid": int(pid), "name": name})
                break
    return found


def packages(machine):
    """Names on hold, and names that an interrupted dpkg left half installed."""
    held, broken = [], []
    text = machine.read("/var/lib/dpkg/status", 1 << 28) or ""
    for name, status in re.findall(r"(?m)^Package: (\S+)\n(?:[^\n]+\n)*?Status: ([^\n]+)$", text):
        want, _error, state = [*status.split(), "", "", ""][:3]
        if want == "hold":
            held.append(name)
        if state in ("half-installed", "unpacked", "half-configured", "triggers-awaited"):
            broken.append(name)
    return held, broken


def unattended(machine):
    """Whether apt upgrades by itself: the last APT::Periodic::Unattended-Upgrade wins."""
    value = "0"
    for name in machine.names("/etc/apt/apt.conf.d"):
        text = machine.read("/etc/apt/apt.conf.d/" + name) or ""
        for found in re.findall(r'(?m)^\s*APT::Periodic::Unattended-Upgrade\s+"(\w+)"', text):
            value = found
    return value not in ("0", "no", "false")


def lists_complete(machine):
    """Whether apt has the package lists of every source it is configured with; None: no apt."""
    asked = machine.ask("apt-get", "update", "--print-uris")
    if asked is None or asked[0]:
        return None
    names = re.findall(r"(?m)^'\S+' (\S+)", asked[1])
    return all(os.path.exists("/var/lib/apt/lists/" + name) for name in names)


def headers(machine, kernel, complete):
    """The running kernel's headers: "installed", "known" or "unknown to apt"; None: not said."""
    if os.path.exists(machine.path(f"/lib/modules/{kernel}/build/Makefile")):
        return "installed"
    if not complete:
        return None
    asked = machine.ask("apt-cache", "show", "--no-all-versions", "linux-headers-" + kernel)
    if asked is None:
        return None
    return "known" if asked[0] == 0 else "unknown to apt"


def record(machine):
    """What the role nvidia_driver wrote down when it last changed something; None: never."""
    try:
        found = json.loads(machine.read("/etc/ansible/facts.d/nvidia_driver.fact") or "null")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def disks(machine, paths):
    """Free MiB by path, for an unprivileged look at what exists of it."""
    free = {}
    for path in paths:
        there = machine.path(path)
        while not os.path.exists(there) and there != machine.path("/"):
            there = os.path.dirname(there)
        space = os.statvfs(there or "/")
        free[path] = space.f_bavail * space.f_frsize >> 20
    return free


def main():
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "default": "/"},
            "disks": {"type": "list", "elements": "str", "default": ["/"]},
        },
        supports_check_mode=True,
    )
    machine = Machine(module.params["root"])
    name, pretty = release(machine)
    gpus, switches = pci(machine)
    version, flavor = loaded(machine)
    held, broken = packages(machine)
    kernel = machine.read("/proc/sys/kernel/osrelease", 256) or os.uname().release
    complete = lists_complete(machine)
    glibc = os.confstr("CS_GNU_LIBC_VERSION") if machine.live else None
    module.exit_json(
        changed=False,
        machine={
            "os": name,
            "os_name": pretty,
            "arch": os.uname().machine,
            "kernel": kernel,
            "glibc": glibc.split()[-1] if glibc else None,
            "gpus": gpus,
            "nvswitches": switches,
            "secure_boot": secure_boot(machine),
            "mok_enrolled": mok_enrolled(machine),
            "module_version": version,
            "module_flavor": flavor,
            "headers": headers(machine, kernel, complete),
            "lists_complete": complete,
            "jobs": jobs(machine),
            "held": held,
            "broken": broken,
            "record": record(machine),
            "unattended_upgrades": unattended(machine),
            "free_mib": disks(machine, module.params["disks"]),
        },
    )


if __name__ == "__main__":
    main()
