"""Checks whether this driver branch, and this kind of kernel module, serves the GPUs. Pure."""

from collections.abc import Callable, Iterator

import msgspec

from envcheck import compat
from envcheck.facts import Container, Driver, Gpu, Gpus, Host, Missing, Why, known, or_none
from envcheck.finding import ERROR, WARNING, Effect, Evidence, Finding, Remedy, seen, words
from envcheck.kb import Knowledge
from envcheck.rules import mend
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.common import gpu_names
from envcheck.rules.container import jetson
from envcheck.rules.install_driver import newer_driver

# The kind of module that is loaded → what a GPU that cannot use it says of the open one.
MISFIT = {"proprietary": "required", "open": "unsupported"}


def unserved(gpu: Gpu, driver: Driver, kb: Knowledge) -> str:
    """Why this driver does not take this GPU, in words; "" when it does or nobody knows."""
    version = _version(driver)
    if isinstance(version, str) and isinstance(gpu.sm, str):
        verdict = compat.driver_supports_gpu(version, gpu.sm, kb=kb)
        if verdict.supports is False:
            return verdict.reason
    return _misfit(gpu, or_none(driver.module_flavor), kb)


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
    yield from _by_branch("dropped", driver, gpus, container, host, kb)


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
    yield from _by_branch("too-new", driver, gpus, container, host, kb)


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
    yield from _by_flavor("proprietary", driver, gpus, container, host, kb)


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
    yield from _by_flavor("open", driver, gpus, container, host, kb)


def _by_branch(
    how: str,
    driver: Driver,
    gpus: Gpus,
    container: Container | Missing,
    host: Host | Missing,
    kb: Knowledge,
) -> Iterator[Finding]:
    devices = _devices(gpus, container)
    version = known(_version(driver))
    told = tuple(gpu for gpu in devices if isinstance(gpu.sm, str))
    if devices and not told:
        known(devices[0].sm)

    def reason(gpu: Gpu) -> str:
        verdict = compat.driver_supports_gpu(version, known(gpu.sm), kb=kb)
        return verdict.reason if verdict.how == how else ""

    remedy = mend.on_host(newer_driver(kb, gpus, host, driver, None), container)
    yield from _judged(told, reason, seen(driver, "version", "library_version"), remedy)


def _by_flavor(
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
    other = "open" if flavor == "proprietary" else "proprietary"
    remedy = newer_driver(kb, gpus, host, driver, None)
    remedy = msgspec.structs.replace(
        remedy,
        text=f"{remedy.text} It has to be the {other} kernel module.",
        effects=(*remedy.effects, Effect("driver.module_flavor", other)),
    )
    yield from _judged(
        devices,
        lambda gpu: _misfit(gpu, flavor, kb),
        seen(driver, "module_flavor", "version"),
        mend.on_host(remedy, container),
    )


def _judged(
    devices: tuple[Gpu, ...],
    reason_of: Callable[[Gpu], str],
    evidence: tuple[Evidence, ...],
    remedy: Remedy,
) -> Iterator[Finding]:
    """One finding for all GPUs of one reason; a warning when other GPUs are served."""
    reasons: dict[str, list[Gpu]] = {}
    for gpu in devices:
        reasons.setdefault(reason_of(gpu), []).append(gpu)
    for reason, bad in reasons.items():
        if reason:
            yield Finding(
                subject="GPU " + ", ".join(str(gpu.index) for gpu in bad),
                severity=WARNING if "" in reasons else None,
                message=f"{gpu_names(tuple(bad))}: {reason}.",
                evidence=(
                    *evidence,
                    *(Evidence(f"gpu{gpu.index}.sm", words(gpu.sm), "") for gpu in bad[:1]),
                ),
                remedy=remedy,
            )


def _devices(gpus: Gpus, container: Container | Missing) -> tuple[Gpu, ...]:
    if not gpus.devices or jetson(container):
        raise NotApplicable
    return gpus.known_devices()


def _version(driver: Driver) -> str | Missing:
    """Of the driver in force; of the libraries where a card it does not know keeps it out."""
    return driver.version if isinstance(driver.version, str) else driver.library_version


def _misfit(gpu: Gpu, flavor: str | None, kb: Knowledge) -> str:
    modules = MISFIT.get(flavor or "")
    if modules is None or _open_modules(gpu, kb) != modules:
        return ""
    return f"the open kernel module is {modules}, and the {flavor} one is loaded"


def _open_modules(gpu: Gpu, kb: Knowledge) -> str | None:
    product = kb.gpu_by_name(gpu.name).gpu if isinstance(gpu.name, str) else None
    if product and (product.sm == gpu.sm or isinstance(gpu.sm, Missing)):
        return product.open_modules
    arch = kb.gpus.arch(gpu.sm) if isinstance(gpu.sm, str) else None
    return arch.open_modules if arch else None
