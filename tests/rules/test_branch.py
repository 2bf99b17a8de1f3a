"""Rules about which GPUs a driver branch and a kind of kernel module serve."""

import pytest

from envcheck.facts import NOT_ASKED, Gpu, Gpus, absent
from tests.rules.machine import change, fires, gpu, healthy, not_applicable, passes, report, skips
from tests.rules.places import in_docker, on_jetson, unloaded

K80 = gpu(name="Tesla K80", sm="3.7", pci_id="10de:102d")
V100 = gpu(name="Tesla V100-SXM2-16GB", sm="7.0", pci_id="10de:1db1")
RTX_5090 = gpu(name="NVIDIA GeForce RTX 5090", sm="12.0", pci_id="10de:2b85")
GH200 = gpu(name="NVIDIA GH200 480GB", sm="9.0", pci_id="10de:2342")


def test_v100_under_a_branch_after_the_last_one() -> None:
    machine = change(healthy(), gpus__devices=(V100,), driver__version="595.58.03")
    finding = fires("gpu_dropped_by_driver_branch", machine)
    assert finding.severity == "error"
    assert "V100" in finding.message and "580" in finding.message
    assert finding.remedy is not None and "580" in finding.remedy.text


def test_v100_under_its_last_branch() -> None:
    passes(
        "gpu_dropped_by_driver_branch",
        change(healthy(), gpus__devices=(V100,), driver__version="580.126.20"),
    )


def test_a_dropped_card_keeps_the_module_from_loading() -> None:
    """Nothing is loaded then: the libraries tell the branch."""
    machine = unloaded(gpus__devices=(K80,), driver__library_version="535.104.05")
    assert "470" in fires("gpu_dropped_by_driver_branch", machine).message


def test_an_old_display_card_beside_the_gpu_that_computes() -> None:
    machine = change(healthy(), gpus__devices=(gpu(0), gpu(1, name="Quadro K620", sm="5.0")),
                     driver__version="595.58.03")  # fmt: skip
    finding = fires("gpu_dropped_by_driver_branch", machine)
    assert (finding.severity, finding.subject) == ("warning", "GPU 1")


def test_a_gpu_for_each_kind_of_module() -> None:
    """One needs the open module, the other cannot use it."""
    machine = change(healthy(), gpus__devices=(RTX_5090, V100), driver__version="580.126.20")
    finding = fires("open_module_unsupported", machine)
    assert finding.severity == "warning" and finding.remedy is not None
    assert finding.remedy.text.startswith("No driver serves all")


def test_a_product_nobody_has_heard_of_is_judged_by_its_architecture() -> None:
    new = gpu(name="NVIDIA Quux 9000", sm="12.0", pci_id="10de:ffff")
    closed = change(healthy(), driver__module_flavor="proprietary")
    fires("open_module_required", change(closed, gpus__devices=(new,), driver__version="580.65.06"))
    unknown = gpu(name="NVIDIA Quux 9000", sm=NOT_ASKED, pci_id="10de:ffff")
    passes("open_module_required", change(closed, gpus__devices=(unknown,)))


def test_what_was_not_asked_is_not_passed() -> None:
    pasted = change(
        healthy(),
        driver__version=NOT_ASKED,
        driver__library_version=NOT_ASKED,
        driver__module_flavor=NOT_ASKED,
    )
    skips("gpu_dropped_by_driver_branch", pasted)
    skips("open_module_required", pasted)


def test_two_gpus_that_no_driver_serves_together() -> None:
    machine = change(healthy(), gpus__devices=(gpu(0), K80))
    finding = fires("gpu_dropped_by_driver_branch", machine)
    assert finding.remedy is not None and finding.remedy.safety == "manual"
    assert finding.remedy.text.startswith("No driver serves all")


def test_a_dropped_gpu_is_not_blamed_on_the_kind_of_module() -> None:
    machine = change(healthy(), gpus__devices=(K80,), driver__module_flavor="open")
    fires("gpu_dropped_by_driver_branch", machine)
    passes("open_module_unsupported", machine)


def test_blackwell_under_a_driver_from_before_it() -> None:
    machine = change(healthy(), gpus__devices=(RTX_5090,))
    finding = fires("gpu_too_new_for_driver", machine)
    assert "RTX 5090" in finding.message and "570" in finding.message
    passes("gpu_dropped_by_driver_branch", machine)


def test_blackwell_under_its_first_branch() -> None:
    passes(
        "gpu_too_new_for_driver",
        change(healthy(), gpus__devices=(RTX_5090,), driver__version="570.86.15"),
    )


def test_in_a_container_the_host_gets_the_driver() -> None:
    finding = fires("gpu_too_new_for_driver", in_docker(gpus__devices=(RTX_5090,)))
    assert finding.remedy is not None and finding.remedy.commands == ()


def test_a_jetson_has_no_branch() -> None:
    for name in ("gpu_too_new_for_driver", "gpu_dropped_by_driver_branch"):
        not_applicable(name, on_jetson())


def test_no_driver_has_no_branch() -> None:
    machine = unloaded(driver__library_version=absent("none"), gpus__devices=(K80,))
    not_applicable("gpu_dropped_by_driver_branch", machine)


def test_no_gpu_or_an_unknown_one() -> None:
    not_applicable("gpu_too_new_for_driver", change(healthy(), gpus=Gpus(devices=())))
    unknown = Gpus(devices=(Gpu(index=0, pci_id="10de:ffff"),))
    assert "not asked" in skips("gpu_too_new_for_driver", change(healthy(), gpus=unknown))


def test_blackwell_with_the_proprietary_module() -> None:
    machine = change(
        healthy(),
        gpus__devices=(RTX_5090,),
        driver__version="580.126.20",
        driver__module_flavor="proprietary",
    )
    finding = fires("open_module_required", machine)
    assert finding.remedy is not None
    assert any(effect.value == "open" for effect in finding.remedy.effects)
    assert "-open" in " ".join(finding.remedy.commands)


def test_grace_hopper_needs_it_and_a_plain_hopper_does_not() -> None:
    closed = change(healthy(), driver__module_flavor="proprietary")
    fires("open_module_required", change(closed, gpus__devices=(GH200,)))
    passes("open_module_required", closed)


def test_v100_with_the_open_module() -> None:
    machine = change(healthy(), gpus__devices=(V100,), driver__module_flavor="open")
    finding = fires("open_module_unsupported", machine)
    assert finding.remedy is not None
    assert "-open" not in " ".join(finding.remedy.commands)


def test_the_kind_of_module_is_named_where_no_command_can_be() -> None:
    machine = change(healthy(), gpus__devices=(V100,), host__os_id="gentoo")
    finding = fires("open_module_unsupported", machine)
    assert finding.remedy is not None and finding.remedy.commands == ()
    assert "proprietary" in finding.remedy.text


def test_turing_with_the_open_module() -> None:
    t4 = gpu(name="Tesla T4", sm="7.5", pci_id="10de:1eb8")
    passes("open_module_unsupported", change(healthy(), gpus__devices=(t4,)))


def test_no_module_is_loaded() -> None:
    not_applicable("open_module_required", unloaded(gpus__devices=(RTX_5090,)))
    not_applicable(
        "open_module_unsupported",
        change(healthy(), driver__module_flavor=absent("only sysfs tells of it")),
    )


@pytest.mark.parametrize(
    ("name", "sm", "cause"),
    [
        ("NVIDIA GeForce RTX 5090", "12.0", "gpu_too_new_for_driver"),
        ("Tesla V100-PCIE-32GB", "7.0", "open_module_unsupported"),
    ],
)
def test_a_card_the_driver_does_not_take_is_not_lost(name: str, sm: str, cause: str) -> None:
    silent = Gpu(index=1, name=name, sm=sm, lost="on the bus, not answering", hung=None)
    found = {f.name for f in report(change(healthy(), gpus__devices=(gpu(0), silent))).findings}
    assert cause in found and "gpu_lost" not in found
