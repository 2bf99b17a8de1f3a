"""What the Ansible roles preflight and nvidia_driver must know, out of the knowledge base as YAML.

Must not judge: the roles' filters do, and a test holds them against `envcheck.compat`.
"""

import json
import textwrap
from collections.abc import Iterable, Mapping

from envcheck.kb import Knowledge, Sm, minor
from envcheck.rules import RULES

HEADER = """---
# Written by `make docs` from the data files in envcheck/kb/data/; a test compares them.
"""
WIDTH = 118
# The doctor's checks that preflight repeats before there is a driver to examine.
CHECKS = (
    *("CUD003", "CUD004", "DRV002", "DRV005", "DRV007", "DRV008"),
    *("DRV010", "DRV011", "DRV012", "DRV013", "GPU001"),
)


def driver_files(kb: Knowledge) -> dict[str, str]:
    """Path below `ansible/` → text."""
    return {
        "roles/nvidia_driver/vars/main/drivers.yml": _drivers(kb),
        "roles/nvidia_driver/vars/main/gpus.yml": _gpus(kb),
        "roles/preflight/vars/main.yml": _preflight(kb),
    }


def _gpus(kb: Knowledge) -> str:
    archs = [arch for arch in kb.gpus.archs if not arch.integrated]
    targets = {row.code: row for row in kb.cuda.targets}
    chips: dict[str, list[str]] = {}
    for device in kb.pci.ids:
        gpu = kb.pci.by_id(device)
        if gpu is not None:
            chips.setdefault(gpu.chip, []).append(device)
    products: dict[str, dict[str, object]] = {}
    for product in reversed(kb.gpus.products):
        for device in product.pci:
            there = products.setdefault(device, {"name": "", "open_modules": product.open_modules})
            names = [str(there["name"]), product.name]
            there["name"] = " or ".join(dict.fromkeys(filter(None, names)))
    tables: dict[str, Iterable[tuple[str, object]]] = {
        "archs": (
            (
                arch.sm,
                {
                    "family": arch.family,
                    "first_branch": arch.first_branch,
                    "last_branch": arch.last_branch,
                    "open_modules": arch.open_modules,
                    "first_cuda": targets[Sm.parse(arch.sm).sass].first,
                    "last_cuda": targets[Sm.parse(arch.sm).sass].last,
                },
            )
            for arch in archs
        ),
        "chips": (
            (chip, {"sm": kb.gpus.chips[chip].sm, "ids": ids}) for chip, ids in chips.items()
        ),
        # Where a product of a chip has a name of its own, or its own rule for kernel modules.
        "products": products.items(),
    }
    checked = max(row.checked for row in kb.drivers.branches)
    text = f'{HEADER}nvidia_driver_gpus:\n  checked: "{checked}"\n'
    return text + "".join(_table(name, rows) for name, rows in tables.items())


def _preflight(kb: Knowledge) -> str:
    tables: dict[str, Iterable[tuple[str, object]]] = {
        "cuda": (
            (
                cuda,
                {
                    "driver": floor.linux if floor else kb.cuda.toolkit(cuda).linux,  # type: ignore[union-attr]
                    "glibc": nvcc.glibc if nvcc else None,
                },
            )
            for cuda in kb.cuda.minors
            for floor in [kb.cuda.floor(cuda)]
            for nvcc in [kb.cuda.nvcc(minor(cuda))]
        ),
        "checks": (
            (rule.code, {"name": rule.name, "title": rule.title})
            for rule in RULES
            if rule.code in CHECKS
        ),
    }
    text = f"{HEADER}preflight_knowledge:\n"
    return text + "".join(_table(name, rows) for name, rows in tables.items())


def _drivers(kb: Knowledge) -> str:
    keyrings: dict[str, dict[str, object]] = {}
    for key in kb.drivers.keyrings:
        path = key.url.split("/repos/", 1)[1]
        keyrings.setdefault(key.distro, {})[key.arch] = {"path": path, "sha256": key.sha256}
    packages: dict[str, dict[str, list[object]]] = {}
    for row in kb.drivers.packages:
        rows = packages.setdefault(row.distro, {}).setdefault(row.origin, [])
        rows.append(
            {
                "branches": row.branches,
                "open": row.open,
                "proprietary": row.proprietary,
                "compute": row.compute,
                "note": row.note,
            }
        )
    fabric: dict[str, list[object]] = {}
    for one in kb.drivers.fabrics:
        fabric.setdefault(one.origin, []).append(
            {
                "os": one.os,
                "first_branch": one.first_branch,
                "last_branch": one.last_branch,
                "packages": one.packages,
                "nvlink5": one.nvlink5,
            }
        )
    tables: dict[str, Iterable[tuple[str, object]]] = {
        "branches": (
            (
                str(row.branch),
                {
                    "designation": row.designation,
                    "note": row.note,
                    "end_of_life": str(row.end_of_life) if row.end_of_life else None,
                },
            )
            for row in kb.drivers.branches
        ),
        "packages": packages.items(),
        "fabric": fabric.items(),
        "keyrings": keyrings.items(),
    }
    text = f"{HEADER}nvidia_driver_knowledge:\n  long_term: {kb.drivers.default.branch}\n"
    return text + "".join(_table(name, rows) for name, rows in tables.items())


def _table(name: str, rows: Iterable[tuple[str, object]]) -> str:
    return f"  {name}:\n" + "".join(_entry(key, value, 4) for key, value in rows)


def _entry(key: str, value: object, indent: int) -> str:
    """One key: on a line of its own where that is short, as JSON, which is YAML."""
    start, flow = f'{" " * indent}"{key}": ', json.dumps(value, default=list)
    if len(start + flow) <= WIDTH:
        return f"{start}{flow}\n"
    if isinstance(value, Mapping):
        lines = (_entry(str(name), one, indent + 2) for name, one in value.items())
        return f"{start.rstrip()}\n{''.join(lines)}"
    if isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
        items = ("".join(_entry(name, one[name], indent + 4) for name in one) for one in value)
        dashes = (f"{' ' * (indent + 2)}- {item[indent + 4 :]}" for item in items)
        return f"{start.rstrip()}\n{''.join(dashes)}"
    below = " " * (len(start) + 1)  # the list's second line begins below its first item
    wrapped = textwrap.wrap(start + flow, WIDTH, subsequent_indent=below, break_on_hyphens=False)
    return "\n".join(wrapped) + "\n"
