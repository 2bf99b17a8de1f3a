"""torch against the GPUs: each check on a machine where it fires and on the nearest where not."""

import msgspec
import pytest

from envcheck.facts import (
    CodeLibrary,
    Environment,
    Pin,
    Snapshot,
    absent,
    blocked,
    failed,
)
from envcheck.finding import ERROR, WARNING
from tests.rules.machine import change, fires, gpu, healthy, not_applicable, passes, report, skips

AMPERE_ON = ("sm_80", "sm_86", "sm_90")


def gpus(*sms: str) -> Snapshot:
    devices = tuple(gpu(i, sm=sm, name=f"Card {sm}") for i, sm in enumerate(sms))
    return change(healthy(), gpus__devices=devices)


def test_torch_missing_names_the_interpreter_and_installs_what_fits() -> None:
    bare = msgspec.structs.replace(healthy(), torch=absent("not installed"))
    found = fires("torch_missing", bare)
    assert found.severity is WARNING and "/venv/bin/python" in found.message
    assert found.remedy and found.remedy.commands[0].startswith("/venv/bin/python -m pip install")
    passes("torch_missing", healthy())


def test_torch_that_could_not_be_read_is_not_missing() -> None:
    broken = msgspec.structs.replace(healthy(), torch=blocked("permission denied"))
    assert "permission denied" in skips("torch_missing", broken)


def test_torch_broken() -> None:
    half = change(healthy(), torch__broken="/venv/torch/_C*.so is not there")
    found = fires("torch_broken", half)
    assert found.remedy and "torch==2.4.0" in found.remedy.commands[0]
    passes("torch_broken", healthy())


@pytest.mark.parametrize(
    ("sass", "sm"),
    [
        (AMPERE_ON, "7.5"),  # older than the oldest
        (AMPERE_ON, "12.0"),  # newer major
        (("sm_86",), "8.0"),  # same major, but the code is for a higher minor
        (("sm_90a",), "10.0"),
        ((), "9.0"),
    ],
)
def test_arch_not_in_build(sass: tuple[str, ...], sm: str) -> None:
    machine = change(gpus(sm), torch__sass=sass, torch__ptx=())
    found = fires("arch_not_in_build", machine)
    assert found.severity is ERROR and f"sm_{sm.replace('.', '')}" in found.message


@pytest.mark.parametrize(
    ("sass", "ptx", "sm"),
    [
        (AMPERE_ON, (), "8.9"),  # Ada runs sm_86 code
        (("sm_60",), (), "6.1"),
        (("sm_90a",), (), "9.0"),
        (("sm_90",), ("compute_90",), "12.0"),  # PTX is compiled for newer ones
    ],
)
def test_arch_that_runs_is_silent(sass: tuple[str, ...], ptx: tuple[str, ...], sm: str) -> None:
    passes("arch_not_in_build", change(gpus(sm), torch__sass=sass, torch__ptx=ptx))


def test_arch_not_in_build_is_a_warning_when_another_gpu_can() -> None:
    found = fires("arch_not_in_build", gpus("9.0", "3.5", "3.5"))
    assert found.severity is WARNING and found.subject == "GPU 1-2"


def test_arch_not_in_build_looks_at_visible_gpus_only() -> None:
    hidden = change(
        gpus("9.0", "3.5"), environment=Environment(variables={"CUDA_VISIBLE_DEVICES": "0"})
    )
    passes("arch_not_in_build", hidden)


def test_arch_not_in_build_does_not_guess() -> None:
    assert "garbage" in skips("arch_not_in_build", change(healthy(), torch__sass=failed("garbage")))
    not_applicable("arch_not_in_build", change(healthy(), torch__cuda=None, torch__hip="6.2"))
    not_applicable("arch_not_in_build", change(healthy(), gpus__devices=()))


def test_cpu_only_build() -> None:
    cpu = change(healthy(), torch__version="2.4.0+cpu", torch__cuda=None)
    found = fires("cpu_only_build", cpu)
    assert found.remedy and "/whl/cu" in found.remedy.commands[0]
    passes("cpu_only_build", healthy())
    passes("cpu_only_build", change(cpu, torch__hip="6.2"))  # ROCm is fine
    not_applicable("cpu_only_build", change(cpu, gpus__devices=()))
    # a container that only sees its host's card on the bus was not given it
    inside = change(cpu, container__runtime="docker")
    fires("cpu_only_build", inside)
    not_applicable("cpu_only_build", change(inside, driver__nvml="library_not_found: none"))


def test_library_without_arch() -> None:
    linalg = CodeLibrary("libtorch_cuda_linalg.so", 100, AMPERE_ON)
    main = CodeLibrary("libtorch_cuda.so", 400, ("sm_75", *AMPERE_ON))
    machine = change(
        gpus("7.5"), torch__sass=("sm_75", *AMPERE_ON), torch__libraries=(main, linalg)
    )
    found = fires("library_without_arch", machine)
    assert found.severity is WARNING and "libtorch_cuda_linalg.so" in found.message
    passes("library_without_arch", change(machine, gpus__devices=(gpu(sm="8.6"),)))


def test_library_without_arch_leaves_a_gpu_torch_itself_cannot_run_to_its_own_check() -> None:
    linalg = CodeLibrary("libtorch_cuda_linalg.so", 100, AMPERE_ON)
    passes("library_without_arch", change(gpus("3.5"), torch__libraries=(linalg,)))


def test_torch_pins_violated() -> None:
    pins = (
        Pin("nvidia-cudnn-cu12", "==9.1.0.70", "8.9.2.26"),
        Pin("triton", "==3.0.0", None),
        Pin("nvidia-nccl-cu12", "==2.20.5", "2.20.5"),
    )
    found = fires("torch_pins_violated", change(healthy(), torch__pins=pins))
    assert "8.9.2.26" in found.message and "nccl" not in found.message
    assert found.remedy and "nvidia-cudnn-cu12==9.1.0.70 triton==3.0.0" in found.remedy.commands[0]
    passes("torch_pins_violated", healthy())


def test_torch_pins_violated_reads_specifiers_not_text() -> None:
    pins = (Pin("nvidia-cudnn-cu12", ">=9.1,<10", "9.5"), Pin("triton", "nonsense", "1"))
    passes("torch_pins_violated", change(healthy(), torch__pins=pins))
    not_applicable("torch_pins_violated", change(healthy(), torch__cuda=None))


def test_the_effects_of_a_mend_cure_the_finding() -> None:
    """A remedy states what it does to the Snapshot; applied there, the finding is gone."""
    from envcheck.facts.paths import replace

    old = change(gpus("12.0"), driver__version="580.95.05", driver__cuda="13.0")
    remedy = fires("arch_not_in_build", old).remedy
    assert remedy is not None and remedy.effects
    for effect in remedy.effects:
        old = replace(old, effect.path, effect.value)
    passes("arch_not_in_build", old)
    assert not report(old, "driver_too_old").findings
