"""What several fields of a report say together; each beside a report that must stay silent."""

from tests.readers.test_reports import names
from tests.readers.texts import COLLECT_ENV, CPU_BUILD_ALONE, DETECTRON2, OLD

NOTHING = (
    COLLECT_ENV.replace("available: True", "available: False")
    .replace("535.183.01", "Could not collect")
    .replace("GPU 0: NVIDIA A100-SXM4-40GB\nGPU 1: NVIDIA A100-SXM4-40GB", "Could not collect")
)


def test_nvcc_answers_and_nvidia_smi_does_not() -> None:
    assert names(NOTHING) == {"driver_not_loaded", "no_gpu_on_this_machine"}
    without = NOTHING.replace("12.1.105", "No CUDA").replace("Could not collect\nGCC", "x\nGCC")
    assert "driver_not_loaded" not in names(without)


def test_a_container_without_a_gpu() -> None:
    assert "container_without_gpu" in names("$ docker run image python collect_env.py\n" + NOTHING)
    assert "container_without_gpu" not in names("$ docker run image collect_env\n" + COLLECT_ENV)


def test_a_cpu_build_that_nobody_asked_for() -> None:
    assert names(CPU_BUILD_ALONE) == set()
    assert names(CPU_BUILD_ALONE.replace("2.5.1+cpu", "2.5.1")) == {"no_gpu_on_this_machine"}
    mac = CPU_BUILD_ALONE.replace("2.5.1+cpu", "2.5.1").replace("Debian GNU/Linux 12", "macOS 14")
    assert names(mac) == set()


def test_detectron2_compiled_by_another_cuda() -> None:
    same = DETECTRON2.replace("arch flags            7.5", "arch flags            7.0")
    assert names(same) == set()
    minor = same.replace("CUDA 11.3", "CUDA 11.5")
    assert names(minor) == set()  # one major version shares a runtime
    other = same.replace("CUDA 11.3", "CUDA 10.2")
    assert names(other) == {"nvcc_toolkit_mismatch", "extension_built_for_other_cuda"}


def test_detectron2_compiled_without_cuda() -> None:
    text = DETECTRON2.replace("CUDA 11.3", "not available")
    text = "\n".join(line for line in text.splitlines() if "detectron2 arch flags" not in line)
    assert names(text) == {"extension_built_without_cuda"}


def test_architectures_of_cuobjdump_with_three_digits() -> None:
    text = DETECTRON2.replace("arch flags            7.5", "arch flags            1.2.0")
    text = text.replace("Tesla V100-SXM2-32GB (arch=7.0)", "NVIDIA GeForce RTX 5090 (arch=12.0)")
    assert "extension_arch_missing" not in names(text)


def test_a_release_too_old_to_be_known_holds_at_most_what_its_nvcc_knows() -> None:
    newer = OLD.replace("Tesla P100-PCIE-16GB", "NVIDIA GeForce RTX 3090").replace(
        "418.67", "460.80"
    )
    assert names(newer) == {"arch_not_in_build"}
    assert names(OLD.replace("418.67", "460.80")) == set()


def test_mkl_of_conda_beside_conda_torch() -> None:
    text = (
        OLD.replace("418.67", "460.80") + "[conda] mkl    2024.2.2    h7e4bfe2_15    conda-forge\n"
    )
    assert names(text) == {"mkl_too_new"}
    assert names(text.replace("2024.2.2 ", "2023.1.0 ")) == set()
