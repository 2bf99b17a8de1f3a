"""Rules about what keeps the NVIDIA kernel module from being loaded."""

from typing import Any

import pytest

from envcheck.facts import NOT_ASKED, DkmsBuild, Gpus, Snapshot, absent
from envcheck.facts.paths import replace
from envcheck.finding import Finding
from tests.rules.machine import change, fires, healthy, not_applicable, passes, report, skips
from tests.rules.places import in_docker, in_wsl2, on_jetson, unloaded

ADDED = (DkmsBuild("550.54.15", "", "added"),)
RULES = (
    "nouveau_loaded",
    "secure_boot_blocks_driver",
    "kernel_module_not_built",
    "kernel_headers_missing",
)


def mended(finding: Finding, snapshot: Snapshot) -> Snapshot:
    """The machine after the remedy, on paper."""
    assert finding.remedy and finding.remedy.effects
    for effect in finding.remedy.effects:
        snapshot = replace(snapshot, effect.path, effect.value)
    return snapshot


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("place", [in_docker, in_wsl2, on_jetson], ids=lambda place: place.__name__)
def test_the_module_is_somebody_elses(name: str, place: Any) -> None:
    """What the machine's own kernel would be blamed for says nothing here."""
    machine = place(
        driver__nouveau_loaded=True, host__secure_boot=True, driver__module_signed=False
    )
    not_applicable(name, machine)


@pytest.mark.parametrize("name", RULES)
def test_no_gpu_needs_no_module(name: str) -> None:
    not_applicable(name, unloaded(gpus=Gpus(devices=()), driver__nouveau_loaded=True))


@pytest.mark.parametrize("name", RULES)
def test_another_root_does_not_say_what_is_loaded(name: str) -> None:
    assert "not asked" in skips(name, change(healthy(), driver__module_version=NOT_ASKED,
                                             driver__nvml=NOT_ASKED))  # fmt: skip


def test_nouveau_holds_the_card_although_the_driver_is_built() -> None:
    machine = unloaded(driver__nouveau_loaded=True)
    finding = fires("nouveau_loaded", machine)
    assert finding.remedy is not None and finding.remedy.safety == "reboot"
    assert any("blacklist nouveau" in command for command in finding.remedy.commands)
    assert "sudo update-initramfs -u -k all" in finding.remedy.commands
    passes("nouveau_loaded", mended(finding, machine))


def test_nouveau_without_an_installed_driver_asks_for_one() -> None:
    machine = unloaded(
        driver__nouveau_loaded=True,
        driver__module_built=False,
        driver__library_version=absent("no libcuda.so.1"),
    )
    finding = fires("nouveau_loaded", machine)
    assert finding.remedy is not None
    assert any("apt-get install" in command for command in finding.remedy.commands)


def test_nouveau_has_nothing_to_do_with_it() -> None:
    passes("nouveau_loaded", unloaded())


def test_nouveau_drives_another_card_beside_the_nvidia_driver() -> None:
    passes("nouveau_loaded", change(healthy(), driver__nouveau_loaded=True))


def test_commands_are_printed_only_for_systems_they_work_on() -> None:
    finding = fires("nouveau_loaded", unloaded(driver__nouveau_loaded=True, host__os_id="nixos"))
    assert finding.remedy is not None
    assert finding.remedy.commands == () and finding.remedy.text


def test_secure_boot_refuses_an_unsigned_module() -> None:
    machine = unloaded(
        host__secure_boot=True,
        driver__module_signed=False,
        driver__dkms=(DkmsBuild("550.54.15", "5.15.0-105-generic", "installed"),),
    )
    finding = fires("secure_boot_blocks_driver", machine)
    assert finding.severity == "error" and "not signed" in finding.message
    assert finding.remedy is not None
    order = [
        word
        for command in finding.remedy.commands
        for word in ("--new-key", "dkms install", "mokutil --import", "sudo reboot")
        if word in command
    ]
    assert order == ["--new-key", "dkms install", "mokutil --import", "sudo reboot"]
    passes("secure_boot_blocks_driver", mended(finding, machine))


def test_an_unsigned_module_without_dkms_is_replaced_by_packages() -> None:
    finding = fires(
        "secure_boot_blocks_driver", unloaded(host__secure_boot=True, driver__module_signed=False)
    )
    assert finding.remedy is not None
    assert any("apt-get install" in command for command in finding.remedy.commands)


def test_secure_boot_may_not_know_the_key_of_a_signed_module() -> None:
    finding = fires("secure_boot_blocks_driver", unloaded(host__secure_boot=True))
    assert finding.severity == "warning" and "probably" in finding.message


def test_secure_boot_with_a_loaded_module_is_well() -> None:
    passes("secure_boot_blocks_driver", change(healthy(), host__secure_boot=True))


def test_secure_boot_is_not_blamed_for_what_nouveau_does() -> None:
    passes(
        "secure_boot_blocks_driver", unloaded(host__secure_boot=True, driver__nouveau_loaded=True)
    )


def test_secure_boot_is_not_blamed_for_a_module_that_is_not_there() -> None:
    passes(
        "secure_boot_blocks_driver",
        unloaded(host__secure_boot=True, driver__module_signed=False, driver__module_built=False),
    )


def test_unsigned_module_without_secure_boot() -> None:
    passes("secure_boot_blocks_driver", unloaded(driver__module_signed=False))


def test_module_of_another_kernel_only() -> None:
    machine = unloaded(
        driver__module_built=False,
        driver__dkms=(DkmsBuild("550.54.15", "5.15.0-101-generic", "installed"),),
    )
    finding = fires("kernel_module_not_built", machine)
    assert "5.15.0-105-generic" in finding.message
    assert any("5.15.0-101-generic installed" in item.value for item in finding.evidence)
    assert finding.remedy is not None and "sudo dkms autoinstall" in finding.remedy.commands
    passes("kernel_module_not_built", mended(finding, machine))
    passes("driver_not_loaded", mended(finding, machine))


def test_ready_made_module_of_another_kernel_needs_no_headers() -> None:
    machine = unloaded(driver__module_built=False, driver__headers=False, driver__dkms=())
    finding = fires("kernel_module_not_built", machine)
    assert finding.remedy is not None
    assert not any("dkms" in command for command in finding.remedy.commands)
    passes("kernel_headers_missing", machine)


def test_module_not_built_where_no_driver_is_installed() -> None:
    not_applicable(
        "kernel_module_not_built",
        unloaded(driver__module_built=False, driver__library_version=absent("none")),
    )


def test_module_is_built_and_only_not_loaded() -> None:
    passes("kernel_module_not_built", unloaded())


@pytest.mark.parametrize(("os_id", "version"), [("debian", "12"), ("ubuntu", "24.04")])
def test_headers_of_the_running_kernel_are_missing(os_id: str, version: str) -> None:
    machine = unloaded(
        driver__module_built=False,
        driver__headers=False,
        driver__dkms=ADDED,
        host__os_id=os_id,
        host__os_version=version,
    )
    finding = fires("kernel_headers_missing", machine)
    assert finding.remedy is not None
    assert "sudo apt-get install -y linux-headers-5.15.0-105-generic" in finding.remedy.commands
    passes("kernel_module_not_built", machine)  # one finding a cause
    after = mended(finding, machine)
    assert not {f.name for f in report(after).findings} & {*RULES, "driver_not_loaded"}


def test_headers_missing_while_the_module_is_there() -> None:
    passes("kernel_headers_missing", change(healthy(), driver__headers=False, driver__dkms=ADDED))
    passes("kernel_headers_missing", unloaded(driver__headers=False, driver__dkms=ADDED))
