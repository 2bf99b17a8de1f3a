#!/usr/bin/python
"""Which version a driver and everything that must be of its version can have. Changes nothing."""

from __future__ import annotations

import os
import re
import subprocess
from fnmatch import fnmatch

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
---
module: driver_versions
short_description: Which version a driver and everything that must be of its version can have
description:
  - Asks dpkg and apt's lists. Changes nothing.
options:
  unit:
    description: Packages that must all be of one version. The first one is the driver itself.
    type: list
    elements: str
    required: true
  branch:
    description: The first number of the version.
    type: int
    required: true
  version:
    description: The version wanted, "" for any of the branch.
    type: str
    default: ""
  upgrade:
    description: Whether the newest version is taken where one of the branch is installed.
    type: bool
    default: false
  family:
    description: Patterns of the names of packages that belong to a driver.
    type: list
    elements: str
    default: []
author: envcheck
"""
EXAMPLES = r"""
- name: Find the version that driver and Fabric Manager have in common
  driver_versions:
    unit: [nvidia-open, nvidia-fabricmanager]
    branch: 580
  register: found
"""
RETURN = r"""
version:
  description: The version to install, "" where there is none.
  returned: always
  type: str
install:
  description: What to ask apt for, as name=version.
  returned: always
  type: list
problem:
  description: Why there is no version, "" where there is one.
  returned: always
  type: str
"""

DRIVER = re.compile(r"(?:\d+:)?(\d{3}\.\d+(?:\.\d+)?)(?![\d.])")


def upstream(version):
    """580.126.20 of "580.126.20-0ubuntu1"; "" for what is not numbered like a driver."""
    match = DRIVER.match(version)
    return match.group(1) if match else ""


def order(version):
    return tuple(int(part) for part in version.split("."))


def lines(*command):
    ran = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        check=False,
        env=dict(os.environ, LC_ALL="C"),
    )
    return ran.stdout.decode("utf-8", "replace").splitlines()


def installed_packages():
    """Name → version of what dpkg has unpacked or installed."""
    shape = "${Status}\t${Package}\t${Version}\n"
    rows = [line.split("\t") for line in lines("dpkg-query", "-W", "-f", shape)]
    return {name: version for status, name, version in rows if status.split()[-1] == "installed"}


def available(names):
    """Name → versions apt can install, the newest first."""
    found = {name: [] for name in names}
    for line in lines("apt-cache", "madison", *names) if names else []:
        name, version = [part.strip() for part in line.split("|")[:2]]
        if name in found:
            found[name].append(version)
    return found


def choose(unit, branch, wanted, upgrade, installed, offered):
    """(version, problem): the newest version all of the unit have, unless one is kept or wanted."""
    has = {}
    for name in unit:
        versions = [*offered[name], *filter(None, [installed.get(name)])]
        numbers = {upstream(version) for version in versions} - {""}
        has[name] = {number for number in numbers if order(number)[0] == branch}
    lead = unit[0]
    common = set.intersection(*has.values())
    here = upstream(installed.get(lead, ""))
    if wanted:
        if wanted in common:
            return wanted, ""
        short = [name for name in unit if wanted not in has[name]]
        return "", "there is no {} in version {}; there is {}".format(
            " and no ".join(short),
            wanted,
            ", ".join(sorted(has[short[0]], key=order)) or f"none of branch {branch}",
        )
    if not has[lead]:
        return "", "gone"
    if not common:
        said = (f"{name} in {', '.join(sorted(has[name], key=order)) or 'none'}" for name in unit)
        return "", "no version is there of all of them: " + "; ".join(said)
    if here in common and not upgrade:
        return here, ""
    return max(common, key=order), ""


def main():
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "list", "elements": "str", "required": True},
            "branch": {"type": "int", "required": True},
            "version": {"type": "str", "default": ""},
            "upgrade": {"type": "bool", "default": False},
            "family": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    asked = module.params
    unit = asked["unit"]
    installed = installed_packages()
    family = {
        name: version
        for name, version in installed.items()
        if any(fnmatch(name, pattern) for pattern in asked["family"])
    }
    offered = available([*unit, *(name for name in family if name not in unit)])
    version, problem = choose(
        unit, asked["branch"], asked["version"], asked["upgrade"], installed, offered
    )
    install, strays = [], []
    for name, there in offered.items() if version else ():
        fitting = [one for one in there if upstream(one) == version]
        if name in unit and upstream(installed.get(name, "")) == version:
            install.append(f"{name}={installed[name]}")
        elif fitting and (name in unit or upstream(installed[name]) not in ("", version)):
            install.append(f"{name}={fitting[0]}")
        elif name not in unit and upstream(installed[name]) not in ("", version):
            strays.append(name)
    module.exit_json(
        changed=False,
        version=version,
        problem=problem,
        install=install,
        strays=strays,  # of another version, which they cannot be brought to
        family=family,
        current=upstream(installed.get(unit[0], "")),
        pending=[one for one in install if installed.get(one.split("=")[0]) != one.split("=")[1]],
    )


if __name__ == "__main__":
    main()
