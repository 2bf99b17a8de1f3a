"""Ticks for tests that need no driver."""

from typing import Any

from envcheck.watch.tick import GpuTick, HostTick, MigTick, Overhead, ProcessTick, Tick, Unread

MISSING = Unread("NOT_SUPPORTED", "nvmlDeviceGetFanSpeed: NOT_SUPPORTED")
GIB = 1 << 30


def gpu(index: int = 0, **values: Any) -> GpuTick:
    """A healthy idle GPU, but for `values`."""
    every: dict[str, Any] = dict.fromkeys(GpuTick.__struct_fields__, MISSING)
    every |= {
        "index": index,
        "uuid": f"GPU-{index}",
        "name": "NVIDIA H100",
        "pci_bus_id": "0000:1b:00.0",
        "error": None,
        "utilization_percent": 0.0,
        "utilization_peak_percent": 0.0,
        "utilization_source": "samples",
        "utilization_coverage_ratio": 1.0,
        "utilization_samples_percent": (),
        "memory_total_bytes": 80 * GIB,
        "memory_used_bytes": GIB,
        "memory_free_bytes": 79 * GIB,
        "power_watts": 100.0,
        "power_peak_watts": 100.0,
        "power_source": "energy",
        "power_coverage_ratio": 1.0,
        "energy_joules": 1000.0,
        "temperature_celsius": 40,
        "throttle_reasons": (),
        "xids": (),
        "mig_devices": (),
    }
    return GpuTick(**{**every, **values})


def mig(index: int, **values: Any) -> MigTick:
    """An empty MIG instance, but for `values`."""
    every: dict[str, Any] = {
        "index": index,
        "uuid": f"MIG-{index}",
        "name": "NVIDIA H100 MIG 3g.40gb",
        "gpu_instance": index + 1,
        "compute_instance": 0,
        "memory_total_bytes": 40 * GIB,
        "memory_used_bytes": 0,
    }
    return MigTick(**{**every, **values})


def process(pid: int, gpu_index: int = 0, **values: Any) -> ProcessTick:
    """A compute process, but for `values`."""
    every: dict[str, Any] = dict.fromkeys(ProcessTick.__struct_fields__, MISSING)
    every |= {
        "pid": pid,
        "gpu_index": gpu_index,
        "gpu_instance": None,
        "compute_instance": None,
        "kind": "compute",
        "gpu_memory_bytes": GIB,
        "container": None,
        "pod": None,
    }
    return ProcessTick(**{**every, **values})


def tick(*gpus: GpuTick, seconds: float = 1.0, **values: Any) -> Tick:
    """A tick of these GPUs, but for `values`."""
    every: dict[str, Any] = {
        "timestamp": "2026-11-21T10:00:00.000Z",
        "interval_s": seconds,
        "driver_version": "580.65.06",
        "gpus": gpus,
        "processes": (),
        "processes_age_s": 0.0,
        "processes_unread": {},
        "health_age_s": 0.0,
        "host": HostTick(
            name="host",
            cpu_percent=1.0,
            cpu_count=2,
            memory_total_bytes=8 * GIB,
            memory_used_bytes=GIB,
        ),
        "overhead": Overhead(cpu_percent=0.5, nvml_calls_per_second=10.0, worker_restarts=0),
    }
    return Tick(**{**every, **values})
