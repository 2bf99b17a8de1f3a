"""One fault costs one cell, or one GPU, and says why; the rest goes on."""

import pytest

from envcheck.nvml.readings import NvmlError
from envcheck.watch.sample import Sampler
from envcheck.watch.tick import GpuTick, Unread
from tests.watch.conftest import Fleet, Open

QUICK = {"stall_s": 0.3}
IS_LOST = Unread("GPU_IS_LOST", "nvmlDeviceGetUUID: GPU_IS_LOST")


def healthy(gpu: GpuTick) -> bool:
    return gpu.error is None and gpu.temperature_celsius == 35 and gpu.power_watts == 90


@pytest.mark.parametrize(
    ("code", "name"), [(3, "NOT_SUPPORTED"), (4, "NO_PERMISSION"), (999, "UNKNOWN")]
)
def test_one_refused_field(opened: Open, code: int, name: str) -> None:
    fault = {"gpu": 1, "fn": "nvmlDeviceGetTemperatureV", "ret": code}
    first, second = opened(2, faults=[fault]).tick().gpus
    assert healthy(first)
    reason = f"nvmlDeviceGetTemperatureV: {name}"
    assert second.temperature_celsius == Unread(name, reason)
    assert (second.error, second.power_watts) == (None, 90)


def test_lost_gpu(opened: Open) -> None:
    fault = {"gpu": 0, "fn": "*", "ret": 15}
    lost, other = opened(2, faults=[fault]).tick().gpus
    assert lost.error is not None
    assert lost.error.error == "GPU_IS_LOST"
    assert lost.uuid == IS_LOST
    assert healthy(other)


def test_gpu_lost_while_watching_keeps_its_name(opened: Open) -> None:
    fault = {"gpu": 0, "fn": "*", "ret": 15, "after_s": 0.2}
    sampler = opened(1, faults=[fault])
    before = after = sampler.tick().gpus[0]
    for _ in range(100_000):
        after = sampler.tick().gpus[0]
        if after.error:
            break
    after = sampler.tick().gpus[0]  # the GPU may have been lost in the middle of a tick
    assert before.error is None
    assert after.error is not None
    assert (after.name, after.uuid) == (before.name, before.uuid)
    assert after.temperature_celsius == Unread(
        "GPU_IS_LOST", "nvmlDeviceGetTemperatureV: GPU_IS_LOST"
    )


@pytest.mark.parametrize("code", [4, 15])
def test_gpu_that_cannot_be_opened(opened: Open, code: int) -> None:
    fault = {"gpu": 0, "fn": "nvmlDeviceGetHandle", "ret": code}
    closed, other = opened(2, faults=[fault]).tick().gpus
    assert closed.error is not None
    assert closed.error.reason.startswith("nvmlDeviceGetHandleByIndex: ")
    assert closed.temperature_celsius == closed.error
    assert healthy(other)


def test_hung_call_costs_its_cell_only(opened: Open) -> None:
    fault = {"gpu": 1, "fn": "nvmlDeviceGetTemperatureV", "hang": True}
    sampler = opened(3, faults=[fault], sampler=QUICK)
    first, hung, third = sampler.tick().gpus
    assert healthy(first)
    assert healthy(third)
    assert isinstance(hung.temperature_celsius, Unread)
    assert hung.temperature_celsius.error == "TIMEOUT"
    assert "nvmlDeviceGetTemperatureV" in hung.temperature_celsius.reason
    assert (hung.error, hung.power_watts) == (None, 90)
    assert sampler.session.troubled
    again = sampler.tick()  # the call is not made again
    assert again.overhead.worker_restarts == 1


def test_two_hung_calls_and_the_gpu_is_left_alone(opened: Open) -> None:
    faults = [
        {"gpu": 0, "fn": "nvmlDeviceGetTemperatureV", "hang": True},
        {"gpu": 0, "fn": "nvmlDeviceGetClockInfo", "hang": True},
    ]
    sampler = opened(2, faults=faults, sampler=QUICK)
    hung, other = sampler.tick().gpus
    assert hung.error is not None
    assert hung.error.error == "TIMEOUT"
    assert healthy(other)


def test_crash_costs_its_cell_only(opened: Open) -> None:
    fault = {"gpu": 0, "fn": "nvmlDeviceGetTemperatureV", "crash": True}
    sampler = opened(2, faults=[fault])
    crashed, other = sampler.tick().gpus
    assert isinstance(crashed.temperature_celsius, Unread)
    assert (crashed.error, crashed.power_watts) == (None, 90)
    assert healthy(other)


def test_driver_that_does_not_come_back(opened: Open) -> None:
    """A hung call may keep the driver's lock: then nothing can be read, and it is said."""
    fault = {"gpu": 1, "fn": "nvmlDeviceGetTemperatureV", "wedge": True, "after_s": 0.3}
    sampler = opened(2, faults=[fault], sampler={**QUICK, "open_s": 0.4})
    before = after = sampler.tick().gpus
    for _ in range(100_000):
        after = sampler.tick().gpus
        if any(gpu.error for gpu in after):
            break
    assert all(healthy(gpu) for gpu in before)
    for was, now in zip(before, after, strict=True):
        assert now.error is not None
        assert "NVML did not start again" in now.error.reason
        assert (now.name, now.uuid) == (was.name, was.uuid)


def test_wrong_nvml_version_is_a_missing_function(opened: Open) -> None:
    fault = {"gpu": 0, "fn": "nvmlDeviceGetMemoryInfo_v2", "ret": 25}
    (gpu,) = opened([{"mem_used_mib": 1024}], faults=[fault]).tick().gpus
    assert isinstance(gpu.memory_used_bytes, int)


def test_no_library(tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = str(tmp_path_factory.mktemp("empty"))
    sampler = Sampler(env={"LD_LIBRARY_PATH": empty, "PATH": "/usr/bin"})
    opened_as = sampler.open()
    sampler.close()
    assert type(opened_as).__name__ == "NvmlUnavailable"


def test_no_gpus(simulated: Fleet) -> None:
    sampler = Sampler(env=simulated(0))
    sampler.open()
    assert sampler.tick().gpus == ()
    sampler.close()


def test_broken_worker_is_an_error_and_no_endless_loop(opened: Open) -> None:
    sampler = opened(1)
    answer = sampler.session.ask("no such operation", dict, None)
    assert isinstance(answer, NvmlError)
