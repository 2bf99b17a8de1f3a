"""What of a machine's state speaks against installing a driver now, in the doctor's words.

Which driver is the business of gpu_plan; must not hold a version number.
"""

from __future__ import annotations

from fnmatch import fnmatch
from typing import Any

Data = dict[str, Any]


def machine_findings(machine: Data, plan: Data, wishes: Data) -> list[Data]:
    """What speaks against this machine, whatever the driver.

    Args:
        machine: what the module gpu_machine read.
        plan: the driver it would get, by the filter driver_plan.
        wishes: version, upgrade, origin, disk (path → MiB), family (patterns of package names),
            systems ("debian12"), driver (whether this run installs one).

    Returns:
        Findings with code, message, remedy, and warning: whether the play goes on all the same.
    """
    if machine["os"] not in wishes["systems"]:
        message = f"{machine['os_name']} is not a system these roles know."
        return [_finding("system", message, f"They know {', '.join(sorted(wishes['systems']))}.")]
    findings = _disk(machine, wishes["disk"])
    if not wishes["driver"]:
        return findings
    if not plan["needed"]:
        message = "No NVIDIA GPU was found; the driver is left out."
        remedy = "For an image that is made without one, name them: preflight_gpus: ['9.0']."
        return [*findings, _finding("GPU001", message, remedy, warning=True)]
    builds = wishes["origin"] == "nvidia" or not machine["os"].startswith("ubuntu")
    if builds and machine["secure_boot"] and not machine["mok_enrolled"]:
        findings.append(
            _finding(
                "DRV005",
                "Secure Boot is on, and the module that DKMS builds is not signed with a key this"
                " machine trusts.",
                "Enrol DKMS's key (sudo mokutil --import /var/lib/dkms/mok.pub, reboot, Enroll"
                " MOK), on Ubuntu take signed modules (nvidia_driver_origin: distribution), or"
                " switch Secure Boot off.",
            )
        )
    if builds and machine["headers"] == "unknown to apt":
        findings.append(
            _finding(
                "DRV007",
                f"The headers of kernel {machine['kernel']} are not installed, and apt does not"
                " know them: DKMS cannot build the NVIDIA module for it.",
                "Run sudo apt-get update. When the archive no longer has them, install the newest"
                " kernel with its headers and reboot.",
            )
        )
    ours = (machine["record"] or {}).get("held", [])
    held = [
        name
        for name in machine["held"]
        if name not in ours and any(fnmatch(name, pattern) for pattern in wishes["family"])
    ]
    if held:
        message = f"On hold by somebody else: {', '.join(held)}. apt may not change them."
        findings.append(_finding("held", message, f"sudo apt-mark unhold {' '.join(held)}"))
    if machine["jobs"] and not _settled(machine, plan, wishes):
        busy = ", ".join(f"{job['name']} ({job['pid']})" for job in machine["jobs"][:5])
        message = f"The GPUs are in use by {busy}: a new driver would break them."
        findings.append(_finding("gpu_jobs", message, "Let them end, or stop them."))
    if machine["unattended_upgrades"]:
        findings.append(
            _finding(
                "unattended_upgrades",
                "unattended-upgrades is on: it may bring a new kernel overnight. The driver's"
                " packages are pinned and held, and its module is built for new kernels.",
                "Nothing, where the machine may reboot into a new kernel.",
                warning=True,
            )
        )
    return findings


def judged(findings: list[Data], accepted: list[str], checks: Data) -> Data:
    """Findings as sentences: {"refused": [...], "warned": [...]}.

    `accepted` are codes or names that only warn; `checks` the doctor's names by code.
    """
    said: Data = {"refused": [], "warned": []}
    for one in findings:
        name = checks.get(one["code"], {}).get("name", "")
        warning = one.get("warning") or one["code"] in accepted or name in accepted
        sentence = " ".join(filter(None, (one["code"], name)))
        said["warned" if warning else "refused"].append(
            f"{sentence}: {one['message']} {one['remedy']}"
        )
    return said


def _settled(machine: Data, plan: Data, wishes: Data) -> bool:
    """Whether the loaded driver is the one that is to be installed."""
    record = machine["record"] or {}
    wanted = wishes["version"]
    if not wanted and record.get("branch") == plan["branch"] and not wishes["upgrade"]:
        wanted = record.get("version")
    return bool(wanted) and machine["module_version"] == wanted


def _disk(machine: Data, needs: Data) -> list[Data]:
    findings = []
    for path, need in needs.items():
        free = machine["free_mib"].get(path)
        if free is not None and free < int(need):
            message = f"Only {free} MiB are free in {path}; {need} are needed."
            findings.append(_finding("disk", message, "Make room there."))
    return findings


def _finding(code: str, message: str, remedy: str, *, warning: bool = False) -> Data:
    return {"code": code, "message": message, "remedy": remedy, "warning": warning}


class FilterModule:
    """What the roles' templates may call."""

    def filters(self) -> Data:
        return {"machine_findings": machine_findings, "judged": judged}
