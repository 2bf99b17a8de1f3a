"""Remedies that install or reload the NVIDIA driver, worked out for this machine. Pure."""

from envcheck.facts import Container, Driver, Gpus, Host, Missing, or_none
from envcheck.finding import Effect, Remedy
from envcheck.kb import Knowledge, order
from envcheck.kb.driver import Package


def newer_driver(
    kb: Knowledge,
    gpus: Gpus | Missing,
    host: Host | Missing,
    driver: Driver | Missing,
    needed: str | None,
) -> Remedy:
    """A driver of at least `needed` (None: any) that supports every GPU here.

    The long-term branch where it serves, else the nearest branch that does; from the
    distribution's own packages where they have it, else from NVIDIA's repository.
    """
    branch = _branch(kb, gpus, driver, needed)
    if branch is None and needed is None:
        return Remedy("No driver branch supports all these GPUs together.")
    if branch is None:
        return Remedy(
            f"No driver branch has {needed} or newer and still supports these GPUs: use a torch"
            " build for an older CUDA."
        )
    text = f"Install driver {branch}"
    if needed:
        text += f" ({needed} or newer is needed)"
    package = _package(kb, _distro(host), branch)
    if package is None:
        return Remedy(f"{text} and reboot.", safety="reboot")
    closed = _needs_closed(kb, gpus)
    names = (package.proprietary if closed else package.open) or package.proprietary or ""
    names = " ".join(filter(None, (package.pin, names))).replace("{branch}", str(branch))
    commands: tuple[str, ...] = (
        "sudo apt-get update",
        f"sudo apt-get install --yes {names}",
        "sudo reboot",
    )
    if package.origin == "nvidia":
        text += " from NVIDIA's repository"
        commands = (*_trust(kb, host), *commands)
    return Remedy(
        f"{text}.",
        commands,
        "reboot",
        (
            Effect("driver.version", _release(kb, branch)),
            Effect("driver.module_version", _release(kb, branch)),
            Effect("driver.library_version", _release(kb, branch)),
            Effect("driver.nvml", "ok"),
        ),
    )


def reload_driver(container: Container | Missing) -> Remedy:
    """Bring module and libraries to one version."""
    if not isinstance(container, Missing) and isinstance(container.runtime, str):
        return Remedy(
            "Remove the NVIDIA libraries of the image, so that the host's are used; or restart"
            " the container after the host's driver was updated."
        )
    return Remedy(
        "Reboot, so that the module of the installed libraries is loaded.",
        ("sudo reboot",),
        "reboot",
    )


def _trust(kb: Knowledge, host: Host | Missing) -> tuple[str, ...]:
    """The commands that make apt trust NVIDIA's repository."""
    arch = None if isinstance(host, Missing) else or_none(host.arch)
    for row in kb.drivers.keyrings:
        if (row.distro, row.arch) == (_distro(host), arch or "x86_64"):
            file = row.url.rsplit("/", 1)[1]
            return (
                f"wget {row.url}",
                f"echo '{row.sha256}  {file}' | sha256sum --check && sudo dpkg --install {file}",
            )
    return ()


def _branch(
    kb: Knowledge, gpus: Gpus | Missing, driver: Driver | Missing, needed: str | None
) -> int | None:
    devices = () if isinstance(gpus, Missing) else gpus.known_devices()
    archs = [kb.gpus.arch(gpu.sm) for gpu in devices if isinstance(gpu.sm, str)]
    last = min((arch.last_branch for arch in archs if arch and arch.last_branch), default=None)
    first = max((arch.first_branch for arch in archs if arch and arch.first_branch), default=0)
    least = max(first, order(needed)[0] if needed else 0)
    default = kb.drivers.default.branch
    known = [row.branch for row in kb.drivers.branches if row.designation != "toolkit"]
    if default not in known:
        known.append(default)
    fitting = [b for b in sorted(known) if b >= least and (last is None or b <= last)]
    installed = None
    if not isinstance(driver, Missing):
        installed = or_none(driver.version) or or_none(driver.library_version)
    here = kb.drivers.branch_of(installed) if installed and needed is None else None
    if here is not None and here.branch in fitting:
        return here.branch  # only its module is missing: no reason to change the branch
    if default in fitting:
        return default
    above = [b for b in fitting if b > default]
    return above[0] if above else fitting[-1] if fitting else None


def _distro(host: Host | Missing) -> str:
    if isinstance(host, Missing):
        return ""
    name, version = or_none(host.os_id) or "", or_none(host.os_version) or ""
    return name + version.replace(".", "")


def _package(kb: Knowledge, distro: str, branch: int) -> Package | None:
    rows = [row for row in kb.drivers.packages if row.distro == distro and branch in row.branches]
    return min(rows, key=lambda row: row.origin != "distro", default=None)


def _needs_closed(kb: Knowledge, gpus: Gpus | Missing) -> bool:
    """Whether a GPU here cannot use the open kernel modules."""
    devices = () if isinstance(gpus, Missing) else gpus.known_devices()
    archs = [kb.gpus.arch(gpu.sm) for gpu in devices if isinstance(gpu.sm, str)]
    return any(arch and arch.open_modules == "unsupported" for arch in archs)


def _release(kb: Knowledge, branch: int) -> str:
    row = next((row for row in kb.drivers.branches if row.branch == branch), None)
    return (row.last or row.first if row else None) or str(branch)
