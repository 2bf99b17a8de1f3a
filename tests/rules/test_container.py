"""Rules about containers."""

import pytest

from envcheck.facts import NOT_ASKED, DeviceNode, Gpus, absent
from tests.rules.machine import change, fires, healthy, not_applicable, passes, report, skips
from tests.rules.places import in_docker, on_jetson, without_gpu_in_docker

GPU_NODES = (DeviceNode("/dev/nvidiactl", True), DeviceNode("/dev/nvidia0", True))


# ---- container_without_gpu -------------------------------------------------------------------


def test_docker_without_gpus_all() -> None:
    finding = fires("container_without_gpu", without_gpu_in_docker())
    assert finding.severity == "error" and "docker" in finding.message
    assert finding.remedy is not None and "--gpus all" in finding.remedy.text


def test_nothing_tells_that_the_machine_has_a_gpu() -> None:
    machine = without_gpu_in_docker(
        gpus=Gpus(devices=()), driver__module_version=absent("no NVIDIA kernel module")
    )
    finding = fires("container_without_gpu", machine)
    assert finding.severity == "warning" and "does not show" in finding.message


def test_either_the_module_or_the_bus_tells_of_the_gpu() -> None:
    by_module = without_gpu_in_docker(gpus=Gpus(devices=()))
    by_bus = without_gpu_in_docker(driver__module_version=absent("hidden"))
    for machine in (by_module, by_bus, change(by_module, gpus=NOT_ASKED)):
        finding = fires("container_without_gpu", machine)
        assert finding.severity == "error" and "of this machine" in finding.message


def test_docker_in_wsl_with_the_gpu_and_an_nvml_that_fails() -> None:
    machine = in_docker(
        container__wsl=2, driver__device_nodes=(), driver__nvml="other: nvmlInit_v2: UNKNOWN"
    )
    passes("container_without_gpu", machine)


def test_libraries_without_a_version_are_libraries() -> None:
    machine = in_docker(
        driver__library_version=absent("libcuda.so.1.1 has no version in its name"),
        driver__nvml="other: nvmlInit_v2: UNKNOWN",
        driver__device_nodes=GPU_NODES,
    )
    passes("container_without_gpu", machine)


def test_driver_without_devices() -> None:
    """NVIDIA_VISIBLE_DEVICES=none: the libraries come in, no GPU does."""
    machine = in_docker(gpus=Gpus(devices=()), driver__device_nodes=GPU_NODES[:1])
    assert "a GPU under /dev" in fires("container_without_gpu", machine).message


def test_apptainer_without_nv_has_the_devices_only() -> None:
    machine = without_gpu_in_docker(container__runtime="apptainer", driver__device_nodes=GPU_NODES)
    finding = fires("container_without_gpu", machine)
    assert "libraries" in finding.message
    assert finding.remedy is not None and "--nv" in finding.remedy.text


def test_docker_in_wsl_without_gpus_all() -> None:
    machine = without_gpu_in_docker(
        container__wsl=2, gpus=Gpus(devices=()), driver__module_version=absent("none")
    )
    fires("container_without_gpu", machine)


def test_container_with_the_gpu() -> None:
    passes("container_without_gpu", in_docker())


def test_container_with_the_compute_capability_only_has_no_nvml() -> None:
    passes(
        "container_without_gpu",
        in_docker(
            driver__nvml="library_not_found: libnvidia-ml.so.1", driver__device_nodes=GPU_NODES
        ),
    )


def test_a_cpu_or_rocm_build_in_a_container_on_a_gpu_machine() -> None:
    not_applicable("container_without_gpu", without_gpu_in_docker(torch__cuda=None))
    not_applicable(
        "container_without_gpu", without_gpu_in_docker(torch__cuda=None, torch__hip="6.1")
    )


def test_no_container_or_an_image_that_does_not_run() -> None:
    not_applicable("container_without_gpu", healthy())
    not_applicable("container_without_gpu", on_jetson(container__runtime="docker"))
    skips(
        "container_without_gpu",
        without_gpu_in_docker(driver__device_nodes=NOT_ASKED, driver__nvml=NOT_ASKED),
    )


def test_healthy_container_is_silent_but_for_its_capabilities() -> None:
    result = report(in_docker(container__video_libraries=True))
    assert [f.name for f in result.findings] == [] and result.verdict == "fit"


# ---- container_without_video_capability ------------------------------------------------------


@pytest.mark.parametrize("capabilities", [None, "compute,utility"])
def test_default_capabilities_leave_video_out(capabilities: str | None) -> None:
    finding = fires(
        "container_without_video_capability",
        in_docker(container__driver_capabilities=capabilities, container__video_libraries=False),
    )
    assert finding.severity == "note"
    assert finding.remedy is not None and "video" in finding.remedy.text


@pytest.mark.parametrize("capabilities", ["all", "compute, video"])
def test_video_was_asked_for(capabilities: str) -> None:
    passes(
        "container_without_video_capability",
        in_docker(container__driver_capabilities=capabilities, container__video_libraries=False),
    )


def test_libraries_came_in_another_way() -> None:
    passes("container_without_video_capability", in_docker(container__video_libraries=True))


def test_capabilities_mean_nothing_here() -> None:
    name = "container_without_video_capability"
    not_applicable(name, change(healthy(), container__video_libraries=False))
    not_applicable(name, without_gpu_in_docker())
    not_applicable(
        name, in_docker(container__runtime="apptainer", container__video_libraries=False)
    )
