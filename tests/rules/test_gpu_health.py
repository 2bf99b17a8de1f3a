"""Rules about each GPU's health."""

from typing import Any

import pytest

from envcheck.facts import NOT_ASKED, Gpu, Missing, absent, failed
from tests.rules.machine import change, fires, gpu, healthy, not_applicable, passes, report, skips
from tests.rules.places import in_docker

FIELDS = {
    "gpu_lost": "lost",
    "ecc_uncorrectable": "ecc_uncorrectable",
    "row_remap_pending": "row_remap_pending",
    "row_remap_failed": "row_remap_failed",
    "hardware_throttling": "throttle_reasons",
    "pcie_width_degraded": "pcie_width",
}


def with_gpu(**changes: Any) -> Any:
    return change(healthy(), gpus__devices=(gpu(**changes),))


@pytest.mark.parametrize("name", FIELDS)
def test_a_card_without_such_a_thing_is_not_judged(name: str) -> None:
    """A GeForce has no ECC, a vGPU no PCIe link of its own."""
    not_applicable(name, with_gpu(**{FIELDS[name]: absent("NOT_SUPPORTED")}))


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("unread", [NOT_ASKED, failed("TIMEOUT")])
def test_what_was_not_read_is_not_passed(name: str, unread: Missing) -> None:
    skips(name, with_gpu(**{FIELDS[name]: unread}))


def test_gpu_fell_off_the_bus() -> None:
    machine = change(healthy(), gpus__devices=(gpu(0), gpu(1, lost="nvmlInit: GPU_IS_LOST")))
    finding = fires("gpu_lost", machine)
    assert finding.subject == "GPU 1" and "GPU_IS_LOST" in finding.message
    passes("gpu_lost", healthy())


def test_uncorrectable_errors_of_this_boot() -> None:
    finding = fires("ecc_uncorrectable", with_gpu(ecc_uncorrectable=3, ecc_uncorrectable_total=9))
    assert finding.severity == "error" and finding.message.startswith("3 ")


def test_errors_of_earlier_boots_were_dealt_with() -> None:
    passes("ecc_uncorrectable", with_gpu(ecc_uncorrectable=0, ecc_uncorrectable_total=9))


def test_row_waits_for_a_reset() -> None:
    assert fires("row_remap_pending", with_gpu(row_remap_pending=True)).severity == "warning"
    passes("row_remap_pending", with_gpu(row_remap_failed=True))


def test_no_spare_row_is_left() -> None:
    finding = fires("row_remap_failed", with_gpu(row_remap_failed=True))
    assert finding.severity == "error"
    assert finding.remedy is not None and finding.remedy.safety == "manual"
    passes("row_remap_failed", with_gpu(row_remap_pending=True))


@pytest.mark.parametrize(
    ("reasons", "word"),
    [
        (("hw_slowdown", "hw_thermal_slowdown"), "91 °C"),
        (("sw_power_cap", "hw_power_brake_slowdown"), "power brake"),
        (("hw_slowdown",), "hw_slowdown"),
        (("gpu_idle", "hw_slowdown", "hw_thermal_slowdown"), "too hot"),
    ],
)
def test_hardware_slows_the_gpu_down(reasons: tuple[str, ...], word: str) -> None:
    finding = fires("hardware_throttling", with_gpu(throttle_reasons=reasons, temperature_c=91))
    assert word in finding.message


@pytest.mark.parametrize(
    "reasons",
    [
        (),
        ("gpu_idle",),
        ("sw_power_cap",),
        ("sw_thermal_slowdown",),
        ("applications_clocks_setting", "sync_boost"),
        ("gpu_idle", "hw_slowdown"),  # while it changes its performance state
    ],
)
def test_how_a_healthy_gpu_works(reasons: tuple[str, ...]) -> None:
    passes("hardware_throttling", with_gpu(throttle_reasons=reasons, temperature_c=80))


def test_temperature_is_named_where_it_matters_and_is_known() -> None:
    brake = with_gpu(throttle_reasons=("hw_power_brake_slowdown",), temperature_c=40)
    assert "°C" not in fires("hardware_throttling", brake).message
    unread = with_gpu(throttle_reasons=("hw_thermal_slowdown",), temperature_c=NOT_ASKED)
    assert "°C" not in fires("hardware_throttling", unread).message


def test_eight_hot_gpus_share_one_finding() -> None:
    hot = tuple(gpu(i, throttle_reasons=("hw_thermal_slowdown",)) for i in range(8))
    finding = fires("hardware_throttling", change(healthy(), gpus__devices=hot))
    assert finding.subject == "GPU 0-7"


def test_server_card_with_half_its_lanes() -> None:
    finding = fires("pcie_width_degraded", with_gpu(pcie_width=8))
    assert finding.severity == "warning" and "8 lanes of 16" in finding.message


@pytest.mark.parametrize(("width", "severity"), [(8, "note"), (4, "warning"), (1, "warning")])
def test_desktop_boards_share_lanes_between_two_slots(width: int, severity: str) -> None:
    machine = with_gpu(name="NVIDIA GeForce RTX 4090", sm="8.9", pcie_width=width)
    assert fires("pcie_width_degraded", machine).severity == severity


def test_an_idle_link_lowers_its_speed_only() -> None:
    passes("pcie_width_degraded", with_gpu(pcie_gen=1))


def test_links_that_are_not_ours_to_judge() -> None:
    laptop = with_gpu(name="NVIDIA GeForce RTX 4070 Laptop GPU", sm="8.9", pcie_width=4)
    not_applicable("pcie_width_degraded", laptop)
    not_applicable("pcie_width_degraded", in_docker(gpus__devices=(gpu(pcie_width=8),)))
    not_applicable("pcie_width_degraded", with_gpu(pcie_width=0, pcie_width_max=0))


def test_a_gpu_known_by_the_bus_alone_gives_no_finding() -> None:
    on_bus = Gpu(index=0, name="NVIDIA H100 80GB HBM3", pci_id="10de:2330", sm="9.0")
    found = report(change(healthy(), gpus__devices=(on_bus,)), *FIELDS)
    assert not found.findings and not found.passed
