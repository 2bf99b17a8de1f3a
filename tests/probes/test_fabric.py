"""Fabric Manager on NVSwitch machines."""

from pathlib import Path

import pytest

from envcheck.facts import NOT_ASKED, FabricManager, Missing, Why, absent
from envcheck.nvml.readings import Fabric, Inventory
from envcheck.probes.fabric import read_fabric_manager
from envcheck.probes.pci import PciDevice
from tests.probes.nvml_data import fabric, inventory, reading
from tests.roots import HOSTILE, Content, host_of

SWITCH = PciDevice(
    address="0000:05:00.0",
    pci_id="10de:22a3",
    kind="nvswitch",
    name=NOT_ASKED,
    driver="nvidia-nvswitch",
)
DPKG = (
    "Package: nvidia-fabricmanager-dev-535\nStatus: install ok installed\nVersion: 1.0.0-1\n\n"
    "Package: nvidia-fabricmanager-525\nStatus: deinstall ok config-files\nVersion: 525.1.1-1\n\n"
    "Package: nvidia-fabricmanager-535\nStatus: hold ok installed\nPriority: optional\n"
    "Version: 535.104.05-1\nDescription: x\n\nPackage: zsh\nVersion: 5.8\n"
)
MACHINE: dict[str, Content] = {
    "var/lib/dpkg/status": DPKG,
    "proc/1/comm": "systemd\n",
    "proc/2/comm": "kthreadd\n",
    "proc/4711/comm": "nv-fabricmanage\n",
    "proc/self/comm": "python3\n",
}


def manager(
    base: Path,
    changes: dict[str, Content | None] | None = None,
    nvml: object = None,
    switches: int = 4,
) -> FabricManager | Missing:
    files = {**MACHINE, **(changes or {})}
    host = host_of(base, {name: c for name, c in files.items() if c is not None})
    return read_fabric_manager(host, nvml, (SWITCH,) * switches)


def there(value: FabricManager | Missing) -> FabricManager:
    assert isinstance(value, FabricManager)
    return value


def test_running_with_its_version(tmp_path: Path) -> None:
    found = manager(tmp_path, nvml=inventory(reading(0, fabric=fabric("completed"))))
    assert found == FabricManager(4, "535.104.05", True, "completed")


def test_stopped(tmp_path: Path) -> None:
    assert there(manager(tmp_path, {"proc/4711/comm": "bash\n"})).running is False


@pytest.mark.parametrize("keeper", [None, "bash\n"])
def test_a_container_cannot_see_the_service(tmp_path: Path, keeper: str | None) -> None:
    found = there(manager(tmp_path, {"proc/2/comm": keeper, "proc/4711/comm": None}))
    assert isinstance(found.running, Missing)
    assert found.running.why is Why.BLOCKED


@pytest.mark.parametrize(
    ("package", "full", "version"),
    [
        ("nvidia-fabricmanager", "580.65.06-1", "580.65.06"),
        ("nvidia-fabricmanager-470", "1:470.82-0ubuntu1", "470.82"),
    ],
)
def test_package_names_old_and_new(tmp_path: Path, package: str, full: str, version: str) -> None:
    status = f"Package: {package}\nStatus: install ok installed\nVersion: {full}\n"
    assert there(manager(tmp_path, {"var/lib/dpkg/status": status})).version == version


def test_installed_without_a_package_and_not_installed(tmp_path: Path) -> None:
    other = there(
        manager(tmp_path / "rpm", {"var/lib/dpkg/status": None, "usr/bin/nv-fabricmanager": ""})
    )
    assert "does not name the package" in str(other.version)
    none = there(manager(tmp_path / "none", {"var/lib/dpkg/status": "Package: zsh\n"}))
    assert none.version == absent("nv-fabricmanager is not installed")


@pytest.mark.parametrize(
    ("fabrics", "state"),
    [
        ([fabric("completed"), fabric("in_progress")], "in_progress"),
        ([fabric("in_progress"), fabric("not_started"), fabric("completed")], "not_started"),
        ([fabric("completed"), fabric("completed", "UNKNOWN")], "completed: UNKNOWN"),
        ([fabric("not_supported"), fabric("completed")], "completed"),
    ],
)
def test_the_worst_state_counts(tmp_path: Path, fabrics: list[Fabric], state: str) -> None:
    nvml = inventory(*(reading(index, fabric=each) for index, each in enumerate(fabrics)))
    assert there(manager(tmp_path, nvml=nvml)).fabric_state == state


def test_a_virtual_machine_has_a_fabric_and_no_switch(tmp_path: Path) -> None:
    nvml = inventory(reading(0, fabric=fabric("completed")))
    found = there(manager(tmp_path, nvml=nvml, switches=0))
    assert (found.nvswitches, found.fabric_state) == (0, "completed")


@pytest.mark.parametrize("nvml", [None, inventory(reading(0)), inventory()])
def test_no_switch_and_no_fabric(tmp_path: Path, nvml: Inventory | None) -> None:
    assert manager(tmp_path, nvml=nvml, switches=0) == absent("no NVSwitch in this machine")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_files(tmp_path: Path, hostile: str) -> None:
    content = HOSTILE[hostile]
    changes = {"var/lib/dpkg/status": content, "proc/4711/comm": content}
    found = there(manager(tmp_path, dict(changes)))
    assert isinstance(found.version, Missing)
    assert found.running is False
