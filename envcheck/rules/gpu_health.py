"""Checks of each GPU's health: lost, bad memory, throttled, a narrow link. Pure."""

from collections.abc import Iterator
from typing import TypeVar

from envcheck.facts import Container, Driver, Gpu, Missing, Why, known, or_none
from envcheck.finding import ERROR, NOTE, WARNING, Evidence, Finding, Remedy, words
from envcheck.kb import Knowledge
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.branch import unserved
from envcheck.rules.common import gpu_names
from envcheck.rules.container import foreign

T = TypeVar("T")

# NVML's clock event reasons that the hardware itself asserts. Power caps, idling and the driver's
# own thermal control are how a healthy GPU works.
BY_HARDWARE = {
    "hw_thermal_slowdown": "it is too hot",
    "hw_power_brake_slowdown": "the power supply or the system asserts the power brake",
    "hw_slowdown": "it is too hot, or short of power",
}
REBOOT = ("sudo reboot",)


@rule("GPU003", severity=ERROR, subject="gpu")
def gpu_lost(gpu: Gpu, driver: Driver | Missing, kb: Knowledge) -> Iterator[Finding]:
    """The GPU no longer answers the driver.

    Why: a GPU that overheats, loses power or has a bad link falls off the bus (Xid 79), or refuses
    to work until it is reset. Programs on it die; on some machines CUDA then does not start for
    the other GPUs either.

    Confirm: the kernel log names the GPU and the Xid.

        sudo dmesg | grep -i xid

    Fix: reboot; when it comes back, watch temperature and power. When it does not, switch the
    machine off and on, then check seating, power cables and the slot.

    Sources: https://docs.nvidia.com/deploy/xid-errors/index.html
    """
    lost = _told(gpu.lost)
    if not lost or (isinstance(driver, Driver) and unserved(gpu, driver, kb)):
        return
    yield Finding(
        message=f"{gpu_names((gpu,))} no longer answers: {lost}.",
        evidence=_evidence(gpu, "lost", "pci_address"),
        remedy=Remedy(
            "Reboot. When it is lost again, look for Xid errors in the kernel log, and check power,"
            " cooling and seating.",
            REBOOT,
            "reboot",
        ),
    )


@rule("GPU004", severity=ERROR, subject="gpu")
def ecc_uncorrectable(gpu: Gpu) -> Iterator[Finding]:
    """The GPU's memory had errors that ECC could not correct since the driver was loaded.

    Why: an uncorrectable error kills the program that reads the word (Xid 48, 63, 94, 95). The
    driver puts the bad row out of use at the next reset; until then more programs may die.

    Confirm: volatile uncorrectable counts are not 0.

        nvidia-smi -q -d ECC,ROW_REMAPPER

    Fix: stop its programs and reset the GPU, or reboot. When the errors come back, run a memory
    test (`dcgmi diag -r 3`) and have the card replaced.

    Sources: https://docs.nvidia.com/deploy/a100-gpu-mem-error-mgmt/index.html
    https://docs.nvidia.com/deploy/xid-errors/index.html
    """
    errors = _told(gpu.ecc_uncorrectable)
    if errors:
        yield Finding(
            message=f"{errors} uncorrectable memory errors since the driver was loaded.",
            evidence=_evidence(gpu, "ecc_uncorrectable", "ecc_uncorrectable_total"),
            remedy=Remedy(
                "Reboot, or stop its programs and reset the GPU (`nvidia-smi --gpu-reset`). When"
                " the errors come back, have the card replaced.",
                REBOOT,
                "reboot",
            ),
        )


@rule("GPU005", severity=WARNING, subject="gpu")
def row_remap_pending(gpu: Gpu) -> Iterator[Finding]:
    """A bad row of GPU memory waits for a reset to be replaced by a spare one.

    Why: the driver has found a row that fails and will remap it (or, on older cards, retire its
    page) at the next reset. Programs that do not use it go on undisturbed until then.

    Confirm: it says Pending: Yes.

        nvidia-smi -q -d ROW_REMAPPER,PAGE_RETIREMENT

    Fix: at the next occasion stop its programs and reset the GPU, or reboot.

    Sources: https://docs.nvidia.com/deploy/a100-gpu-mem-error-mgmt/index.html
    https://docs.nvidia.com/deploy/dynamic-page-retirement/index.html
    """
    if _told(gpu.row_remap_pending):
        yield Finding(
            message="A memory row waits to be remapped: the GPU needs a reset.",
            evidence=_evidence(gpu, "row_remap_pending", "ecc_uncorrectable"),
            remedy=Remedy(
                "Reboot, or stop its programs and reset the GPU (`nvidia-smi --gpu-reset`).",
                REBOOT,
                "reboot",
            ),
        )


@rule("GPU006", severity=ERROR, subject="gpu")
def row_remap_failed(gpu: Gpu) -> Iterator[Finding]:
    """A bad row of GPU memory could not be replaced: the spare rows are used up.

    Why: each bank has a few spare rows. When one cannot be remapped the memory stays bad, and
    programs die or compute wrongly. NVIDIA takes this flag as ground for replacing the card.

    Confirm: it says Remapping Failure Occurred: Yes.

        nvidia-smi -q -d ROW_REMAPPER

    Fix: take the GPU out of use and have it replaced; on a rented machine, ask for another one.

    Sources: https://docs.nvidia.com/deploy/a100-gpu-mem-error-mgmt/index.html
    """
    if _told(gpu.row_remap_failed):
        yield Finding(
            message="Remapping a bad memory row has failed: the card has to be replaced.",
            evidence=_evidence(gpu, "row_remap_failed", "ecc_uncorrectable_total"),
            remedy=Remedy("Take the GPU out of use and have it replaced (RMA)."),
        )


@rule("GPU007", severity=WARNING, subject="gpu")
def hardware_throttling(gpu: Gpu) -> Iterator[Finding]:
    """The hardware slows the GPU down: heat, or not enough power.

    Why: beyond its thermal limit, or when the power supply asserts the power brake, the GPU cuts
    its clocks to half or less whatever the driver wants. Training gets slow without any error.

    Confirm: HW Slowdown, Thermal or Power Brake is Active.

        nvidia-smi -q -d PERFORMANCE,TEMPERATURE,POWER

    Fix: look to fans, filters and the air flow of the rack; for the power brake, to the power
    cables and supplies. A laptop does this on battery.

    Sources: https://docs.nvidia.com/deploy/nvml-api/group__nvmlClocksEventReasons.html
    """
    reasons = _told(gpu.throttle_reasons)
    found = [reason for reason in BY_HARDWARE if reason in reasons]
    if found == ["hw_slowdown"] and "gpu_idle" in reasons:
        return  # NVML also reports it while an idle GPU changes its performance state
    if found:
        heat = or_none(gpu.temperature_c)
        at = f" at {heat} °C" if heat is not None and "power_brake" not in found[0] else ""
        yield Finding(
            message=f"The hardware slows the GPU down{at} ({found[0]}): {BY_HARDWARE[found[0]]}.",
            evidence=_evidence(gpu, "throttle_reasons", "temperature_c"),
            remedy=Remedy("Mend its cooling or its power supply; the driver cannot."),
        )


@rule("GPU008", severity=WARNING, subject="gpu")
def pcie_width_degraded(
    gpu: Gpu, container: Container | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """The GPU's PCIe link has fewer lanes than card and slot could have.

    Why: a card that sits badly, a dirty contact or a poor riser trains with fewer lanes; copies to
    and from the GPU are then slower by as much. An idle link only lowers its speed, never its
    width. Consumer boards do share 16 lanes between two slots, which is as it should be.

    Confirm: Current is lower than Max.

        nvidia-smi -q | grep -A 2 "Link Width"

    Fix: reseat the card, try another slot or riser, and look for bifurcation in the firmware setup.

    Sources: https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html
    """
    width, most = _told(gpu.pcie_width), _told(gpu.pcie_width_max)
    kind = _class(gpu, kb)
    if kind in ("laptop", "jetson") or foreign(container) or width == 0:
        raise NotApplicable  # wired by the maker, or seen through somebody else's bus
    if width < most:
        shared = width * 2 == most and kind != "datacenter"
        yield Finding(
            severity=NOTE if shared else None,
            message=f"The PCIe link has {width} lanes of {most}"
            + (", as on boards that share them between two slots." if shared else "."),
            evidence=_evidence(gpu, "pcie_width", "pcie_width_max", "pcie_gen", "pcie_gen_max"),
            remedy=Remedy("Reseat the card, or try another slot or riser."),
        )


def _told(value: T | Missing) -> T:
    """The value; a card that has no such thing is not judged."""
    if isinstance(value, Missing) and value.why is Why.ABSENT:
        raise NotApplicable
    return known(value)


def _class(gpu: Gpu, kb: Knowledge) -> str:
    product = kb.gpu_by_name(gpu.name).gpu if isinstance(gpu.name, str) else None
    return product.class_ if product else ""


def _evidence(gpu: Gpu, *fields: str) -> tuple[Evidence, ...]:
    return tuple(Evidence(f"gpu.{field}", words(getattr(gpu, field)), "NVML") for field in fields)
