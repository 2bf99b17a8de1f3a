"""Rules about which GPUs there are and which a process may use."""

import pytest

from envcheck.facts import NOT_ASKED, Environment, Gpu, Gpus, MigInstance, Missing, Snapshot, absent
from tests.rules.machine import change, fires, gpu, healthy, not_applicable, passes, skips
from tests.rules.places import in_docker, in_wsl2, on_jetson, without_gpu_in_docker

NO_GPU = Gpus(devices=())
EIGHT = Gpus(devices=tuple(gpu(index) for index in range(8)))
MIG = MigInstance("MIG-5e1b7a2c-0000-5000-8000-000000000001", "3g.40gb")


def showing(value: str, gpus: Gpus = EIGHT) -> Snapshot:
    return change(
        healthy(), environment=Environment(variables={"CUDA_VISIBLE_DEVICES": value}), gpus=gpus
    )


# ---- no_gpu_on_this_machine ------------------------------------------------------------------


def test_a_cuda_build_on_a_machine_without_a_gpu() -> None:
    assert fires("no_gpu_on_this_machine", change(healthy(), gpus=NO_GPU)).severity == "warning"


def test_a_cpu_build_is_meant_for_it() -> None:
    finding = fires("no_gpu_on_this_machine", change(healthy(), gpus=NO_GPU, torch__cuda=None))
    assert finding.severity == "note"


def test_wsl_whose_windows_has_no_driver() -> None:
    finding = fires("no_gpu_on_this_machine", in_wsl2(gpus=NO_GPU))
    assert finding.remedy is not None and "Windows" in finding.remedy.text


def test_a_rocm_build_wants_another_makers_gpu() -> None:
    machine = change(healthy(), gpus=NO_GPU, torch__cuda=None, torch__hip="6.1")
    not_applicable("no_gpu_on_this_machine", machine)
    machine = change(healthy(), gpus=NO_GPU, torch__cuda=None, torch__xpu="20250101")
    not_applicable("no_gpu_on_this_machine", machine)


@pytest.mark.parametrize("place", [in_docker, without_gpu_in_docker, on_jetson])
def test_other_checks_say_it(place: object) -> None:
    not_applicable("no_gpu_on_this_machine", place(gpus=NO_GPU))  # type: ignore[operator]


def test_wsl1_is_said_by_another_check() -> None:
    not_applicable("no_gpu_on_this_machine", in_wsl2(gpus=NO_GPU, container__wsl=1))


def test_a_machine_with_a_gpu() -> None:
    passes("no_gpu_on_this_machine", healthy())


# ---- cuda_visible_devices_hides_gpus ---------------------------------------------------------


@pytest.mark.parametrize("value", ["", "-1", "NoDevFiles", "-1,0"])
def test_every_gpu_is_hidden_on_purpose(value: str) -> None:
    assert fires("cuda_visible_devices_hides_gpus", showing(value)).severity == "warning"


@pytest.mark.parametrize("value", ["8", "GPU-ffff", "cuda:0", "MIG-5e1b7a2c"])
def test_the_only_entry_names_no_gpu(value: str) -> None:
    finding = fires("cuda_visible_devices_hides_gpus", showing(value))
    assert finding.severity == "error" and value in finding.message
    assert finding.remedy is not None
    assert finding.remedy.commands == ("unset CUDA_VISIBLE_DEVICES",)


def test_the_list_ends_at_an_entry_that_names_no_gpu() -> None:
    finding = fires("cuda_visible_devices_hides_gpus", showing("0,1,12,2"))
    assert finding.severity == "warning"
    assert "'12'" in finding.message and "after GPU 1" in finding.message


def test_a_gpu_named_twice_hides_all() -> None:
    finding = fires("cuda_visible_devices_hides_gpus", showing("3,3"))
    assert finding.severity == "error" and "twice" in finding.message


@pytest.mark.parametrize("value", ["0", "7,0", "2,-1,3", "GPU-00000003", "0, 1", "0,"])
def test_choosing_some_is_what_it_is_for(value: str) -> None:
    passes("cuda_visible_devices_hides_gpus", showing(value))


def test_a_mig_instance_that_is_there() -> None:
    with_mig = Gpus(devices=(gpu(mig_enabled=True, mig_instances=(MIG,)),))
    passes("cuda_visible_devices_hides_gpus", showing(MIG.uuid, with_mig))


@pytest.mark.parametrize("value", ["GPU-00000000", "MIG-5e1b7a2c"])
def test_a_uuid_where_nvml_told_none(value: str) -> None:
    on_bus = Gpus(devices=(Gpu(index=0, pci_id="10de:2330", sm="9.0"),))
    skips("cuda_visible_devices_hides_gpus", showing(value, on_bus))


def test_nothing_to_hide() -> None:
    not_applicable("cuda_visible_devices_hides_gpus", showing("-1", NO_GPU))
    passes("cuda_visible_devices_hides_gpus", healthy())


# ---- mig_without_instance --------------------------------------------------------------------


def test_mig_is_on_and_nobody_made_an_instance() -> None:
    empty = Gpus(devices=tuple(gpu(index, mig_enabled=True) for index in range(2)))
    finding = fires("mig_without_instance", change(healthy(), gpus=empty))
    assert (finding.severity, finding.subject) == ("error", "GPU 0, 1")
    assert finding.remedy is not None
    assert finding.remedy.commands == ("sudo nvidia-smi mig -i 0,1 -cgi 0 -C",)


def test_the_other_gpus_can_be_used() -> None:
    mixed = Gpus(devices=(gpu(0), gpu(1, mig_enabled=True)))
    finding = fires("mig_without_instance", change(healthy(), gpus=mixed))
    assert (finding.severity, finding.subject) == ("warning", "GPU 1")


def test_a_container_cannot_make_instances() -> None:
    finding = fires("mig_without_instance", in_docker(gpus__devices=(gpu(mig_enabled=True),)))
    assert finding.remedy is not None and finding.remedy.commands == ()


def test_mig_with_an_instance_or_switched_off() -> None:
    with_mig = gpu(mig_enabled=True, mig_instances=(MIG,))
    passes("mig_without_instance", change(healthy(), gpus__devices=(with_mig, gpu(1))))


@pytest.mark.parametrize("unread", [NOT_ASKED, absent("NOT_SUPPORTED")])
def test_mig_nobody_told_of(unread: Missing) -> None:
    skips("mig_without_instance", change(healthy(), gpus__devices=(gpu(mig_enabled=unread),)))


def test_no_gpu_has_no_mig() -> None:
    not_applicable("mig_without_instance", change(healthy(), gpus=NO_GPU))
