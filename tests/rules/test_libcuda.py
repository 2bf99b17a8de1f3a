"""Checks of libcuda.so.1."""

import pytest

from envcheck.facts import Library, Snapshot, absent
from envcheck.finding import ERROR, WARNING
from tests.rules.machine import change, fires, gpu, healthy, not_applicable, passes, skips

COMPAT = "/usr/local/cuda-12.4/compat"
OWN = "/usr/lib/x86_64-linux-gnu"


def with_compat(compat: str, driver: str, name: str = "NVIDIA H100 80GB HBM3") -> Snapshot:
    """libcuda taken from a compat package of driver `compat`, on a machine with `driver`."""
    library = Library(
        "libcuda.so.1", f"{COMPAT}/libcuda.so.{compat}", "LD_LIBRARY_PATH", version=compat
    )
    own = Library("libcuda.so.1", f"{OWN}/libcuda.so.{driver}", "", version=driver)
    return change(
        healthy(),
        driver__version=driver,
        gpus__devices=(gpu(0, name=name),),
        loader__ld_library_path=("/usr/local/cuda/compat", "/opt/lib"),
        loader__libcuda=library,
        loader__libcuda_copies=(own, library),
    )


# ---- cuda_compat_shadow ----------------------------------------------------------------------


def test_a_compat_package_older_than_the_driver() -> None:
    finding = fires("cuda_compat_shadow", with_compat("550.54.15", "570.124.06"))
    assert finding.severity is ERROR
    assert "550.54.15" in finding.message and "570.124.06" in finding.message
    assert finding.remedy and finding.remedy.commands == ("export LD_LIBRARY_PATH=/opt/lib",)


def test_forward_compatibility_on_a_geforce() -> None:
    machine = with_compat("550.54.15", "535.104.05", "NVIDIA GeForce RTX 4090")
    finding = fires("cuda_compat_shadow", machine)
    assert finding.severity is ERROR
    assert "geforce" in finding.message


def test_forward_compatibility_on_a_driver_it_is_not_made_for() -> None:
    assert fires("cuda_compat_shadow", with_compat("550.54.15", "545.23.08")).severity is WARNING


def test_forward_compatibility_on_a_workstation_card_is_doubtful() -> None:
    machine = with_compat("550.54.15", "535.104.05", "NVIDIA RTX A6000")
    assert fires("cuda_compat_shadow", machine).severity is WARNING


def test_forward_compatibility_as_it_is_meant() -> None:
    passes("cuda_compat_shadow", with_compat("550.54.15", "535.104.05"))


def test_forward_compatibility_on_an_unknown_gpu_is_not_blamed() -> None:
    passes("cuda_compat_shadow", with_compat("550.54.15", "535.104.05", "NVIDIA Z999"))


def test_a_stub_in_the_place_of_libcuda() -> None:
    stub = Library("libcuda.so.1", "/usr/local/cuda-12.4/lib64/stubs/libcuda.so", "LD_LIBRARY_PATH")
    machine = change(
        healthy(),
        loader__libcuda=stub,
        loader__ld_library_path=("/usr/local/cuda/lib64/stubs",),
    )
    finding = fires("cuda_compat_shadow", machine)
    assert "stub" in finding.message
    assert finding.remedy and finding.remedy.commands == ("unset LD_LIBRARY_PATH",)


def test_an_old_copy_outside_a_compat_folder_shadows_too() -> None:
    old = Library(
        "libcuda.so.1", "/opt/driver/libcuda.so.470.57.02", "ld.so.cache", version="470.57.02"
    )
    finding = fires("cuda_compat_shadow", change(healthy(), loader__libcuda=old))
    assert finding.severity is ERROR
    assert finding.remedy and finding.remedy.safety == "manual"


def test_a_library_older_than_the_module_is_another_checks() -> None:
    old = Library("libcuda.so.1", f"{OWN}/libcuda.so.470.57.02", "ld.so.cache", version="470.57.02")
    machine = change(healthy(), loader__libcuda=old, loader__libcuda_copies=(old,))
    not_applicable("cuda_compat_shadow", machine)


def test_a_compat_library_of_unknown_version_is_not_judged() -> None:
    library = Library(
        "libcuda.so.1", f"{COMPAT}/libcuda.so.1.1", "ld.so.cache", version=absent("not in its name")
    )
    assert "not in its name" in skips(
        "cuda_compat_shadow", change(healthy(), loader__libcuda=library)
    )


# ---- libcuda_not_on_path ---------------------------------------------------------------------

WSL = Library("libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1")


def test_libcuda_lies_where_nobody_looks() -> None:
    machine = change(healthy(), loader__libcuda=absent("not found"), loader__libcuda_copies=(WSL,))
    finding = fires("libcuda_not_on_path", machine)
    assert "/usr/lib/wsl/lib/libcuda.so.1" in finding.message
    assert finding.remedy and finding.remedy.commands == (
        "echo /usr/lib/wsl/lib | sudo tee /etc/ld.so.conf.d/nvidia-libcuda.conf",
        "sudo ldconfig",
    )
    assert finding.remedy.effects
    passes("libcuda_not_on_path", change(machine, loader__libcuda=finding.remedy.effects[0].value))


@pytest.mark.parametrize("folder", [COMPAT, "/usr/local/cuda/lib64/stubs"])
def test_only_stand_ins_are_no_libcuda(folder: str) -> None:
    copies = (Library("libcuda.so.1", f"{folder}/libcuda.so"),)
    machine = change(healthy(), loader__libcuda=absent(), loader__libcuda_copies=copies)
    not_applicable("libcuda_not_on_path", machine)


def test_a_leftover_library_without_a_driver_is_no_matter() -> None:
    machine = change(
        healthy(),
        loader__libcuda=absent("not found"),
        loader__libcuda_copies=(WSL,),
        driver__nvml=absent("no driver"),
        driver__module_version=absent("no driver"),
    )
    not_applicable("libcuda_not_on_path", machine)
