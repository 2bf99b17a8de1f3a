"""Rules about Fabric Manager."""

import pytest

from envcheck.facts import NOT_ASKED, FabricManager, absent, blocked
from tests.rules.machine import change, fires, healthy, not_applicable, passes, report, skips
from tests.rules.places import in_docker, with_nvswitches

OUTSIDE = blocked("the machine's own processes cannot be seen from here")
NONE = absent("nv-fabricmanager is not installed")


def test_service_is_stopped() -> None:
    machine = with_nvswitches(
        driver__fabric_manager=FabricManager(4, "550.54.15", False, "in_progress")
    )
    finding = fires("fabric_manager_not_running", machine)
    assert finding.severity == "error"
    assert "4 NVSwitches" in finding.message and "in_progress" in finding.message
    assert finding.remedy is not None
    assert finding.remedy.commands[0] == "sudo systemctl enable nvidia-fabricmanager"


def test_service_is_not_installed() -> None:
    """On an A100 machine NVML has no word on the fabric."""
    machine = with_nvswitches(driver__fabric_manager=FabricManager(6, NONE, False, NOT_ASKED))
    finding = fires("fabric_manager_not_running", machine)
    assert finding.remedy is not None
    assert any("nvidia-fabricmanager-550=550.54.15-*" in c for c in finding.remedy.commands)


def test_host_of_a_virtual_machine_has_not_set_the_fabric_up() -> None:
    image = FabricManager(0, "535.54.03", False, "in_progress")
    finding = fires("fabric_manager_not_running", change(healthy(), driver__fabric_manager=image))
    assert finding.severity == "warning" and "host" in str(finding.remedy)
    assert finding.remedy is not None and finding.remedy.commands == ()


def test_container_sees_an_unfinished_fabric() -> None:
    finding = fires(
        "fabric_manager_not_running",
        in_docker(driver__fabric_manager=FabricManager(4, NONE, OUTSIDE, "not_started")),
    )
    assert finding.severity == "error"
    assert finding.remedy is not None and finding.remedy.commands == ()


@pytest.mark.parametrize(
    "manager",
    [
        FabricManager(4, "550.54.15", True, "completed"),
        FabricManager(4, "550.54.15", True, NOT_ASKED),
        FabricManager(4, NONE, False, "completed"),  # set up by a service virtual machine
        FabricManager(0, NONE, False, "completed"),  # one H200 of a virtual machine
    ],
)
def test_fabric_is_set_up(manager: FabricManager) -> None:
    passes("fabric_manager_not_running", with_nvswitches(driver__fabric_manager=manager))


def test_no_switch_needs_no_service() -> None:
    not_applicable("fabric_manager_not_running", healthy())
    not_applicable("fabric_manager_version_mismatch", healthy())


def test_container_of_an_a100_machine_cannot_tell() -> None:
    machine = in_docker(driver__fabric_manager=FabricManager(6, NONE, OUTSIDE, NOT_ASKED))
    not_applicable("fabric_manager_not_running", machine)


def test_versions_differ() -> None:
    machine = with_nvswitches(
        driver__fabric_manager=FabricManager(4, "550.90.07", False, "in_progress")
    )
    finding = fires("fabric_manager_version_mismatch", machine)
    assert "550.90.07" in finding.message and "550.54.15" in finding.message
    assert [f.name for f in report(machine).findings] == ["fabric_manager_version_mismatch"]


def test_an_image_with_another_version_on_a_host_that_has_its_own() -> None:
    manager = FabricManager(4, "535.54.03", OUTSIDE, "completed")
    not_applicable("fabric_manager_version_mismatch", in_docker(driver__fabric_manager=manager))


def test_a_version_that_is_not_known() -> None:
    name = "fabric_manager_version_mismatch"
    manager = FabricManager(4, NONE, True, "completed")
    not_applicable(name, with_nvswitches(driver__fabric_manager=manager))
    manager = FabricManager(4, blocked("no permission"), True, "completed")
    assert "permission" in skips(name, with_nvswitches(driver__fabric_manager=manager))
    assert "not asked" in skips(name, change(healthy(), driver__fabric_manager=NOT_ASKED))


def test_versions_are_the_same_and_the_service_is_stopped() -> None:
    machine = with_nvswitches(
        driver__fabric_manager=FabricManager(4, "550.54.15", False, "in_progress")
    )
    passes("fabric_manager_version_mismatch", machine)


def test_an_image_with_fabric_manager_on_a_machine_without_switches() -> None:
    not_applicable(
        "fabric_manager_version_mismatch",
        change(healthy(), driver__fabric_manager=FabricManager(0, "535.54.03", False, "completed")),
    )
