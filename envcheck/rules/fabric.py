"""Checks of Fabric Manager on NVSwitch machines. Pure."""

from collections.abc import Iterator

from envcheck.facts import Container, Driver, FabricManager, Host, Missing, Why, known, or_none
from envcheck.finding import ERROR, WARNING, Evidence, Finding, Remedy, seen, words
from envcheck.rules import mend
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.container import foreign

UNFINISHED = ("not_started", "in_progress")  # NVML_GPU_FABRIC_STATE_*


@rule("DRV008", severity=ERROR, subject="driver")
def fabric_manager_not_running(
    driver: Driver, container: Container | Missing, host: Host | Missing
) -> Iterator[Finding]:
    """The machine has NVSwitches, and no Fabric Manager has set them up.

    Why: on HGX and DGX machines the GPUs are wired through NVSwitches, which Fabric Manager has to
    program after every boot. Until then CUDA does not start: `system not yet initialized` (error
    802), although `nvidia-smi` shows every GPU.

    Confirm: it says something else than active; the state of the fabric is not "Completed".

        systemctl is-active nvidia-fabricmanager

        nvidia-smi -q | grep -A 2 -w Fabric

    Fix: install nvidia-fabricmanager of exactly the driver's version and enable it. In a virtual
    machine or container the service runs on the host.

    Sources: https://docs.nvidia.com/datacenter/tesla/fabric-manager-user-guide/index.html
    https://github.com/pytorch/pytorch/issues/35710
    """
    manager = _manager(driver)
    unfinished = manager.fabric_state in UNFINISHED
    if words(manager.fabric_state).startswith("completed"):
        return
    if not manager.nvswitches and not unfinished:
        raise NotApplicable
    if manager.nvswitches and _differs(manager, driver):
        return  # that is why it does not run, and a check of its own
    if manager.running is True:
        return  # at work
    if not unfinished:
        if foreign(container):
            raise NotApplicable  # the service is the host's
        known(manager.running)
    outside = foreign(container) or not manager.nvswitches
    state = f" The fabric is {manager.fabric_state}." if unfinished else ""
    if outside:
        message = "No Fabric Manager has set up the NVLink fabric of these GPUs." + state
        remedy = Remedy(
            "Start nvidia-fabricmanager where the NVSwitches are: on the host of this container or"
            " virtual machine."
        )
    else:
        message = f"This machine has {manager.nvswitches} NVSwitches and no running Fabric Manager,"
        message += f" which CUDA waits for (error 802).{state}"
        there = isinstance(manager.version, str)
        remedy = mend.start_fabric_manager() if there else mend.fabric_manager(host, driver)
    yield Finding(
        # Without a switch in sight this rests on NVML's word alone.
        severity=None if manager.nvswitches else WARNING,
        message=message,
        evidence=(*_evidence(manager, driver), *seen(driver, "version")),
        remedy=remedy,
    )


@rule("DRV009", severity=ERROR, subject="driver")
def fabric_manager_version_mismatch(
    driver: Driver, container: Container | Missing, host: Host | Missing
) -> Iterator[Finding]:
    """Fabric Manager is of another version than the driver.

    Why: Fabric Manager refuses to work with any driver but that of its own version, to the last
    digit. Then the NVSwitches are not set up and CUDA does not start: `system not yet initialized`
    (error 802). Mostly one of the two packages was updated without the other.

    Confirm: the two versions differ.

        nv-fabricmanager --version

        cat /proc/driver/nvidia/version

    Fix: install Fabric Manager of the driver's version, and hold both packages together.

    Sources: https://docs.nvidia.com/datacenter/tesla/fabric-manager-user-guide/index.html
    https://github.com/NVIDIA/gpu-operator/issues/544
    """
    manager = _manager(driver)
    if not manager.nvswitches or foreign(container):
        raise NotApplicable
    version = manager.version
    if isinstance(version, Missing) and version.why is Why.ABSENT:
        raise NotApplicable  # not installed: fabric_manager_not_running
    known(version)
    known(driver.version)
    if _differs(manager, driver):
        yield Finding(
            message=f"Fabric Manager is {words(version)}, the driver is"
            f" {words(driver.version)}: they must be of exactly one version.",
            evidence=(*_evidence(manager, driver), *seen(driver, "version")),
            remedy=mend.fabric_manager(host, driver),
        )


def _manager(driver: Driver) -> FabricManager:
    manager = driver.fabric_manager
    if isinstance(manager, Missing) and manager.why is Why.ABSENT:
        raise NotApplicable  # no NVSwitch here
    return known(manager)


def _differs(manager: FabricManager, driver: Driver) -> bool:
    version, wanted = or_none(manager.version), or_none(driver.version)
    return version is not None and wanted is not None and version != wanted


def _evidence(manager: FabricManager, driver: Driver) -> tuple[Evidence, ...]:
    source = driver.source("fabric_manager")
    return tuple(
        Evidence(f"fabric_manager.{field}", words(getattr(manager, field)), source)
        for field in ("nvswitches", "version", "running", "fabric_state")
    )
