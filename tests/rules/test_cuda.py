"""Checks of CUDA toolkits and compilers: strict when something is compiled, quiet otherwise."""

from typing import Any

import msgspec
import pytest

from envcheck.facts import Compiler, Environment, Snapshot, Toolkit, absent, failed
from envcheck.facts.paths import replace
from envcheck.finding import ERROR, NOTE, WARNING, Finding
from tests.rules.machine import change, fires, gpu, healthy, not_applicable, passes, report, skips


def building(**by_path: Any) -> Snapshot:
    """The healthy machine on which something will be compiled, with changes."""
    return change(msgspec.structs.replace(healthy(), purpose="build"), **by_path)


def mended(machine: Snapshot, finding: Finding) -> Snapshot:
    """The machine with the remedy's effects."""
    assert finding.remedy and finding.remedy.effects
    for effect in finding.remedy.effects:
        machine = replace(machine, effect.path, effect.value)
    return machine


def test_a_healthy_machine_may_compile() -> None:
    result = report(building())
    assert [finding.name for finding in result.findings] == []


# ---- cuda_home_malformed ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "home",
    [
        ":/usr/local/cuda-12.1",
        "/usr/local/cuda-12.1:/usr/local/cuda-11.8",
        "cuda-12.1",
        "/usr/local/cuda-12.1/bin/nvcc",
    ],
)
def test_cuda_home_that_is_no_folder(home: str) -> None:
    assert fires("cuda_home_malformed", change(healthy(), cuda__home=home)).severity is WARNING
    machine = building(cuda__home=home)
    finding = fires("cuda_home_malformed", machine)
    assert finding.severity is ERROR and home in finding.message
    assert finding.remedy
    assert finding.remedy.commands[0] == "export CUDA_HOME=/usr/local/cuda-12.1"
    passes("cuda_home_malformed", mended(machine, finding))


def test_cuda_home_without_a_toolkit() -> None:
    gone: dict[str, Any] = {
        "cuda__home": "/opt/cuda-11.8",
        "cuda__toolkits": (),
        "cuda__nvcc_path": absent("/opt/cuda-11.8/bin/nvcc is not there"),
        "cuda__nvcc_version": absent("no nvcc"),
    }
    machine = building(**gone)
    finding = fires("cuda_home_malformed", machine)
    assert finding.severity is ERROR
    assert finding.remedy and finding.remedy.commands == ("unset CUDA_HOME",)
    not_applicable("cuda_home_malformed", mended(machine, finding))
    assert fires("cuda_home_malformed", change(healthy(), **gone)).severity is NOTE


def test_cuda_home_through_a_link_is_a_toolkit() -> None:
    passes(
        "cuda_home_malformed",
        building(
            cuda__home="/usr/local/cuda/",
            cuda__toolkits=(Toolkit("/usr/local/cuda-12.1", "12.1", "CUDA_HOME", True),),
        ),
    )


def test_cuda_home_that_is_not_set() -> None:
    not_applicable("cuda_home_malformed", building())


# ---- nvcc_toolkit_mismatch -------------------------------------------------------------------


def test_nvcc_of_another_major_version() -> None:
    other = {"cuda__nvcc_version": "11.8", "cuda__nvcc_path": "/usr/local/cuda-11.8/bin/nvcc"}
    machine = building(**other)
    finding = fires("nvcc_toolkit_mismatch", machine)
    assert finding.severity is ERROR
    assert "11.8" in finding.message and "12.1" in finding.message
    assert finding.remedy and finding.remedy.commands[0] == "export CUDA_HOME=/usr/local/cuda-12.1"
    passes("nvcc_toolkit_mismatch", mended(machine, finding))
    assert fires("nvcc_toolkit_mismatch", change(healthy(), **other)).severity is NOTE


def test_nvcc_of_another_minor_version_is_accepted() -> None:
    passes("nvcc_toolkit_mismatch", building(cuda__nvcc_version="12.4"))


def test_minor_versions_before_cuda_11_do_not_mix() -> None:
    machine = building(cuda__nvcc_version="10.1", torch__cuda="10.2")
    assert fires("nvcc_toolkit_mismatch", machine).severity is ERROR


def test_conda_installs_its_own_compiler() -> None:
    machine = building(
        cuda__nvcc_version="11.8",
        cuda__toolkits=(),
        python__manager="conda",
        python__prefix="/opt/conda/envs/a",
    )
    finding = fires("nvcc_toolkit_mismatch", machine)
    assert finding.remedy and finding.remedy.commands == (
        "conda install -p /opt/conda/envs/a -c nvidia cuda-toolkit=12.1",
    )


def test_torch_without_cuda_needs_no_nvcc() -> None:
    not_applicable("nvcc_toolkit_mismatch", building(torch__cuda=None))


def test_no_nvcc_cannot_mismatch() -> None:
    not_applicable("nvcc_toolkit_mismatch", building(cuda__nvcc_version=absent("no nvcc")))


# ---- nvcc_too_old_for_gpu --------------------------------------------------------------------

BLACKWELL = (gpu(0, name="NVIDIA GeForce RTX 5090", sm="12.0"),)


def test_nvcc_that_does_not_know_the_gpu() -> None:
    of_torch = {"torch__sass": ("sm_90", "sm_100", "sm_120")}
    machine = building(gpus__devices=BLACKWELL, cuda__nvcc_version="12.4", **of_torch)
    finding = fires("nvcc_too_old_for_gpu", machine)
    assert finding.severity is ERROR
    assert "sm_120" in finding.message and "12.8 or newer" in finding.message
    quiet = change(healthy(), gpus__devices=BLACKWELL, cuda__nvcc_version="12.4", **of_torch)
    assert fires("nvcc_too_old_for_gpu", quiet).severity is NOTE
    passes("nvcc_too_old_for_gpu", change(machine, cuda__nvcc_version="12.8"))


def test_nvcc_that_dropped_the_gpu() -> None:
    volta = (gpu(0, name="Tesla V100-SXM2-16GB", sm="7.0"),)
    machine = building(gpus__devices=volta, cuda__nvcc_version="13.0")
    assert "12.9 or older" in fires("nvcc_too_old_for_gpu", machine).message


def test_a_build_goes_no_further_than_torchs_own_code() -> None:
    """nvcc 12.4 compiles for sm_90, the newest this torch has, on a newer card too."""
    passes("nvcc_too_old_for_gpu", building(gpus__devices=BLACKWELL, cuda__nvcc_version="12.4"))


def test_who_names_the_architectures_is_not_corrected() -> None:
    not_applicable(
        "nvcc_too_old_for_gpu",
        building(
            gpus__devices=(gpu(0, sm="9.0"),),
            cuda__nvcc_version="11.0",
            environment=Environment(variables={"TORCH_CUDA_ARCH_LIST": "8.0+PTX"}),
        ),
    )


def test_a_gpu_without_compute_capability_is_not_judged() -> None:
    machine = building(gpus__devices=(gpu(0, sm=failed("NVML gave none")),))
    assert "NVML gave none" in skips("nvcc_too_old_for_gpu", machine)


# ---- host_compiler_too_new_for_nvcc ----------------------------------------------------------


def test_gcc_newer_than_nvcc_accepts() -> None:
    machine = building(cuda__host_compiler=Compiler("gcc", "13.2.0", "/usr/bin/g++"))
    finding = fires("host_compiler_too_new_for_nvcc", machine)
    assert finding.severity is ERROR
    assert "13.2.0" in finding.message and "gcc 12 at most" in finding.message
    assert finding.remedy and finding.remedy.commands[0] == "sudo apt-get install gcc-12 g++-12"


def test_gcc_of_the_newest_major_version_nvcc_accepts() -> None:
    passes(
        "host_compiler_too_new_for_nvcc",
        building(cuda__host_compiler=Compiler("gcc", "12.9.9", "/usr/bin/g++")),
    )


def test_clang_has_a_limit_of_its_own() -> None:
    clang = Compiler("clang", "16.0.0", "/usr/bin/clang++")
    finding = fires("host_compiler_too_new_for_nvcc", building(cuda__host_compiler=clang))
    assert "clang 15 at most" in finding.message


def test_no_compiler_helps_against_a_newer_glibc() -> None:
    finding = fires("host_compiler_too_new_for_nvcc", building(host__glibc="2.41"))
    assert "2.41" in finding.message and "2.40" in finding.message
    passes("host_compiler_too_new_for_nvcc", building(host__glibc="2.40"))


def test_compilers_do_not_matter_when_nothing_is_compiled() -> None:
    machine = change(healthy(), cuda__host_compiler=Compiler("gcc", "15.1.0"))
    not_applicable("host_compiler_too_new_for_nvcc", machine)


def test_limits_of_an_unknown_nvcc_are_not_guessed() -> None:
    machine = building(cuda__nvcc_version="99.0")
    assert "99.0" in skips("host_compiler_too_new_for_nvcc", machine)


# ---- nvcc_missing ----------------------------------------------------------------------------

NO_NVCC = {"cuda__nvcc_path": absent("no nvcc"), "cuda__nvcc_version": absent("no nvcc")}


def test_a_build_without_nvcc() -> None:
    machine = building(**NO_NVCC)
    finding = fires("nvcc_missing", machine)
    assert finding.severity is ERROR
    assert finding.remedy and finding.remedy.commands[0] == "export CUDA_HOME=/usr/local/cuda-12.1"
    passes("nvcc_missing", mended(machine, finding))


def test_running_needs_no_nvcc() -> None:
    not_applicable("nvcc_missing", change(healthy(), **NO_NVCC))


def test_a_cpu_build_is_extended_without_nvcc() -> None:
    not_applicable("nvcc_missing", building(torch__cuda=None, **NO_NVCC))


def test_an_unreadable_nvcc_is_not_a_missing_one() -> None:
    machine = building(cuda__nvcc_path=failed("no answer"), cuda__nvcc_version=failed("no answer"))
    assert "no answer" in skips("nvcc_missing", machine)
