"""Which driver a machine gets, and what speaks against it, in the doctor's words.

The knowledge comes in as data written out of envcheck's own; must not hold a version number.
"""

from __future__ import annotations

import re
from typing import Any

Data = dict[str, Any]
ORIGINS = {"nvidia": "nvidia", "distribution": "distro", "ubuntu-drivers": "distro"}
MISFIT = {
    "proprietary": ("required", "DRV012", "it needs the open kernel module", "proprietary"),
    "open": ("unsupported", "DRV013", "the open kernel module does not support it", "open"),
}


def gpus_of(machine: Data, knowledge: Data, wanted: list[str]) -> list[Data]:
    """The machine's GPUs with name, sm and kind of kernel module; sm "" where the id is unknown.

    `wanted` are compute capabilities to take instead, for an image that is made elsewhere.
    """
    archs = knowledge["archs"]
    if wanted:
        return [
            {
                "name": f"a GPU of compute capability {sm}",
                "sm": str(sm) if str(sm) in archs else "",
                "open_modules": archs.get(str(sm), {}).get("open_modules", ""),
            }
            for sm in wanted
        ]
    by_id = {
        device: (chip, row) for chip, row in knowledge["chips"].items() for device in row["ids"]
    }
    found = []
    for gpu in machine["gpus"]:
        chip, row = by_id.get(gpu["id"], ("", {}))
        product = knowledge["products"].get(gpu["id"], {})
        sm = row.get("sm", "")
        modules = product.get("open_modules") or archs.get(sm, {}).get("open_modules", "")
        name = product.get("name") or (f"NVIDIA {chip}" if chip else f"10de:{gpu['id']}")
        found.append({"name": name, "sm": sm if sm in archs else "", "open_modules": modules})
    return found


def driver_plan(machine: Data, wishes: Data, drivers: Data, knowledge: Data) -> Data:
    """The driver for this machine.

    Args:
        machine: what the module gpu_machine read.
        wishes: branch (0: chosen here), version ("": newest), modules ("auto"), origin, packages
            ("full" or "compute"), gpus (compute capabilities), mirror (whether the repository is
            not NVIDIA's own, and may have other branches).

    Returns:
        needed, branch, modules, packages and fabric (names), offered (branches), gpus, and
        findings: what speaks against it, each with code (a name where the doctor has none),
        message and remedy.
    """
    gpus = gpus_of(machine, knowledge, wishes["gpus"])
    rows = drivers["packages"].get(machine["os"], {}).get(ORIGINS[wishes["origin"]], [])
    number = wishes["version"].partition(".")[0]
    branch = int(number) if number else int(wishes["branch"])
    offered = sorted({one for row in rows for one in row["branches"]})
    if not branch:
        branch = _choice(offered, gpus, drivers, knowledge)
    row = next((row for row in rows if max(row["branches"]) >= branch), rows[-1] if rows else {})
    modules = wishes["modules"]
    if modules == "auto":
        closed = any(gpu["open_modules"] == "unsupported" for gpu in gpus) or not row.get("open")
        modules = "proprietary" if closed else "open"
    names = _packages(row, modules, wishes["packages"])
    fabric = ""
    if machine["nvswitches"]:
        rows_here = drivers["fabric"].get(ORIGINS[wishes["origin"]], [])
        here = [one for one in rows_here if machine["os"].startswith(one["os"] or "")]
        fabric = _fabric(here, branch, gpus)
    findings = []
    if branch not in offered and not (wishes["mirror"] and row):
        findings.append(gone(branch, offered, machine, wishes["origin"], drivers, knowledge))
    findings += _gpu_findings(gpus, branch, modules, knowledge)
    if machine["nvswitches"] and not fabric:
        findings.append(
            _finding(
                "DRV008",
                f"This machine has {machine['nvswitches']} NVSwitches, and the distribution has no"
                " Fabric Manager.",
                "Set nvidia_driver_origin: nvidia.",
            )
        )
    return {
        "needed": bool(gpus),
        "branch": branch,
        "modules": modules,
        "packages": names.replace("{branch}", str(branch)).split(),
        "fabric": fabric.replace("{branch}", str(branch)).split(),
        "offered": offered,
        "gpus": gpus,
        "findings": findings if gpus else [],
    }


def gone(
    branch: int, offered: list[int], machine: Data, origin: str, drivers: Data, knowledge: Data
) -> Data:
    """A branch that the package source does not have, and which it has instead."""
    known = drivers["branches"].get(str(branch))
    note = "is not a branch that envcheck knows" if known is None else known["note"]
    source = "NVIDIA's repository" if origin == "nvidia" else "The distribution's archive"
    listed = ", ".join(map(str, offered)) or "none"
    best = _choice(offered, [], drivers, knowledge)
    return _finding(
        "branch_gone",
        f"Driver branch {branch} is not there for {machine['os_name']}"
        + (f" ({note})" if note else "")
        + f": {source} has {listed}.",
        f"Set nvidia_driver_branch: {best}, or give nvidia_driver_repository_url a mirror that"
        f" still has {branch}.",
    )


def cuda_findings(
    machine: Data, plan: Data, versions: list[str], knowledge: Data, cudas: Data
) -> list[Data]:
    """What speaks against CUDA toolkits on this machine with the planned driver."""
    findings = []
    for version in map(str, versions):
        cuda = cudas.get(".".join(version.split(".")[:2]))
        if cuda is None:
            findings.append(
                _finding(
                    "cuda_unknown",
                    f"CUDA {version} is not a release that envcheck knows.",
                    "Choose another one.",
                )
            )
            continue
        for gpu in _each(plan["gpus"]):
            arch = knowledge["archs"].get(gpu["sm"])
            if arch and _order(version) < _order(arch["first_cuda"]):
                needed = f"CUDA {arch['first_cuda']} or newer"
            elif arch and arch["last_cuda"] and _order(version)[:2] > _order(arch["last_cuda"]):
                needed = f"CUDA {arch['last_cuda']} or older"
            else:
                continue
            findings.append(
                _finding(
                    "CUD003",
                    f"nvcc {version} cannot compile for {_named(gpu)}: {needed} is needed.",
                    f"Set cuda_toolkit_versions to {needed}.",
                )
            )
        if plan["needed"] and plan["branch"] < _order(cuda["driver"])[0]:
            findings.append(
                _finding(
                    "DRV002",
                    f"Driver {plan['branch']} is too old for CUDA {version}: it needs driver"
                    f" {cuda['driver']} or newer.",
                    f"Set nvidia_driver_branch to {_order(cuda['driver'])[0]} or newer.",
                )
            )
        if cuda["glibc"] and machine["glibc"] and _order(machine["glibc"]) > _order(cuda["glibc"]):
            findings.append(
                _finding(
                    "CUD004",
                    f"This system has glibc {machine['glibc']}; nvcc {version} compiles with glibc"
                    f" {cuda['glibc']} at most, whatever the compiler.",
                    "Use a newer toolkit, or compile in a container with an older system.",
                )
            )
    return findings


def _gpu_findings(gpus: list[Data], branch: int, modules: str, knowledge: Data) -> list[Data]:
    findings = []
    for gpu in _each(gpus):
        arch = knowledge["archs"].get(gpu["sm"])
        if arch is None:
            findings.append(
                _finding(
                    "gpu_unknown",
                    f"{gpu['name']} is not a GPU that envcheck knows (its tables are of"
                    f" {knowledge['checked']}): which driver it needs cannot be said.",
                    "Take a newer envcheck, or say what it is: preflight_gpus: ['9.0'].",
                )
            )
            continue
        said = f"{arch['family']} ({gpu['sm']})"
        if arch["last_branch"] and branch > arch["last_branch"]:
            message = (
                f"driver branch {arch['last_branch']} is the last for {said}, and this is {branch}"
            )
            findings.append(
                _finding(
                    "DRV010",
                    f"{_named(gpu)}: {message}.",
                    f"Set nvidia_driver_branch: {arch['last_branch']}.",
                )
            )
        elif arch["first_branch"] and branch < arch["first_branch"]:
            message = (
                f"{said} needs driver branch {arch['first_branch']} or newer, and this is {branch}"
            )
            findings.append(
                _finding(
                    "DRV011",
                    f"{_named(gpu)}: {message}.",
                    f"Set nvidia_driver_branch to {arch['first_branch']} or newer.",
                )
            )
        cannot, code, why, chosen = MISFIT[modules]
        if gpu["open_modules"] == cannot:
            other = "open" if chosen == "proprietary" else "proprietary"
            findings.append(
                _finding(
                    code,
                    f"{_named(gpu)}: {why}, and the {chosen} one is to be installed.",
                    f"Set nvidia_driver_modules: {other}, or auto.",
                )
            )
    if {gpu["open_modules"] for gpu in gpus} >= {"required", "unsupported"}:
        findings.append(
            _finding(
                "gpus_differ",
                "No driver serves all of these GPUs.",
                "Keep the one for those you compute on, and take the others out.",
            )
        )
    return findings


def _choice(offered: list[int], gpus: list[Data], drivers: Data, knowledge: Data) -> int:
    """The long-term branch where it is offered and serves every GPU, else the nearest that does.

    A branch that NVIDIA maintains for production goes before one that it does not.
    """
    long_term: int = drivers["long_term"]
    archs = [knowledge["archs"][gpu["sm"]] for gpu in gpus if gpu["sm"]]
    fitting = [
        branch
        for branch in offered
        if all((a["first_branch"] or 0) <= branch <= (a["last_branch"] or branch) for a in archs)
    ]
    maintained = [b for b in fitting if _maintained(drivers["branches"][str(b)], knowledge)]
    for branches in (maintained, fitting):
        if long_term in branches:
            return long_term
        above = [branch for branch in branches if branch > long_term]
        if branches:
            return above[0] if above else branches[-1]
    return long_term


def _maintained(branch: Data, knowledge: Data) -> bool:
    production = branch["designation"] in ("long-term", "production")
    return production and str(branch["end_of_life"] or "") > str(knowledge["checked"])


def _packages(row: Data, modules: str, amount: str) -> str:
    if amount == "full":
        return row.get(modules) or row.get("proprietary") or ""
    names = row.get("compute") or ""
    return names if modules == "open" else names.replace("-open", "")


def _fabric(rows: list[Data], branch: int, gpus: list[Data]) -> str:
    for row in rows:
        if (row["first_branch"] or 0) <= branch <= (row["last_branch"] or branch):
            fifth = any(gpu["sm"].startswith("10.") for gpu in gpus)
            return " ".join(filter(None, (row["packages"], row["nvlink5"] if fifth else None)))
    return ""


def _each(gpus: list[Data]) -> list[Data]:
    """Each kind of GPU once."""
    return list({gpu["name"]: gpu for gpu in gpus}.values())


def _named(gpu: Data) -> str:
    return f"{gpu['name']} (sm_{gpu['sm'].replace('.', '')})"


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", str(version)))


def _finding(code: str, message: str, remedy: str) -> Data:
    """`code` is the doctor's, or a name of preflight's own where the doctor has no such check."""
    return {"code": code, "message": message, "remedy": remedy}


class FilterModule:
    """What the roles' templates may call."""

    def filters(self) -> Data:
        return {"driver_plan": driver_plan, "cuda_findings": cuda_findings, "branch_gone": gone}
