"""Ticks from the simulated driver."""

import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from envcheck.watch.tick import Unread, decode, encode
from tests.nvmlstub import FLEET_8, build_stub
from tests.watch.conftest import Open

H100 = "NVIDIA H100 80GB HBM3"
GIB = 1 << 30


@pytest.mark.parametrize("count", [1, 2, 8, 16])
def test_any_number_of_gpus(opened: Open, count: int) -> None:
    tick = opened(count).tick()
    assert [gpu.index for gpu in tick.gpus] == list(range(count))
    assert {gpu.name for gpu in tick.gpus} == {H100}
    assert len({gpu.uuid for gpu in tick.gpus}) == count
    assert not any(gpu.error for gpu in tick.gpus)


def test_equal_to_its_json(opened: Open) -> None:
    tick = opened(2, faults=[{"gpu": 1, "fn": "*", "ret": 15}]).tick()
    assert decode(encode(tick)) == tick


def test_values_with_their_units(opened: Open) -> None:
    described = {
        "util": 70, "mem_util": 30, "mem_used_mib": 2048, "power_w": 250, "power_limit_w": 400,
        "temp_c": 55, "sm_mhz": 1500, "mem_mhz": 2000, "enc": 12, "dec": 7, "fan_pct": 40,
        "pstate": 2, "throttle": 4 + 64, "ecc_corrected": 5, "ecc_uncorrected": 1,
        "remap_correctable": 0, "remap_pending": 1, "pcie_gen": 4, "pcie_width": 8,
    }  # fmt: skip
    (gpu,) = opened([described]).tick().gpus
    assert (gpu.utilization_percent, gpu.utilization_peak_percent) == (70, 70)
    assert (gpu.utilization_source, gpu.utilization_coverage_ratio) == ("samples", 1.0)
    assert gpu.memory_utilization_percent == 30
    assert gpu.memory_used_bytes == 2 * GIB
    assert (gpu.power_watts, gpu.power_limit_watts) == (250, 400)
    assert (gpu.temperature_celsius, gpu.fan_percent, gpu.performance_state) == (55, 40, 2)
    assert (gpu.sm_clock_mhz, gpu.memory_clock_mhz) == (1500, 2000)
    assert (gpu.encoder_percent, gpu.decoder_percent) == (12, 7)
    assert gpu.throttle_reasons == ("sw_power_cap", "hw_thermal_slowdown")
    assert (gpu.ecc_corrected, gpu.ecc_uncorrected, gpu.remapping_pending) == (5, 1, True)
    assert (gpu.pcie_gen, gpu.pcie_width) == (4, 8)


def test_timestamp_is_now_in_utc(opened: Open) -> None:
    stamp = datetime.fromisoformat(opened().tick().timestamp.replace("Z", "+00:00"))
    assert abs(datetime.now(timezone.utc) - stamp) < timedelta(minutes=1)


def test_short_bursts_are_not_lost(opened: Open) -> None:
    burst = json.loads(FLEET_8.read_text())["gpus"][1]  # 0.4 s in every 10
    (gpu,) = opened([burst], sampler={"interval_s": 10.0}).tick().gpus
    assert gpu.utilization_percent == pytest.approx(4.0, abs=0.5)
    assert gpu.utilization_peak_percent == 100
    assert gpu.utilization_coverage_ratio == 1.0


def test_ring_of_the_time_since_the_last_tick(opened: Open) -> None:
    """A ring deeper than the pause gives each sample once."""
    wave = {"util": {"wave": "sine", "min": 0, "max": 100, "period_s": 1}}
    sampler = opened([wave], sampler={"interval_s": 0.2}, util_period_ms=1, util_samples=4000)
    first, second = sampler.tick().gpus[0], sampler.tick().gpus[0]
    assert first.utilization_coverage_ratio == 1.0
    assert len(first.utilization_samples_percent) == 200
    assert second.utilization_coverage_ratio == 1.0
    assert 0 < len(second.utilization_samples_percent) < 4000


def test_energy_counter_gives_the_mean_power(opened: Open) -> None:
    sampler = opened([{"power_w": 300, "na": ["power"]}])
    first, second = sampler.tick().gpus[0], sampler.tick().gpus[0]
    assert first.power_source == "samples"
    assert (second.power_source, second.power_coverage_ratio) == ("energy", 1.0)
    # The counter has steps of a millijoule, and the ticks are milliseconds apart.
    assert second.power_watts == pytest.approx(300, rel=0.2)


def test_traffic_from_counters_and_never_by_the_slow_call(opened: Open) -> None:
    described = {"pcie_rx_kib": 2048, "pcie_tx_kib": 1024, "nvlinks": 18, "nvlink_tx_kib": 4096}
    slow = {"gpu": -1, "fn": "nvmlDeviceGetPcieThroughput", "hang": True}
    sampler = opened([described], faults=[slow])
    (first,), last = sampler.tick().gpus, sampler.tick()
    (second,) = last.gpus
    assert last.overhead.worker_restarts == 0
    assert isinstance(first.pcie_tx_bytes_per_second, Unread)
    # The ticks are milliseconds apart, and the counter of the links counts KiB.
    assert second.pcie_tx_bytes_per_second == pytest.approx(1024 * 1024, rel=0.2)
    assert second.pcie_rx_bytes_per_second == pytest.approx(2048 * 1024, rel=0.2)
    assert second.nvlink_tx_bytes_per_second == pytest.approx(4096 * 1024, rel=0.3)


def test_without_rings_the_rate_stands_in(opened: Open) -> None:
    fault = {"gpu": 0, "fn": "nvmlDeviceGetSamples", "ret": 3}
    (gpu,) = opened([{"util": 60, "mem_util": 20}], faults=[fault]).tick().gpus
    assert (gpu.utilization_percent, gpu.utilization_source) == (60, "rate")
    assert gpu.memory_utilization_percent == 20
    assert gpu.utilization_coverage_ratio == pytest.approx(1 / 6, abs=0.001)


def test_older_driver_lacks_functions(opened: Open, stub_library: Path) -> None:
    hidden = [
        "nvmlDeviceGetSamples", "nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetFieldValues",
        "nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetComputeRunningProcesses_v3",
        "nvmlDeviceGetTemperatureV", "nvmlDeviceGetCurrentClocksEventReasons",
        "nvmlEventSetCreate", "nvmlDeviceGetProcessUtilization",
    ]  # fmt: skip
    gpu_given = {"util": 33, "power_w": 120, "procs": [{"pid": os.getpid(), "mem_mib": 100}]}
    tick = opened([gpu_given], library=build_stub(hide=hidden)).tick()
    (gpu,) = tick.gpus
    assert gpu.error is None
    assert (gpu.utilization_percent, gpu.power_watts, gpu.power_source) == (33, 120, "rate")
    assert gpu.temperature_celsius == 35
    assert gpu.throttle_reasons == ()
    assert gpu.memory_reserved_bytes == Unread("NOT_SUPPORTED", "this driver counts it as used")
    for missing in (gpu.energy_joules, gpu.pcie_tx_bytes_per_second, gpu.xids):
        assert isinstance(missing, Unread)
        assert missing.error == "FUNCTION_NOT_FOUND"
    (process,) = tick.processes
    assert process.gpu_memory_bytes == 100 << 20
    assert isinstance(process.sm_percent, Unread)


def test_processes(opened: Open) -> None:
    mine = {"pid": os.getpid(), "mem_mib": 1024, "sm": 40, "fb": 10}
    drawing = {"pid": os.getpid(), "type": "G", "mem_mib": 8}
    tick = opened([{"procs": [mine, drawing]}, {}]).tick()
    compute, graphics = tick.processes
    assert (compute.kind, graphics.kind) == ("compute", "graphics")
    assert (compute.gpu_index, compute.pid) == (0, os.getpid())
    assert compute.gpu_memory_bytes == GIB
    assert (compute.sm_percent, compute.gpu_memory_percent) == (40, 10)
    assert "python" in str(compute.command)
    assert isinstance(compute.rss_bytes, int)
    assert tick.processes_unread == {}


def test_processes_and_health_are_read_slowly(opened: Open) -> None:
    sampler = opened([{"procs": [{"pid": os.getpid()}]}])
    first, second = sampler.tick(), sampler.tick()
    assert (first.processes_age_s, first.health_age_s) == (0, 0)
    assert second.processes_age_s > 0
    assert second.health_age_s > 0
    assert second.processes == first.processes
    assert second.gpus[0].power_limit_watts == first.gpus[0].power_limit_watts


def test_process_that_is_not_here(opened: Open) -> None:
    tick = opened([{"procs": [{"pid": 2**22 + 1, "mem_mib": 5}]}]).tick()
    (process,) = tick.processes
    assert process.gpu_memory_bytes == 5 << 20
    assert isinstance(process.command, Unread)
    assert process.command.error in ("NOT_FOUND", "NOT_VISIBLE")
    assert str(2**22 + 1) in process.command.reason


def test_refused_processes_name_the_reason(opened: Open) -> None:
    fault = {"gpu": 1, "fn": "nvmlDeviceGetComputeRunningProcesses_v3", "ret": 4}
    tick = opened(2, faults=[fault]).tick()
    assert tick.processes == ()
    assert tick.processes_unread == {
        1: Unread("NO_PERMISSION", "nvmlDeviceGetComputeRunningProcesses_v3: NO_PERMISSION")
    }


def test_mig(opened: Open) -> None:
    parent: dict[str, Any] = {
        "mig": [{"gi": 1, "ci": 0, "mem_used_mib": 3072}, {"gi": 2, "ci": 0}],
        "procs": [{"pid": os.getpid(), "gi": 1, "ci": 0}],
    }
    tick = opened([parent]).tick()
    (gpu,) = tick.gpus
    assert isinstance(gpu.utilization_percent, Unread)
    assert gpu.utilization_percent.error == "NOT_SUPPORTED"
    assert isinstance(gpu.mig_devices, tuple)
    first, second = gpu.mig_devices
    assert str(first.uuid).startswith("MIG-")
    assert first.uuid != second.uuid
    assert (first.gpu_instance, first.memory_used_bytes) == (1, 3 * GIB)
    assert tick.processes[0].gpu_instance == 1


def test_xid_is_reported_once(opened: Open) -> None:
    sampler = opened(2, xids=[{"gpu": 1, "at_s": 0, "xid": 79}])
    first, second = sampler.tick(), sampler.tick()
    assert [gpu.xids for gpu in first.gpus] == [(), (79,)]
    assert [gpu.xids for gpu in second.gpus] == [(), ()]


@pytest.mark.parametrize(
    "select", [("2",), ("GPU-51a0b002-5717-4562-b3fc-2c963f660000",), ("00000000:3B:00.0",)]
)
def test_chosen_by_index_uuid_or_address(opened: Open, select: tuple[str, ...]) -> None:
    tick = opened(4, sampler={"select": select}).tick()
    assert [gpu.index for gpu in tick.gpus] == [2]


def test_own_cost_is_shown(opened: Open) -> None:
    sampler = opened(8)
    first, second = sampler.tick(), sampler.tick()
    assert isinstance(first.overhead.cpu_percent, Unread)
    assert isinstance(second.overhead.cpu_percent, float)
    assert isinstance(second.overhead.nvml_calls_per_second, float)
    assert second.overhead.nvml_calls_per_second > 0
    assert second.overhead.worker_restarts == 0
