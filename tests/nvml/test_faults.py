"""`read_inventory` on drivers and GPUs that fail, hang or crash the process."""

import sys
from pathlib import Path

import pytest

from envcheck.nvml.inventory import read_inventory
from envcheck.nvml.readings import GpuReading, Inventory, NvmlError, NvmlUnavailable
from tests.nvml.conftest import Fleet

GPU_IS_LOST, NO_PERMISSION = 15, 4
# A fifth of the time limit is one call's: long enough for a healthy call on a busy machine.
AMPLE_S = 2.0  # leaves time for what comes after the hang
SHORT_S = 1.0  # is used up to the end


def gpus(env: dict[str, str], timeout_s: float = 10) -> tuple[GpuReading, ...]:
    read = read_inventory(timeout_s, env=env)
    assert isinstance(read, Inventory), read
    return read.gpus


def unavailable(env: dict[str, str], timeout_s: float = 10) -> NvmlUnavailable:
    read = read_inventory(timeout_s, env=env)
    assert isinstance(read, NvmlUnavailable), read
    return read


@pytest.mark.parametrize(
    ("answer", "reason", "name"),
    [
        (18, "version_mismatch", "LIB_RM_VERSION_MISMATCH"),
        (9, "driver_not_loaded", "DRIVER_NOT_LOADED"),
        (4, "no_permission", "NO_PERMISSION"),
        (999, "other", "UNKNOWN"),
        (77, "other", "UNKNOWN"),
    ],
)
def test_nvml_will_not_start(simulated: Fleet, answer: int, reason: str, name: str) -> None:
    read = unavailable(simulated(1, init_return=answer))
    assert (read.reason, read.call) == (reason, "nvmlInit")
    assert name in read.detail


def test_no_library(tmp_path: Path) -> None:
    read = read_inventory(10, library_path=str(tmp_path / "absent.so"))
    assert isinstance(read, NvmlUnavailable)
    assert (read.reason, read.call) == ("library_not_found", "dlopen")


def test_a_library_that_is_no_library(tmp_path: Path) -> None:
    path = tmp_path / "libnvidia-ml.so.1"
    path.write_bytes(b"\x7fELF rubbish")
    read = read_inventory(10, library_path=str(path))
    assert isinstance(read, NvmlUnavailable)
    assert read.reason == "other"
    assert str(path) in read.detail


def test_library_by_path(simulated: Fleet, stub_library: Path) -> None:
    env = {**simulated(3), "LD_LIBRARY_PATH": ""}
    path = str(stub_library / "libnvidia-ml.so.1")
    read = read_inventory(10, library_path=path, env=env)
    assert isinstance(read, Inventory)
    assert (len(read.gpus), read.library_path) == (3, str(Path(path).resolve()))


def test_no_nvidia_ml_py(simulated: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    env = simulated(1)
    monkeypatch.setattr(
        sys, "path", [path for path in sys.path if not Path(path, "pynvml.py").exists()]
    )
    read = unavailable(env)
    assert read.reason == "other"
    assert "No module named 'pynvml'" in read.detail


def test_lost_gpu(simulated: Fleet) -> None:
    fault = {"gpu": 1, "fn": "*", "ret": GPU_IS_LOST}
    first, lost, third = gpus(simulated(3, faults=[fault]))
    assert first.fault is None
    assert third.fault is None
    assert lost.error is None
    assert lost.fault
    assert lost.fault.name == "GPU_IS_LOST"
    assert lost.name == NvmlError(GPU_IS_LOST, "GPU_IS_LOST", "nvmlDeviceGetName")


@pytest.mark.parametrize(
    ("code", "name"), [(NO_PERMISSION, "NO_PERMISSION"), (GPU_IS_LOST, "GPU_IS_LOST")]
)
def test_gpu_that_cannot_be_opened(simulated: Fleet, code: int, name: str) -> None:
    fault = {"gpu": 0, "fn": "nvmlDeviceGetHandle", "ret": code}
    closed, other = gpus(simulated(2, faults=[fault]))
    error = NvmlError(code, name, "nvmlDeviceGetHandleByIndex")
    assert closed.error == closed.fault == closed.uuid == closed.power_mw == error
    assert other.fault is None


def test_start_hangs(simulated: Fleet) -> None:
    read = unavailable(simulated(1, faults=[{"fn": "nvmlInit", "hang": True}]), 0.3)
    assert (read.reason, read.call) == ("hung", "nvmlInit")


def test_start_crashes(simulated: Fleet) -> None:
    read = unavailable(simulated(1, faults=[{"fn": "nvmlInit", "crash": True}]))
    assert (read.reason, read.call) == ("crashed", "nvmlInit")
    assert "SIGSEGV" in read.detail


def test_one_gpu_hangs_and_the_others_are_read(simulated: Fleet) -> None:
    fault = {"gpu": 1, "fn": "nvmlDeviceGetPowerUsage", "hang": True}
    first, hung, third = gpus(simulated(3, faults=[fault]), AMPLE_S)
    assert hung.error
    assert (hung.error.name, hung.error.call) == ("TIMEOUT", "nvmlDeviceGetPowerUsage")
    assert hung.name == "NVIDIA H100 80GB HBM3"  # read before the hang, and kept
    assert hung.power_mw == hung.temperature_c == hung.fault == hung.error
    for healthy in (first, third):
        assert healthy.error is None
        assert healthy.power_mw == 90_000


def test_gpu_that_hangs_when_opened(simulated: Fleet) -> None:
    fault = {"gpu": 0, "fn": "nvmlDeviceGetHandle", "hang": True}
    hung, healthy = gpus(simulated(2, faults=[fault]), AMPLE_S)
    assert hung.uuid == hung.error
    assert hung.error
    assert (hung.error.name, hung.error.call) == ("TIMEOUT", "nvmlDeviceGetHandleByIndex")
    assert healthy.fault is None


def test_more_gpus_hang_than_there_is_time_for(simulated: Fleet) -> None:
    fault = {"gpu": -1, "fn": "nvmlDeviceGetPowerUsage", "hang": True}
    read = gpus(simulated(16, faults=[fault]), SHORT_S)
    names = [gpu.error.name if gpu.error else "" for gpu in read]
    assert names[0] == "TIMEOUT"
    assert all(gpu.name == "NVIDIA H100 80GB HBM3" for gpu in read)
    last = read[-1].power_mw
    assert isinstance(last, NvmlError)
    assert (last.name, read[-1].error) == ("NOT_READ", None)  # not its fault, and not blamed


def test_hung_call_that_keeps_the_drivers_lock(simulated: Fleet) -> None:
    fault = {"gpu": 1, "fn": "nvmlDeviceGetPowerUsage", "wedge": True}
    first, wedged, third = gpus(simulated(3, faults=[fault]), SHORT_S)
    assert first.fault is None
    assert wedged.fault
    assert wedged.fault.call == "nvmlDeviceGetPowerUsage"
    assert third.name == "NVIDIA H100 80GB HBM3"
    assert isinstance(third.power_mw, NvmlError)
    assert (third.power_mw.name, third.power_mw.call) == ("NOT_READ", "nvmlInit")
    assert third.fault is None


def test_one_gpu_crashes_the_library(simulated: Fleet) -> None:
    fault = {"gpu": 0, "fn": "nvmlDeviceGetPowerUsage", "crash": True}
    crashed, other = gpus(simulated(2, faults=[fault]))
    error = NvmlError(-1, "CRASHED", "nvmlDeviceGetPowerUsage", "SIGSEGV")
    assert crashed.error == crashed.fault == crashed.power_mw == error
    assert crashed.name == "NVIDIA H100 80GB HBM3"
    assert other.power_mw == 90_000
