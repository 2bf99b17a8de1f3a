"""The one schema of everything watched: a `Tick`, equal to its JSON. Must not know how it is read.

A key names its unit. Every value may be an `Unread` with the reason; nothing is ever left out.
"""

from typing import Literal, TypeVar

import msgspec

T = TypeVar("T")

SCHEMA_VERSION = 1


class Unread(msgspec.Struct, frozen=True):
    """Stands where a value could not be read. `error` is NVML's name, or one of ours in its style:
    "NOT_READ" (not asked yet), "CRASHED", "NOT_VISIBLE" (a process of another PID namespace)."""

    error: str
    reason: str


Source = Literal["samples", "energy", "rate", "none"]


class MigTick(msgspec.Struct, frozen=True, kw_only=True):
    """One MIG instance."""

    index: int
    uuid: str | Unread
    name: str | Unread
    gpu_instance: int | Unread
    compute_instance: int | Unread
    memory_total_bytes: int | Unread
    memory_used_bytes: int | Unread


class GpuTick(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU in one tick.

    Means and peaks are over the time since the tick before. `*_source` says what they stand on:
    the driver's sample rings, its energy counter, or one instantaneous reading ("rate");
    `*_coverage_ratio` is the share of that time which it covers.
    """

    index: int
    uuid: str | Unread
    name: str | Unread
    pci_bus_id: str | Unread
    error: Unread | None  # the whole GPU cannot be read: lost, needs a reset, hung
    utilization_percent: float | Unread
    utilization_peak_percent: float | Unread
    utilization_source: Source
    utilization_coverage_ratio: float
    utilization_samples_percent: tuple[int, ...]
    memory_utilization_percent: float | Unread
    memory_total_bytes: int | Unread
    memory_used_bytes: int | Unread  # by programs
    memory_free_bytes: int | Unread
    memory_reserved_bytes: int | Unread  # by the driver
    power_watts: float | Unread
    power_peak_watts: float | Unread
    power_source: Source
    power_coverage_ratio: float
    power_limit_watts: float | Unread
    energy_joules: float | Unread  # since the driver was loaded
    temperature_celsius: int | Unread
    memory_temperature_celsius: int | Unread
    fan_percent: int | Unread
    sm_clock_mhz: int | Unread
    sm_clock_max_mhz: int | Unread
    memory_clock_mhz: int | Unread
    performance_state: int | Unread  # 0 is the fastest
    throttle_reasons: tuple[str, ...] | Unread  # NVML's names: "sw_power_cap"
    encoder_percent: int | Unread
    decoder_percent: int | Unread
    pcie_tx_bytes_per_second: float | Unread
    pcie_rx_bytes_per_second: float | Unread
    nvlink_tx_bytes_per_second: float | Unread  # all links together
    nvlink_rx_bytes_per_second: float | Unread
    pcie_gen: int | Unread
    pcie_width: int | Unread
    pcie_replays: int | Unread
    ecc_corrected: int | Unread  # since the driver was loaded
    ecc_uncorrected: int | Unread
    remapped_rows_correctable: int | Unread
    remapped_rows_uncorrectable: int | Unread
    remapping_pending: bool | Unread
    remapping_failed: bool | Unread
    xids: tuple[int, ...] | Unread  # critical errors reported since the tick before
    mig_devices: tuple[MigTick, ...] | Unread


class ProcessTick(msgspec.Struct, frozen=True, kw_only=True):
    """One process on one GPU (or MIG instance). CPU in percent of one core."""

    pid: int
    gpu_index: int
    gpu_instance: int | None
    compute_instance: int | None
    kind: str  # "compute", "graphics", "mps"
    gpu_memory_bytes: int | Unread
    sm_percent: float | Unread
    gpu_memory_percent: float | Unread  # share of time in which GPU memory was read or written
    encoder_percent: float | Unread
    decoder_percent: float | Unread
    name: str | Unread
    command: str | Unread
    user: str | Unread
    parent_pid: int | Unread
    started: str | Unread  # RFC 3339
    cpu_percent: float | Unread
    rss_bytes: int | Unread
    container: str | None  # "docker:3f2a…", where the control group tells
    pod: str | None


class HostTick(msgspec.Struct, frozen=True, kw_only=True):
    """The machine around the GPUs."""

    name: str
    cpu_percent: float | Unread  # of all cores
    cpu_count: int
    memory_total_bytes: int
    memory_used_bytes: int


class Overhead(msgspec.Struct, frozen=True, kw_only=True):
    """What watching costs: both processes together, since the tick before."""

    cpu_percent: float | Unread  # of one core
    nvml_calls_per_second: float | Unread
    worker_restarts: int  # since the start: a call hung or crashed


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """Everything watched at one moment."""

    schema_version: int = SCHEMA_VERSION
    timestamp: str  # RFC 3339, UTC
    interval_s: float  # since the tick before; in the first one, the time it looks back
    driver_version: str | Unread
    gpus: tuple[GpuTick, ...]
    processes: tuple[ProcessTick, ...]
    processes_age_s: float  # processes are read every few seconds only
    processes_unread: dict[int, Unread]  # GPU index → why its processes are not known
    health_age_s: float  # so are fan, limits, ECC and links
    host: HostTick
    overhead: Overhead


FIRST = Unread("NOT_READ", "needs two readings")


def read(value: "T | Unread") -> "T | None":
    """The value, or None where it could not be read."""
    return None if isinstance(value, Unread) else value


def encode(tick: Tick) -> bytes:
    """The tick as one line of JSON, without the newline."""
    return _ENCODER.encode(tick)


def decode(line: bytes | str) -> Tick:
    """A tick from its JSON.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return _DECODER.decode(line)


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Tick)
