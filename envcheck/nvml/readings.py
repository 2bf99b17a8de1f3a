"""What NVML said, typed: each field is its value or the `NvmlError` that stood in its way.

Must not know how a value is read (pynvml) nor whether it is good.
"""

from typing import Literal, NamedTuple

import msgspec

# Codes of our own, below zero so that they never meet one of NVML's.
CRASHED = -1  # the worker process died during the call
NOT_READ = -2  # no time was left, or the driver did not come back after a stall elsewhere
TIMEOUT = 10  # NVML_ERROR_TIMEOUT: given by NVML, or by us for a call that never came back

_FATAL = {"GPU_IS_LOST", "RESET_REQUIRED", "TIMEOUT", "CRASHED"}

# nvmlClocksEventReasons bits in NVML's own words:
# https://docs.nvidia.com/deploy/nvml-api/group__nvmlClocksEventReasons.html
_THROTTLE_NAMES = (
    "gpu_idle",
    "applications_clocks_setting",
    "sw_power_cap",
    "hw_slowdown",
    "sync_boost",
    "sw_thermal_slowdown",
    "hw_thermal_slowdown",
    "hw_power_brake_slowdown",
    "display_clock_setting",
)


class NvmlError(msgspec.Struct, frozen=True, omit_defaults=True):
    """An NVML call that gave no value.

    `code` is the nvmlReturn_t, or one of our own below zero; `name` is NVML's constant without
    its prefix: "NOT_SUPPORTED", "GPU_IS_LOST", "NO_PERMISSION", "FUNCTION_NOT_FOUND", "TIMEOUT",
    or ours: "CRASHED", "NOT_READ".
    """

    code: int
    name: str
    call: str = ""  # the function that answered so: "nvmlDeviceGetPowerUsage"
    detail: str = ""  # more words, where there are any (the loader's message)

    def __str__(self) -> str:
        words = f"{self.call}: {self.name}" if self.call else self.name
        return f"{words} ({self.detail})" if self.detail else words


class Modes(NamedTuple):
    """A mode as it is now, and as it will be after the next reset."""

    current: bool
    pending: bool


class RemappedRows(NamedTuple):
    """Rows of GPU memory replaced by spare ones, and whether a replacement waits or failed."""

    correctable: int
    uncorrectable: int
    pending: bool
    failure: bool


class Fabric(NamedTuple):
    """Registration of the GPU with the NVLink fabric (NVSwitch machines)."""

    state: str  # "not_supported", "not_started", "in_progress", "completed"
    status: str  # NVML's return name once completed: "SUCCESS", "NOT_SUPPORTED", ...
    health_mask: int  # NVML_GPU_FABRIC_HEALTH_MASK_*; 0 where the driver gives none


class MigDevice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One MIG instance, as CUDA sees it."""

    index: int  # its place in the parent
    uuid: str | NvmlError
    name: str | NvmlError  # "NVIDIA H100 80GB HBM3 MIG 3g.40gb"
    memory_total_bytes: int | NvmlError
    gpu_instance: int | NvmlError
    compute_instance: int | NvmlError

    @property
    def profile(self) -> str:
        """The instance's profile, such as "3g.40gb"; empty when the name does not tell."""
        name = "" if isinstance(self.name, NvmlError) else self.name
        return name.partition(" MIG ")[2]


class GpuReading(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One GPU at one moment. Sizes in bytes, temperature in °C, power in mW."""

    index: int
    error: NvmlError | None = None  # no handle, or reading it stalled or crashed: see `fault`
    uuid: str | NvmlError
    name: str | NvmlError
    serial: str | NvmlError
    vbios: str | NvmlError
    architecture: str | NvmlError  # "hopper"
    compute_capability: str | NvmlError  # "9.0"
    pci_bus_id: str | NvmlError  # as sysfs writes it: "0000:1b:00.0"
    pci_device_id: str | NvmlError  # "10de:2330"
    memory_total_bytes: int | NvmlError
    pcie_gen_max: int | NvmlError  # of GPU and slot together
    pcie_width_max: int | NvmlError  # of GPU and slot together
    memory_used_bytes: (
        int | NvmlError
    )  # without the driver's own, where the driver tells them apart
    mig_mode: Modes | NvmlError
    mig_devices: tuple[MigDevice, ...] | NvmlError
    ecc_mode: Modes | NvmlError
    ecc_uncorrected_volatile: int | NvmlError  # since the driver was loaded
    ecc_uncorrected_aggregate: int | NvmlError  # over the life of the card
    remapped_rows: RemappedRows | NvmlError
    retired_pages_pending: bool | NvmlError
    throttle_reasons: int | NvmlError  # bit mask; see `throttle_names`
    temperature_c: int | NvmlError
    power_mw: int | NvmlError
    power_limit_mw: int | NvmlError
    pcie_gen: int | NvmlError  # sinks when idle
    pcie_width: int | NvmlError
    persistence_mode: bool | NvmlError
    compute_mode: str | NvmlError  # "default", "exclusive_process", "prohibited"
    fabric: Fabric | NvmlError
    display_attached: bool | NvmlError
    display_active: bool | NvmlError

    @property
    def throttle_names(self) -> tuple[str, ...] | NvmlError:
        """`throttle_reasons` in NVML's words, lower case; an unknown bit is "bit_9"."""
        if isinstance(self.throttle_reasons, NvmlError):
            return self.throttle_reasons
        return throttle_names(self.throttle_reasons)

    @property
    def fault(self) -> NvmlError | None:
        """Why this GPU is not usable: no handle, or the first field lost, in reset or hung."""
        if self.error:
            return self.error
        values = (getattr(self, field) for field in self.__struct_fields__)
        errors = (value for value in values if isinstance(value, NvmlError))
        return next((error for error in errors if error.name in _FATAL), None)


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """The driver as NVML sees it, with every GPU it counts."""

    driver_version: str | NvmlError
    nvml_version: str | NvmlError
    cuda_driver_version: str | NvmlError  # "13.0"
    library_path: str  # the file that was loaded, links resolved; empty when /proc hides it
    gpus: tuple[GpuReading, ...]


Reason = Literal[
    "library_not_found",
    "driver_not_loaded",
    "version_mismatch",
    "hung",
    "no_permission",
    "crashed",
    "other",
]


class NvmlUnavailable(msgspec.Struct, frozen=True):
    """NVML could not be used at all. `call` is the function that failed, hung or crashed."""

    reason: Reason
    detail: str
    call: str = ""


def throttle_names(mask: int) -> tuple[str, ...]:
    """The set bits of a clocks-event mask by name, lowest first."""
    return tuple(
        _THROTTLE_NAMES[bit] if bit < len(_THROTTLE_NAMES) else f"bit_{bit}"
        for bit in range(mask.bit_length())
        if mask >> bit & 1
    )
