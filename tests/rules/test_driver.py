"""Rules about the driver itself: loaded, whole, new enough, answering, reachable."""

import pytest

from envcheck.facts import NOT_ASKED, DeviceNode, DkmsBuild, Gpus, absent
from tests.rules.machine import change, fires, gpu, healthy, not_applicable, passes, report, skips
from tests.rules.places import in_docker, in_wsl2, on_jetson, unloaded, without_gpu_in_docker

CTL, UVM, GPU0, GPU1 = "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia0", "/dev/nvidia1"


def nodes(**usable: bool) -> tuple[DeviceNode, ...]:
    paths = {"ctl": CTL, "uvm": UVM, "gpu0": GPU0, "gpu1": GPU1}
    return tuple(DeviceNode(paths[name], value) for name, value in usable.items())


# ---- driver_not_loaded -----------------------------------------------------------------------


def test_no_driver_is_installed() -> None:
    machine = unloaded(
        driver__library_version=absent("none"),
        driver__module_built=False,
        driver__nvml="library_not_found: libnvidia-ml.so.1",
    )
    finding = fires("driver_not_loaded", machine)
    assert "H100" in finding.message and "none is installed" in finding.message
    assert finding.remedy is not None
    assert any("apt-get install" in command for command in finding.remedy.commands)


def test_installed_driver_is_loaded_by_hand() -> None:
    finding = fires("driver_not_loaded", unloaded())
    assert finding.remedy is not None
    assert finding.remedy.commands[0] == "sudo modprobe nvidia"


def test_the_umbrella_names_the_cause_and_leaves_the_commands_to_it() -> None:
    machine = unloaded(
        driver__module_built=False,
        driver__headers=False,
        driver__dkms=(DkmsBuild("550.54.15", "", "added"),),
    )
    finding = fires("driver_not_loaded", machine)
    assert "headers" in finding.message
    assert finding.remedy is not None and finding.remedy.commands == ()
    assert "kernel_headers_missing" in finding.remedy.text
    assert "kernel_headers_missing" in {f.name for f in report(machine).findings}


def test_driver_is_loaded() -> None:
    passes("driver_not_loaded", healthy())


def test_driver_is_loaded_and_nvml_fails() -> None:
    passes("driver_not_loaded", change(healthy(), driver__nvml="version_mismatch: nvmlInit_v2"))


def test_gpu_of_an_architecture_nobody_has_heard_of() -> None:
    fires("driver_not_loaded", unloaded(gpus__devices=(gpu(name="NVIDIA Quux 9000", sm="42.0"),)))


def test_nvml_answers_although_proc_hides_the_module() -> None:
    passes("driver_not_loaded", unloaded(driver__nvml="ok"))


def test_sources_of_dkms_alone_are_a_driver() -> None:
    machine = unloaded(
        driver__library_version=absent("none"),
        driver__dkms=(DkmsBuild("550.54.15", "5.15.0-105-generic", "installed"),),
    )
    finding = fires("driver_not_loaded", machine)
    assert "it is installed" in finding.message


def test_an_unsigned_module_is_no_matter_without_secure_boot() -> None:
    finding = fires("driver_not_loaded", unloaded(driver__module_signed=False))
    assert "Secure Boot" not in finding.message
    refused = unloaded(driver__module_signed=False, host__secure_boot=True)
    assert "Secure Boot" in fires("driver_not_loaded", refused).message


@pytest.mark.parametrize("machine", [without_gpu_in_docker(), in_wsl2(), on_jetson()])
def test_driver_is_not_this_systems(machine: object) -> None:
    not_applicable("driver_not_loaded", machine)  # type: ignore[arg-type]


def test_no_gpu_needs_no_driver() -> None:
    not_applicable("driver_not_loaded", unloaded(gpus=Gpus(devices=())))


def test_another_root_does_not_say_whether_it_is_loaded() -> None:
    skips("driver_not_loaded", unloaded(driver__module_version=NOT_ASKED, driver__nvml=NOT_ASKED))


# ---- driver_too_old --------------------------------------------------------------------------


def test_driver_is_below_the_floor_of_the_major_version() -> None:
    finding = fires("driver_too_old", change(healthy(), driver__version="470.256.02"))
    assert "470.256.02" in finding.message and "525.60.13" in finding.message


def test_minor_version_compatibility_is_no_fault() -> None:
    passes("driver_too_old", change(healthy(), driver__version="525.60.13"))


def test_a_windows_driver_is_measured_by_windows_numbers() -> None:
    """527.41 is CUDA 12.0's own driver in Windows; 525.60.13 is Linux' number for it."""
    finding = fires("driver_too_old", in_wsl2(driver__version="526.98"))
    assert finding.remedy is not None
    assert "Windows" in finding.remedy.text and finding.remedy.commands == ()
    passes("driver_too_old", in_wsl2())
    fires("driver_too_old", change(healthy(), host__platform="windows", driver__version="526.98"))
    passes("driver_too_old", change(healthy(), driver__version="526.98"))


def test_in_a_container_the_host_gets_the_driver() -> None:
    finding = fires("driver_too_old", in_docker(driver__version="470.256.02"))
    assert finding.remedy is not None
    assert finding.remedy.commands == () and "host" in finding.remedy.text


def test_a_cpu_build_needs_no_driver() -> None:
    not_applicable(
        "driver_too_old", change(healthy(), torch__cuda=None, driver__version="470.256.02")
    )
    not_applicable("driver_too_old", on_jetson(driver__version="470.256.02"))
    not_applicable(
        "driver_too_old", change(healthy(), gpus__devices=(), driver__version="470.256.02")
    )


# ---- driver_library_mismatch -----------------------------------------------------------------


def test_libraries_were_updated_under_the_loaded_module() -> None:
    machine = change(
        healthy(),
        driver__library_version="550.90.07",
        driver__nvml="version_mismatch: nvmlInit_v2: LIB_RM_VERSION_MISMATCH",
    )
    finding = fires("driver_library_mismatch", machine)
    assert "550.54.15" in finding.message and "550.90.07" in finding.message


@pytest.mark.parametrize("library", ["550.54.15", absent("no libcuda.so.1")])
def test_nvml_fails_for_another_reason(library: object) -> None:
    machine = change(
        healthy(), driver__library_version=library, driver__nvml="no_permission: nvmlInit_v2"
    )
    passes("driver_library_mismatch", machine)


def test_a_second_copy_of_the_libraries_that_is_not_used() -> None:
    passes("driver_library_mismatch", change(healthy(), driver__library_version="535.183.01"))


def test_without_a_module_nothing_differs() -> None:
    not_applicable("driver_library_mismatch", unloaded())
    not_applicable("driver_library_mismatch", on_jetson(driver__module_version="540.3.0"))


# ---- driver_hangs ----------------------------------------------------------------------------


def test_nvml_does_not_come_back() -> None:
    finding = fires("driver_hangs", change(healthy(), driver__nvml="hung: no answer for 8 s"))
    assert "8 s" in finding.message
    assert finding.remedy is not None and finding.remedy.safety == "reboot"


def test_one_gpu_hangs() -> None:
    machine = change(
        healthy(), gpus__devices=(gpu(0), gpu(1, hung="nvmlDeviceGetTemperature"), gpu(2))
    )
    finding = fires("driver_hangs", machine)
    assert finding.subject == "GPU 1" and "nvmlDeviceGetTemperature" in finding.message


def test_a_driver_that_refuses_does_not_hang() -> None:
    passes("driver_hangs", unloaded())


# ---- device_nodes_unusable -------------------------------------------------------------------


def test_nodes_are_closed_to_this_user() -> None:
    machine = change(
        healthy(),
        driver__device_nodes=nodes(ctl=False, uvm=False, gpu0=False),
        driver__nvml="no_permission: nvmlInit_v2: NO_PERMISSION",
    )
    finding = fires("device_nodes_unusable", machine)
    assert CTL in finding.message
    assert finding.remedy is not None and "usermod" in finding.remedy.commands[0]


def test_uvm_alone_is_closed() -> None:
    machine = change(healthy(), driver__device_nodes=nodes(ctl=True, uvm=False, gpu0=True))
    assert UVM in fires("device_nodes_unusable", machine).message


def test_every_gpu_is_closed() -> None:
    closed = nodes(ctl=True, uvm=True, gpu0=False, gpu1=False)
    finding = fires("device_nodes_unusable", change(healthy(), driver__device_nodes=closed))
    assert GPU0 in finding.message
    (item,) = (item for item in finding.evidence if item.what == "driver.device_nodes")
    assert f"{GPU0} (closed)" in item.value and f"{CTL} (closed)" not in item.value


def test_container_lost_its_device_cgroup() -> None:
    machine = in_docker(
        driver__device_nodes=nodes(ctl=False, uvm=False, gpu0=False),
        driver__nvml="other: nvmlInit_v2: UNKNOWN",
    )
    finding = fires("device_nodes_unusable", machine)
    assert finding.remedy is not None and finding.remedy.commands == ()
    passes("container_without_gpu", machine)


def test_nodes_were_never_made() -> None:
    machine = change(
        healthy(), driver__device_nodes=(), driver__nvml="driver_not_loaded: nvmlInit_v2"
    )
    finding = fires("device_nodes_unusable", machine)
    assert finding.remedy is not None
    assert "sudo apt-get install -y nvidia-modprobe" in finding.remedy.commands


def test_a_gpu_given_to_another_job_is_closed() -> None:
    passes(
        "device_nodes_unusable",
        change(healthy(), driver__device_nodes=nodes(ctl=True, uvm=True, gpu0=False, gpu1=True)),
    )


def test_uvm_is_made_on_first_use() -> None:
    passes("device_nodes_unusable", healthy())


@pytest.mark.parametrize(
    "nvml", ["ok", "version_mismatch: x", "hung: x", "library_not_found: libnvidia-ml.so.1"]
)
def test_missing_nodes_are_not_the_cause(nvml: str) -> None:
    passes("device_nodes_unusable", change(healthy(), driver__device_nodes=(), driver__nvml=nvml))


def test_nodes_are_there_and_nvml_fails() -> None:
    there = nodes(ctl=True, gpu0=True)
    machine = change(healthy(), driver__device_nodes=there, driver__nvml="other: nvmlInit_v2")
    passes("device_nodes_unusable", machine)


def test_a_container_without_nodes_was_given_none() -> None:
    passes("device_nodes_unusable", without_gpu_in_docker(driver__nvml="driver_not_loaded: x"))


@pytest.mark.parametrize(
    "machine",
    [
        unloaded(),
        in_wsl2(driver__module_version="550.54.15", driver__nvml="other: x"),
        on_jetson(driver__module_version="540.4.0"),
        change(healthy(), gpus__devices=(), driver__device_nodes=(), driver__nvml="other: x"),
    ],
)
def test_nodes_are_not_expected(machine: object) -> None:
    not_applicable("device_nodes_unusable", machine)  # type: ignore[arg-type]
