"""Checks whether this driver branch, and this kind of kernel module, serves the GPUs. Pure."""

from collections.abc import Callable, Iterator

import msgspec

from envcheck import compat
from envcheck.facts import Container, Driver, Gpu, Gpus, Host, Missing, Why, known
from envcheck.finding import (
    ERROR,
    WARNING,
    Effect,
    Evidence,
    Finding,
    Remedy,
    Severity,
    seen,
    words,
)
from envcheck.kb import Knowledge
from envcheck.rules import mend
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.common import gpu_names
from envcheck.rules.container import jetson
from envcheck.rules.install_driver import newer_driver

# The kind of module that is loaded → which GPUs cannot use it, and why.
MISFIT = {
    "proprietary": (
        "required",
        "it needs the open kernel module, and the proprietary one is loaded",
    ),
    "open": ("unsupported", "the open kernel module does not support it, and that one is loaded"),
}


def unserved(gpu: Gpu, driver: Driver, kb: Knowledge) -> str:
    """Why this driver does not take this GPU, in words; "" when it does or nobody knows."""
    return _by_branch(gpu, driver, kb)[1] or _by_module(gpu, driver, kb)


@rule("DRV010", severity=ERROR, subject="driver")
def gpu_dropped_by_driver_branch(
    driver: Driver, gpus: Gpus, container: Container | Missing, host: Host | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """The GPU is older than this driver branch supports.

    Why: each driver branch drops some old GPU generations for good. The driver then leaves the card
    alone (`supported through the NVIDIA … Legacy drivers` in the kernel log) and `nvidia-smi` does
    not list it.

    Confirm: the kernel log names the GPU.

        sudo dmesg | grep -i -e legacy -e nvrm

    Fix: install the last branch that has the GPU, and a torch build whose CUDA that driver serves.

    Sources: https://docs.nvidia.com/datacenter/tesla/drivers/cuda-toolkit-driver-and-architecture-matrix.html
    https://www.nvidia.com/en-us/drivers/unix/legacy-gpu/
    """
    yield from _branch("dropped", driver, gpus, container, host, kb)


@rule("DRV011", severity=ERROR, subject="driver")
def gpu_too_new_for_driver(
    driver: Driver, gpus: Gpus, container: Container | Missing, host: Host | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """The GPU is newer than this driver branch knows.

    Why: a driver knows the GPU generations there were when its branch was made. It does not take a
    newer one: `nvidia-smi` says `No devices were found`.

    Confirm: the GPU is on the bus, and nvidia-smi does not list it.

        lspci -d 10de:

        nvidia-smi -L

    Fix: install a driver of the branch that brought the GPU, or a newer one.

    Sources: https://docs.nvidia.com/datacenter/tesla/drivers/cuda-toolkit-driver-and-architecture-matrix.html
    """
    yield from _branch("too-new", driver, gpus, container, host, kb)


@rule("DRV012", severity=ERROR, subject="driver")
def open_module_required(
    driver: Driver, gpus: Gpus, container: Container | Missing, host: Host | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """This GPU works with the open kernel module only, and the proprietary one is loaded.

    Why: from Blackwell and Grace Hopper on NVIDIA supports only its open kernel modules. With the
    others the GPU does not start (`requires use of the NVIDIA open kernel modules` in the kernel
    log) and `nvidia-smi` says `No devices were found`.

    Confirm: the line does not hold the word Open.

        cat /proc/driver/nvidia/version

    Fix: install the packages with the open module (`nvidia-open`, names ending in -open).

    Sources: https://developer.nvidia.com/blog/nvidia-transitions-fully-towards-open-source-gpu-kernel-modules/
    """
    yield from _module("proprietary", driver, gpus, container, host, kb)


@rule("DRV013", severity=ERROR, subject="driver")
def open_module_unsupported(
    driver: Driver, gpus: Gpus, container: Container | Missing, host: Host | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """This GPU does not work with the open kernel module, which is the one loaded.

    Why: the open modules need the GPU's own firmware processor (GSP), which came with Turing.
    Maxwell, Pascal and Volta cards are left alone: `not supported by open nvidia.ko because it does
    not include the required GPU System Processor (GSP)`.

    Confirm: the line holds the word Open.

        cat /proc/driver/nvidia/version

    Fix: install the packages with the proprietary module (`cuda-drivers`, names without -open).

    Sources: https://github.com/NVIDIA/open-gpu-kernel-modules#compatible-gpus
    https://developer.nvidia.com/blog/nvidia-transitions-fully-towards-open-source-gpu-kernel-modules/
    """
    yield from _module("open", driver, gpus, container, host, kb)


def _branch(
    how: str,
    driver: Driver,
    gpus: Gpus,
    container: Container | Missing,
    host: Host | Missing,
    kb: Knowledge,
) -> Iterator[Finding]:
    devices = _devices(gpus, container)
    version = _version(driver)
    if isinstance(version, Missing) and version.why is Why.ABSENT:
        raise NotApplicable  # no driver is there
    known(version)
    told = tuple(gpu for gpu in devices if isinstance(gpu.sm, str)) or devices[:1]

    def reason(gpu: Gpu) -> str:
        known(gpu.sm)
        said, why = _by_branch(gpu, driver, kb)
        return why if said == how else ""

    for bad, why, severity in _judged(told, reason):
        yield Finding(
            subject=_subject(bad),
            severity=severity,
            message=f"{gpu_names(bad)}: {why}.",
            evidence=(*seen(driver, "version", "library_version"), *_seen(bad, gpus)),
            remedy=mend.on_host(_driver_for_all(driver, gpus, host, kb), container),
        )


def _module(
    flavor: str,
    driver: Driver,
    gpus: Gpus,
    container: Container | Missing,
    host: Host | Missing,
    kb: Knowledge,
) -> Iterator[Finding]:
    devices = _devices(gpus, container)
    if isinstance(driver.module_flavor, Missing) and driver.module_flavor.why is Why.ABSENT:
        raise NotApplicable  # no module is loaded
    if known(driver.module_flavor) != flavor:
        return
    # A GPU that this branch does not have at all is the business of the checks above.
    had = tuple(gpu for gpu in devices if not _by_branch(gpu, driver, kb)[1])
    for bad, why, severity in _judged(had, lambda gpu: _by_module(gpu, driver, kb)):
        remedy = _driver_for_all(driver, gpus, host, kb)
        if remedy.safety != "manual":
            other = "open" if flavor == "proprietary" else "proprietary"
            remedy = msgspec.structs.replace(
                remedy,
                text=f"{remedy.text} It has to be the {other} kernel module.",
                effects=(*remedy.effects, Effect("driver.module_flavor", other)),
            )
        yield Finding(
            subject=_subject(bad),
            severity=severity,
            message=f"{gpu_names(bad)}: {why}.",
            evidence=(*seen(driver, "module_flavor", "version"), *_seen(bad, gpus)),
            remedy=mend.on_host(remedy, container),
        )


def _judged(
    devices: tuple[Gpu, ...], reason: Callable[[Gpu], str]
) -> Iterator[tuple[tuple[Gpu, ...], str, Severity | None]]:
    """GPUs with one reason together; a warning when other GPUs have none."""
    reasons: dict[str, tuple[Gpu, ...]] = {}
    for gpu in devices:
        why = reason(gpu)
        reasons[why] = (*reasons.get(why, ()), gpu)
    served = reasons.pop("", ())
    for why, bad in reasons.items():
        yield bad, why, WARNING if served else None


def _by_branch(gpu: Gpu, driver: Driver, kb: Knowledge) -> tuple[str, str]:
    """Whether it is "dropped" or "too-new" and why, where this branch does not have the GPU."""
    version = _version(driver)
    if isinstance(version, str) and isinstance(gpu.sm, str):
        verdict = compat.driver_supports_gpu(version, gpu.sm, kb=kb)
        if verdict.supports is False:
            return verdict.how, verdict.reason
    return "", ""


def _by_module(gpu: Gpu, driver: Driver, kb: Knowledge) -> str:
    cannot, why = MISFIT.get(words(driver.module_flavor), ("", ""))
    return why if cannot and _open_modules(gpu, kb) == cannot else ""


def _open_modules(gpu: Gpu, kb: Knowledge) -> str:
    """Whether it is "unsupported", "supported" or "required"; "" when the GPU is not known."""
    product = kb.gpu_by_name(gpu.name).gpu if isinstance(gpu.name, str) else None
    if product:
        return product.open_modules
    arch = kb.gpus.arch(gpu.sm) if isinstance(gpu.sm, str) else None
    return arch.open_modules if arch else ""


def _driver_for_all(driver: Driver, gpus: Gpus, host: Host | Missing, kb: Knowledge) -> Remedy:
    """A machine has one driver: the one that serves every GPU, where there is one."""
    devices = gpus.known_devices()
    sms = {gpu.sm for gpu in devices if isinstance(gpu.sm, str)}
    branches = [str(row.branch) for row in kb.drivers.branches]
    one = any(
        all(compat.driver_supports_gpu(branch, sm, kb=kb).supports is not False for sm in sms)
        for branch in branches
    )
    if not one or {_open_modules(gpu, kb) for gpu in devices} >= {"required", "unsupported"}:
        return Remedy(
            "No driver serves all of these GPUs: keep the one for those you compute on, and take"
            " the others out or leave them unused."
        )
    return newer_driver(kb, gpus, host, driver, None)


def _devices(gpus: Gpus, container: Container | Missing) -> tuple[Gpu, ...]:
    if not gpus.devices or jetson(container):
        raise NotApplicable
    return gpus.known_devices()


def _version(driver: Driver) -> str | Missing:
    """Of the driver in force; of the libraries where a card it does not know keeps it out."""
    return driver.version if isinstance(driver.version, str) else driver.library_version


def _subject(bad: tuple[Gpu, ...]) -> str:
    return "GPU " + ", ".join(str(gpu.index) for gpu in bad)


def _seen(bad: tuple[Gpu, ...], gpus: Gpus) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(f"gpu{gpu.index}.sm", words(gpu.sm), gpus.source("sm")) for gpu in bad[:1]
    )
