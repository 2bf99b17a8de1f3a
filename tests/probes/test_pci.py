"""NVIDIA's devices on the PCI bus."""

from pathlib import Path

import pytest

from envcheck.facts import NOT_ASKED, Missing, Why, absent
from envcheck.probes.pci import PciDevice, read_pci
from tests.roots import DIRECTORY, HOSTILE, Content, Files, host_of, pci_device

KERNEL: dict[str, Content] = {"proc/sys/kernel/osrelease": "6.8.0-45-generic\n"}
PCI_IDS = (
    "# names\n10dd  Enterasys\n\t2330  Wrong\n10de  NVIDIA Corporation\n"
    "\t2330  GH100 [H100 SXM5 80GB]\n\t\t10de 16c1  A board\n\t22a3  GH100 [H100 NVSwitch]\n"
    "10df  Emulex\n\t2684  Wrong\nC 03  Display controller\n"
)


def pci(base: Path, *parts: Files) -> tuple[PciDevice, ...]:
    files = {name: content for part in (KERNEL, *parts) for name, content in part.items()}
    found = read_pci(host_of(base, files))
    assert not isinstance(found, Missing)
    return found


def test_gpus_and_switches_with_their_names(tmp_path: Path) -> None:
    found = pci(
        tmp_path,
        pci_device("0000:18:00.0", "2330"),
        pci_device("0000:05:00.0", "22a3", kind="0x068000", driver="nvidia-nvswitch"),
        pci_device("0000:41:00.0", "2684", kind="0x030000", driver=""),
        {"usr/share/misc/pci.ids": PCI_IDS},
    )
    assert found == (
        PciDevice(
            address="0000:05:00.0",
            pci_id="10de:22a3",
            kind="nvswitch",
            name="GH100 [H100 NVSwitch]",
            driver="nvidia-nvswitch",
        ),
        PciDevice(
            address="0000:18:00.0",
            pci_id="10de:2330",
            kind="gpu",
            name="GH100 [H100 SXM5 80GB]",
            driver="nvidia",
        ),
        PciDevice(
            address="0000:41:00.0",
            pci_id="10de:2684",
            kind="gpu",
            name=absent("no pci.ids names it"),
            driver=None,
        ),
    )


def test_other_functions_and_other_makers_are_left_out(tmp_path: Path) -> None:
    other = "sys/bus/pci/devices/0000:00:02.0"
    found = pci(
        tmp_path,
        pci_device("0000:01:00.1", "22ba", kind="0x040300", driver="snd_hda_intel"),
        {f"{other}/vendor": "0x8086\n", f"{other}/class": "0x030000\n", f"{other}/device": "0x1\n"},
        pci_device("0000:01:00.4", "20b0"),
        {"sys/bus/pci/devices/0000:01:00.4/physfn": DIRECTORY},
    )
    assert found == ()


def test_a_machine_without_a_pci_bus(tmp_path: Path) -> None:
    assert pci(tmp_path, {"sys/bus/cpu": DIRECTORY}) == ()


def test_nobody_can_look_without_sys(tmp_path: Path) -> None:
    hidden = read_pci(host_of(tmp_path / "a", KERNEL))
    assert isinstance(hidden, Missing)
    assert hidden.why is Why.ABSENT
    assert read_pci(host_of(tmp_path / "b", {"etc/hostname": "x"})) == NOT_ASKED


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("file", ["vendor", "device", "class"])
def test_a_hostile_device_is_none(tmp_path: Path, hostile: str, file: str) -> None:
    broken = pci_device("0000:02:00.0", "2330")
    broken[f"sys/bus/pci/devices/0000:02:00.0/{file}"] = HOSTILE[hostile]
    found = pci(tmp_path, broken, pci_device("0000:18:00.0", "2330"))
    assert [device.address for device in found] == ["0000:18:00.0"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_are_no_names(tmp_path: Path, hostile: str) -> None:
    device = pci_device("0000:18:00.0", "2330")
    (found,) = pci(tmp_path, device, {"usr/share/hwdata/pci.ids": HOSTILE[hostile]})
    assert found.name == absent("no pci.ids names it")
