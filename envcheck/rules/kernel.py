"""Checks of what keeps the NVIDIA kernel module from being loaded. Pure."""

from collections.abc import Iterator

import msgspec

from envcheck.facts import Container, Driver, Gpus, Host, Missing, Why, known, or_none
from envcheck.finding import ERROR, WARNING, Effect, Evidence, Finding, Remedy, seen, words
from envcheck.kb import Knowledge
from envcheck.rules import mend
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.container import foreign, jetson
from envcheck.rules.install_driver import newer_driver


def module_is_missing(
    driver: Driver, gpus: Gpus, container: Container | Missing, kb: Knowledge
) -> bool:
    """Whether this machine's GPU is without its kernel module.

    Raises:
        NotApplicable: there is no GPU, or the driver is a container host's, Windows' or a Jetson's.
        Unknown: it could not be seen whether the module is loaded.
    """
    if not gpus.devices or foreign(container) or jetson(container):
        raise NotApplicable
    archs = [kb.gpus.arch(gpu.sm) for gpu in gpus.known_devices() if isinstance(gpu.sm, str)]
    if any(arch is not None and arch.integrated for arch in archs):
        raise NotApplicable  # a Jetson of which nothing else is known
    module = driver.module_version
    if driver.nvml == "ok" or isinstance(module, str):
        return False
    if module.why is not Why.ABSENT:
        known(module)
    return True


def hindrances(driver: Driver, host: Host | Missing) -> dict[str, str]:
    """What is known to keep the module from being loaded: the check that says so → in words."""
    found = {}
    if or_none(driver.nouveau_loaded):
        found["nouveau_loaded"] = "nouveau is loaded"
    if _without_headers(driver):
        found["kernel_headers_missing"] = (
            "the module is not built, for want of the kernel's headers"
        )
    elif or_none(driver.module_built) is False:
        found["kernel_module_not_built"] = "the module is not built for this kernel"
    if _refused(driver, host):
        found["secure_boot_blocks_driver"] = "Secure Boot refuses the unsigned module"
    return found


def installed(driver: Driver) -> bool:
    """Whether a driver's libraries or DKMS sources are on the disk."""
    return isinstance(driver.library_version, str) or bool(or_none(driver.dkms))


@rule("DRV004", severity=ERROR, subject="driver")
def nouveau_loaded(
    driver: Driver, gpus: Gpus, container: Container | Missing, host: Host | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """nouveau, the free driver, is loaded instead of NVIDIA's.

    Why: a card has one kernel driver at a time, and Linux loads nouveau at boot where nothing
    forbids it. nouveau has no CUDA; NVIDIA's module then finds no card that is free.

    Confirm: it prints a line.

        lsmod | grep ^nouveau

    Fix: the driver's packages keep nouveau from loading; install them and reboot. With a driver
    installed by hand, put `blacklist nouveau` into /etc/modprobe.d and rebuild the initramfs.

    Sources: https://docs.nvidia.com/cuda/cuda-installation-guide-linux/#disabling-nouveau
    """
    if not module_is_missing(driver, gpus, container, kb) or not known(driver.nouveau_loaded):
        return
    if or_none(driver.module_built):
        remedy = mend.without_nouveau(host, driver)
    else:
        remedy = newer_driver(kb, gpus, host, driver, None)
        remedy = msgspec.structs.replace(
            remedy,
            text=f"{remedy.text} Its packages keep nouveau from loading.",
            effects=(*remedy.effects, Effect("driver.nouveau_loaded", False)),
        )
    yield Finding(
        message="nouveau is loaded and NVIDIA's kernel module is not: CUDA needs NVIDIA's.",
        evidence=seen(driver, "nouveau_loaded", "module_version", "module_built"),
        remedy=remedy,
    )


@rule("DRV005", severity=ERROR, subject="driver")
def secure_boot_blocks_driver(
    driver: Driver, gpus: Gpus, container: Container | Missing, host: Host, kb: Knowledge
) -> Iterator[Finding]:
    """Secure Boot is on, and the NVIDIA module is not signed with a key this machine trusts.

    Why: with Secure Boot the kernel loads only modules signed with an enrolled key. A module built
    on the machine is unsigned, or signed with a key of DKMS that nobody enrolled: `modprobe: ERROR:
    could not insert 'nvidia': Key was rejected by service`.

    Confirm: loading it names the reason.

        mokutil --sb-state

        sudo modprobe nvidia

    Fix: enrol the DKMS key with mokutil and reboot, use the modules that Ubuntu signs
    (linux-modules-nvidia-…), or switch Secure Boot off in the firmware.

    Sources: https://wiki.debian.org/SecureBoot#MOK_-_Machine_Owner_Key
    https://ubuntu.com/blog/how-to-sign-things-for-secure-boot
    """
    if not module_is_missing(driver, gpus, container, kb):
        return
    built = known(driver.module_built)
    if not known(host.secure_boot) or not built:
        return
    signed = or_none(driver.module_signed)
    if signed is not False and hindrances(driver, host):
        return  # something else is known to be in the way
    if signed is not False:
        message = (
            "Secure Boot is on and nvidia.ko is built but not loaded: it is probably not signed"
            " with an enrolled key."
        )
        remedy = mend.trusted(host, driver)
    else:
        message = "Secure Boot is on and nvidia.ko is not signed: the kernel refuses to load it."
        if or_none(driver.dkms):
            remedy = mend.signed(host, driver)
        else:
            remedy = _packages("signed modules, or sign them", kb, gpus, host, driver)
    yield Finding(
        severity=WARNING if signed is not False else None,
        message=message,
        evidence=(
            *seen(host, "secure_boot"),
            *seen(driver, "module_built", "module_signed", "module_version"),
        ),
        remedy=remedy,
    )


@rule("DRV006", severity=ERROR, subject="driver")
def kernel_module_not_built(
    driver: Driver, gpus: Gpus, container: Container | Missing, host: Host | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """A driver is installed, but without a kernel module for the running kernel.

    Why: a kernel module belongs to one kernel. After a kernel update it has to be built again
    (DKMS) or installed again (linux-modules-nvidia-…); until then `nvidia-smi` cannot communicate
    with the driver.

    Confirm: it finds no module.

        modinfo nvidia

        dkms status

    Fix: let DKMS build it, install the module package of this kernel, or boot the kernel that has
    one. When the build fails, the kernel is newer than the driver knows: take a newer driver.

    Sources: https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/
    https://github.com/dell/dkms
    """
    if not module_is_missing(driver, gpus, container, kb):
        return
    if known(driver.module_built) or _without_headers(driver):
        return
    if not installed(driver):
        raise NotApplicable  # driver_not_loaded says that there is none
    if or_none(driver.dkms):
        remedy = mend.built_by_dkms(driver)
    else:
        remedy = _packages("a module for each kernel, or build it", kb, gpus, host, driver)
    yield Finding(
        message=f"The driver is installed, but there is no nvidia.ko for kernel {_kernel(host)}.",
        evidence=(*seen(driver, "module_built", "library_version", "headers"), _dkms(driver)),
        remedy=remedy,
    )


@rule("DRV007", severity=ERROR, subject="driver")
def kernel_headers_missing(
    driver: Driver, gpus: Gpus, container: Container | Missing, host: Host | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """DKMS could not build the NVIDIA module: the running kernel's headers are not installed.

    Why: DKMS compiles the module for each kernel, which needs that kernel's headers. An automatic
    update often brings a kernel without them, and after the reboot there is no module.

    Confirm: there is no such directory.

        ls -d /lib/modules/$(uname -r)/build/

    Fix: install the headers of the running kernel and let DKMS build. The package that follows the
    kernel (linux-headers-generic, linux-headers-amd64) keeps it from happening again.

    Sources: https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/
    """
    if not module_is_missing(driver, gpus, container, kb) or known(driver.module_built):
        return
    known(driver.headers)
    if _without_headers(driver):
        yield Finding(
            message=f"The headers of kernel {_kernel(host)} are not installed: DKMS cannot build"
            " the NVIDIA module for it.",
            evidence=(*seen(driver, "headers", "module_built"), _dkms(driver)),
            remedy=mend.with_headers(host, driver),
        )


def _without_headers(driver: Driver) -> bool:
    """Only DKMS builds need headers; a driver of ready-made modules has no DKMS tree."""
    return (
        or_none(driver.module_built) is False
        and or_none(driver.headers) is False
        and bool(or_none(driver.dkms))
    )


def _refused(driver: Driver, host: Host | Missing) -> bool:
    """Only where it is sure: a signed module may be signed with a trusted key."""
    enforced = not isinstance(host, Missing) and or_none(host.secure_boot)
    return bool(enforced and or_none(driver.module_built)) and driver.module_signed is False


def _packages(
    bring: str, kb: Knowledge, gpus: Gpus, host: Host | Missing, driver: Driver
) -> Remedy:
    """For a module that no DKMS looks after: one of a .run file, or of an old kernel's package."""
    remedy = newer_driver(kb, gpus, host, driver, None)
    text = f"Take the driver from packages, which bring {bring}. {remedy.text}"
    return msgspec.structs.replace(remedy, text=text)


def _kernel(host: Host | Missing) -> str:
    release = None if isinstance(host, Missing) else or_none(host.kernel)
    return release or "running here"


def _dkms(driver: Driver) -> Evidence:
    builds: object = driver.dkms
    if not isinstance(driver.dkms, Missing):
        builds = ", ".join(
            " ".join(filter(None, (b.version, b.kernel, b.state))) for b in driver.dkms
        )
    return Evidence("driver.dkms", words(builds) or "none", driver.source("dkms"))
