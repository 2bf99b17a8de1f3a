"""Rules about WSL."""

from typing import Any

import pytest

from envcheck.facts import DkmsBuild, Environment, Gpus, Library, failed
from tests.rules.machine import change, fires, gpu, healthy, not_applicable, passes, report, skips
from tests.rules.places import in_wsl1, in_wsl2

LINUX = Library(
    "libcuda.so.1", "/usr/lib/x86_64-linux-gnu/libcuda.so.550.90.07", "ld.so.cache",
    version="550.90.07",
)  # fmt: skip
WINDOWS = Library("libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1.1", "ld.so.cache")
FOUR = Gpus(devices=tuple(gpu(index) for index in range(4)))


def test_a_linux_libcuda_is_loaded_in_wsl2() -> None:
    finding = fires("wsl1_or_linux_driver_in_wsl", in_wsl2(loader__libcuda=LINUX))
    assert LINUX.path in finding.message
    assert finding.remedy is not None
    assert f"dpkg -S {LINUX.path}" in finding.remedy.commands[0]
    machine = in_wsl2(loader__libcuda=LINUX, host__os_id="fedora")
    finding = fires("wsl1_or_linux_driver_in_wsl", machine)
    assert finding.remedy is not None and finding.remedy.commands == ()


def test_windows_driver_in_wsl2_is_silent() -> None:
    result = report(in_wsl2())
    assert [f.name for f in result.findings] == []
    assert not result.crashed and result.verdict == "fit"


@pytest.mark.parametrize(
    "left",
    [
        {"driver__dkms": (DkmsBuild("550.90.07", "", "added"),)},
        {"driver__dkms": (), "driver__module_built": True},
    ],
)
def test_a_linux_driver_without_its_libcuda_in_sight(left: dict[str, Any]) -> None:
    machine = in_wsl2(
        loader=failed("crashed"), driver__nvml="driver_not_loaded: nvmlInit_v2", **left
    )
    finding = fires("wsl1_or_linux_driver_in_wsl", machine)
    assert finding.remedy is not None and finding.remedy.commands == ()


def test_a_copy_that_is_not_loaded_does_no_harm() -> None:
    """Distributions' CUDA packages pull it in; the folder of WSL comes first."""
    passes("wsl1_or_linux_driver_in_wsl", in_wsl2(loader__libcuda_copies=(WINDOWS, LINUX)))


def test_a_compat_libcuda_is_another_checks() -> None:
    compat = Library("libcuda.so.1", "/usr/local/cuda-12.4/compat/libcuda.so.550.54.15")
    passes("wsl1_or_linux_driver_in_wsl", in_wsl2(loader__libcuda=compat))


def test_wsl1() -> None:
    assert fires("wsl1_or_linux_driver_in_wsl", in_wsl1()).severity == "error"
    for_cpu = in_wsl1(torch__cuda=None)
    assert fires("wsl1_or_linux_driver_in_wsl", for_cpu).severity == "warning"


def test_linux_is_meant_to_have_a_linux_driver() -> None:
    not_applicable("wsl1_or_linux_driver_in_wsl", healthy())
    not_applicable("wsl1_or_linux_driver_in_wsl", in_wsl2(container__runtime="docker"))


def test_nobody_asked_the_windows_driver() -> None:
    skips(
        "wsl1_or_linux_driver_in_wsl",
        in_wsl2(driver__nvml=failed("the probe crashed"), loader=failed("crashed")),
    )


def test_four_gpus_in_wsl2() -> None:
    finding = fires("wsl_gpu_count_limit", in_wsl2(gpus=FOUR))
    assert finding.remedy is not None
    assert finding.remedy.commands == ("export CUDA_VISIBLE_DEVICES=0,1,2",)


def test_three_of_four_are_shown() -> None:
    environment = Environment(variables={"CUDA_VISIBLE_DEVICES": "1,2,3"})
    passes("wsl_gpu_count_limit", in_wsl2(gpus=FOUR, environment=environment))


def test_four_gpus_outside_wsl() -> None:
    not_applicable("wsl_gpu_count_limit", change(healthy(), gpus=FOUR))
