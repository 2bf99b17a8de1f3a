"""What the worker's "watch" and "xids" answer, typed: values over time, and who uses a GPU.

Must not know how a value is read (pynvml) nor what is made of it.
"""

from typing import NamedTuple

import msgspec

from envcheck.nvml.readings import NvmlError


class Ring(NamedTuple):
    """New samples of one of the driver's rings; each value is the mean of the period before it."""

    first_us: int  # when the first period ended, by the driver's clock; 0 when there is none
    last_us: int
    values: tuple[float, ...]


class Rates(NamedTuple):
    """nvmlDeviceGetUtilizationRates: the driver's last sample period, 1/6 to 1 s, in percent."""

    gpu: int
    memory: int


class Counter(NamedTuple):
    """A counter that only rises, and the monotonic time in seconds at which it was read."""

    value: int
    at_s: float


class MemoryUse(NamedTuple):
    """Bytes. `reserved` is the driver's own; None where the driver counts it as used."""

    total: int
    used: int
    free: int
    reserved: int | None


class MigUse(msgspec.Struct, frozen=True, kw_only=True):
    """One MIG instance and its memory."""

    index: int
    uuid: str | NvmlError
    name: str | NvmlError
    gpu_instance: int | NvmlError
    compute_instance: int | NvmlError
    memory: MemoryUse | NvmlError


class Fast(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of a GPU in every tick. Its fields are the worker's, by name."""

    utilization_rates: Rates | NvmlError | None = None  # asked only where the ring is silent
    memory_use: MemoryUse | NvmlError
    energy_mj: Counter | NvmlError
    power_mw: int | NvmlError
    temperature_c: int | NvmlError
    sm_clock_mhz: int | NvmlError
    memory_clock_mhz: int | NvmlError
    throttle_reasons: int | NvmlError
    pcie_tx_bytes: Counter | NvmlError
    pcie_rx_bytes: Counter | NvmlError
    nvlink_tx_kib: Counter | NvmlError
    nvlink_rx_kib: Counter | NvmlError


class Slow(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of a GPU every few seconds. Its fields are the worker's, by name."""

    uuid: str | NvmlError
    name: str | NvmlError
    pci_bus_id: str | NvmlError
    performance_state: int | NvmlError
    fan_percent: int | NvmlError
    encoder_percent: int | NvmlError
    decoder_percent: int | NvmlError
    memory_temperature_c: int | NvmlError
    power_limit_mw: int | NvmlError
    sm_clock_max_mhz: int | NvmlError
    pcie_gen: int | NvmlError
    pcie_width: int | NvmlError
    pcie_replays: int | NvmlError
    ecc_corrected_volatile: int | NvmlError
    ecc_uncorrected_volatile: int | NvmlError
    remapped_rows: tuple[int, int, bool, bool] | NvmlError
    mig_use: tuple[MigUse, ...] | NvmlError


class ProcessUse(NamedTuple):
    """A process on a GPU; `memory_bytes` None where the driver does not tell."""

    pid: int
    kind: str  # "compute", "graphics", "mps"
    memory_bytes: int | None
    gpu_instance: int | None
    compute_instance: int | None


class ProcessRates(NamedTuple):
    """One sample of a process's use of the engines, in percent."""

    pid: int
    at_us: int
    sm: int
    memory: int
    encoder: int
    decoder: int


class XidEvent(NamedTuple):
    """A critical error the driver reported; `gpu` None when the event names none."""

    gpu: int | None
    xid: int


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """The worker's answer to "watch" for one GPU; what was not asked for is None."""

    error: NvmlError | None = None  # it cannot be opened
    rings: dict[str, Ring | NvmlError] = {}
    fast: Fast | None = None
    slow: Slow | None = None
    processes: tuple[ProcessUse, ...] | NvmlError | None = None
    process_rates: tuple[ProcessRates, ...] | NvmlError | None = None


class XidEvents(msgspec.Struct, frozen=True, kw_only=True):
    """The worker's answer to "xids", with its own cost since it started."""

    events: tuple[XidEvent, ...] | NvmlError
    cpu_s: float
    calls: int
