"""Readings of one GPU → its `GpuTick`. Pure, but for the memory of the tick before."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from envcheck.nvml.readings import NvmlError, throttle_names
from envcheck.nvml.signals import Counter, Fast, MigUse, Ring, Slow, Watched
from envcheck.watch.tick import FIRST, GpuTick, MigTick, Source, Unread
from envcheck.watch.window import Window, per_second, rate_coverage, window

T = TypeVar("T")
U = TypeVar("U")

_GONE = {"GPU_IS_LOST", "RESET_REQUIRED"}
_BACK = Unread("NOT_READ", "the counter went back: the driver was reloaded, or it wrapped")
_NOT_ASKED = NvmlError(-2, "NOT_READ", "", "not asked yet")
_KIB = 1024


@functools.lru_cache(maxsize=4096)
def unread(error: NvmlError) -> Unread:
    """An NVML error as a cell shows it."""
    return Unread(error.name, str(error))


def cell(value: "T | NvmlError") -> "T | Unread":
    return unread(value) if isinstance(value, NvmlError) else value


class GpuSeries:
    """One GPU over time: what the next reading is compared with."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.since: dict[str, int] = {"utilization": 0, "memory_utilization": 0, "power": 0}
        self.processes_since = 0
        self._at_s: float | None = None
        self._slow: Slow | None = None
        self._counters: dict[str, Counter] = {}

    def wanted(self, processes: bool) -> dict[str, object]:
        """What the worker has to know to give only what is new."""
        since = self.processes_since if processes else None
        return {"since": self.since, "processes_since": since}

    def tick(
        self,
        watched: Watched | NvmlError,
        at_s: float,
        look_back_s: float,
        xids: tuple[int, ...] | Unread,
    ) -> GpuTick:
        """This GPU at `at_s` (monotonic); the first tick looks back `look_back_s`."""
        interval_s = look_back_s if self._at_s is None else at_s - self._at_s
        self._at_s = at_s
        if isinstance(watched, NvmlError):
            return self._dead(watched, xids)
        self._slow = watched.slow or self._slow
        fast, slow = watched.fast, self._slow
        if fast is None or slow is None:
            return self._dead(_NOT_ASKED, xids)
        gone = next((error for error in _errors(fast, slow) if error.name in _GONE), None)
        return GpuTick(
            index=self.index,
            uuid=cell(slow.uuid),
            name=cell(slow.name),
            pci_bus_id=cell(slow.pci_bus_id),
            error=unread(gone) if gone else None,
            xids=xids,
            **self._utilization(watched.rings, fast, interval_s),
            **self._power(watched.rings, fast, interval_s),
            **_memory(fast),
            **self._state(fast),
            **_health(slow),
        )

    def _utilization(
        self, rings: dict[str, Ring | NvmlError], fast: Fast, interval_s: float
    ) -> dict[str, Any]:
        gpu = self._window("utilization", rings, interval_s)
        memory = self._window("memory_utilization", rings, interval_s)
        rates = fast.utilization_rates
        source: Source = "samples"
        if isinstance(gpu, Window):
            mean: float | Unread = round(gpu.mean, 2)
            peak: float | Unread = gpu.peak
            coverage, samples = gpu.coverage, tuple(int(value) for value in gpu.values)
        elif rates is None or isinstance(rates, NvmlError):
            mean = peak = unread(rates or gpu)
            coverage, source, samples = 0.0, "none", ()
        else:
            mean = peak = float(rates.gpu)
            coverage, source, samples = rate_coverage(interval_s), "rate", ()
        memory_mean: float | Unread
        if isinstance(memory, Window):
            memory_mean = round(memory.mean, 2)
        elif rates is None or isinstance(rates, NvmlError):
            memory_mean = unread(rates or memory)
        else:
            memory_mean = float(rates.memory)
        return {
            "utilization_percent": mean,
            "utilization_peak_percent": peak,
            "utilization_source": source,
            "utilization_coverage_ratio": coverage,
            "utilization_samples_percent": samples,
            "memory_utilization_percent": memory_mean,
        }

    def _window(
        self, name: str, rings: dict[str, Ring | NvmlError], interval_s: float
    ) -> Window | NvmlError:
        ring = rings.get(name, _NOT_ASKED)
        if isinstance(ring, NvmlError):
            return ring
        since, self.since[name] = self.since[name], ring.last_us
        if name != "power":  # values over 100 are not measurements (seen with idle processes)
            ring = ring._replace(values=tuple(min(value, 100.0) for value in ring.values))
        return window(ring, since, interval_s)

    def _power(
        self, rings: dict[str, Ring | NvmlError], fast: Fast, interval_s: float
    ) -> dict[str, Any]:
        ring = self._window("power", rings, interval_s)
        watts = self._rate("energy", fast.energy_mj, 1e-3)
        source: Source = "energy"
        coverage = 1.0
        if isinstance(watts, Unread) and isinstance(ring, Window):
            watts, source, coverage = round(ring.mean / 1000, 3), "samples", ring.coverage
        elif isinstance(watts, Unread) and not isinstance(fast.power_mw, NvmlError):
            watts, source, coverage = fast.power_mw / 1000, "rate", rate_coverage(interval_s)
        elif isinstance(watts, Unread):
            watts, source, coverage = cell(fast.power_mw), "none", 0.0
        peak = ring.peak / 1000 if isinstance(ring, Window) else watts
        return {
            "power_watts": watts,
            "power_peak_watts": peak,
            "power_source": source,
            "power_coverage_ratio": coverage,
            "energy_joules": _of(fast.energy_mj, lambda energy: energy.value / 1000),
        }

    def _state(self, fast: Fast) -> dict[str, Any]:
        return {
            "temperature_celsius": cell(fast.temperature_c),
            "sm_clock_mhz": cell(fast.sm_clock_mhz),
            "memory_clock_mhz": cell(fast.memory_clock_mhz),
            "throttle_reasons": _of(fast.throttle_reasons, throttle_names),
            "pcie_tx_bytes_per_second": self._rate("pcie_tx", fast.pcie_tx_bytes),
            "pcie_rx_bytes_per_second": self._rate("pcie_rx", fast.pcie_rx_bytes),
            "nvlink_tx_bytes_per_second": self._rate("nvlink_tx", fast.nvlink_tx_kib, _KIB),
            "nvlink_rx_bytes_per_second": self._rate("nvlink_rx", fast.nvlink_rx_kib, _KIB),
        }

    def _rate(self, name: str, now: Counter | NvmlError, scale: float = 1) -> float | Unread:
        if isinstance(now, NvmlError):
            self._counters.pop(name, None)
            return unread(now)
        before = self._counters.get(name)
        self._counters[name] = now
        if before is None:
            return FIRST
        rate = per_second(before, now)
        return _BACK if rate is None else round(rate * scale, 3)

    def _dead(self, error: NvmlError, xids: tuple[int, ...] | Unread) -> GpuTick:
        """Nothing of it can be read; its name is kept from when it could."""
        why, slow = unread(error), self._slow
        values: dict[str, Any] = dict.fromkeys(GpuTick.__struct_fields__, why)
        if slow:
            values |= {name: cell(getattr(slow, name)) for name in ("uuid", "name", "pci_bus_id")}
        values |= {
            "index": self.index,
            "error": why,
            "xids": xids,
            "utilization_source": "none",
            "utilization_coverage_ratio": 0.0,
            "utilization_samples_percent": (),
            "power_source": "none",
            "power_coverage_ratio": 0.0,
        }
        self._counters.clear()
        return GpuTick(**values)


def _errors(*readings: Fast | Slow) -> list[NvmlError]:
    values = (getattr(r, field) for r in readings for field in r.__struct_fields__)
    return [value for value in values if isinstance(value, NvmlError)]


def _of(value: "T | NvmlError", make: Callable[["T"], "U"]) -> "U | Unread":
    return unread(value) if isinstance(value, NvmlError) else make(value)


def _memory(fast: Fast) -> dict[str, Any]:
    use = fast.memory_use
    if isinstance(use, NvmlError):
        why = unread(use)
        return {f"memory_{part}_bytes": why for part in ("total", "used", "free", "reserved")}
    reserved = use.reserved
    return {
        "memory_total_bytes": use.total,
        "memory_used_bytes": use.used,
        "memory_free_bytes": use.free,
        "memory_reserved_bytes": Unread("NOT_SUPPORTED", "this driver counts it as used")
        if reserved is None
        else reserved,
    }


def _health(slow: Slow) -> dict[str, Any]:
    rows = slow.remapped_rows
    failed = unread(rows) if isinstance(rows, NvmlError) else None
    correctable, uncorrectable, pending, failure = (
        (failed,) * 4 if isinstance(rows, NvmlError) else rows
    )
    return {
        "memory_temperature_celsius": cell(slow.memory_temperature_c),
        "fan_percent": cell(slow.fan_percent),
        "sm_clock_max_mhz": cell(slow.sm_clock_max_mhz),
        "performance_state": cell(slow.performance_state),
        "power_limit_watts": _of(slow.power_limit_mw, lambda milliwatts: milliwatts / 1000),
        "encoder_percent": cell(slow.encoder_percent),
        "decoder_percent": cell(slow.decoder_percent),
        "pcie_gen": cell(slow.pcie_gen),
        "pcie_width": cell(slow.pcie_width),
        "pcie_replays": cell(slow.pcie_replays),
        "ecc_corrected": cell(slow.ecc_corrected_volatile),
        "ecc_uncorrected": cell(slow.ecc_uncorrected_volatile),
        "remapped_rows_correctable": correctable,
        "remapped_rows_uncorrectable": uncorrectable,
        "remapping_pending": pending,
        "remapping_failed": failure,
        "mig_devices": _of(slow.mig_use, lambda uses: tuple(map(_mig, uses))),
    }


def _mig(use: MigUse) -> MigTick:
    return MigTick(
        index=use.index,
        uuid=cell(use.uuid),
        name=cell(use.name),
        gpu_instance=cell(use.gpu_instance),
        compute_instance=cell(use.compute_instance),
        memory_total_bytes=_of(use.memory, lambda memory: memory.total),
        memory_used_bytes=_of(use.memory, lambda memory: memory.used),
    )
