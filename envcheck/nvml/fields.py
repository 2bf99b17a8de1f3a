"""One function a field: how each value of a GPU is asked of NVML.

Runs inside the worker process only. A field is one NVML value, so that an error has one owner.
To add a field: a line in `FIELDS`, and the same name where the parent decodes it (`readings.py`).
"""

import ctypes
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import pynvml

from envcheck.nvml.reads import Gpu, Nvml, ReadError, constants, guarded

Read = Callable[[Gpu], object]


def read_fields(nvml: Nvml, index: int, names: Sequence[str]) -> dict[str, object]:
    """Field name → its value, or its error as plain data.

    Raises:
        ReadError: the GPU cannot be opened.
    """
    gpu = nvml.gpu(index)
    return {name: guarded(partial(FIELDS[name], gpu)) for name in names}


def _value(function: str, *args: object) -> Read:
    return lambda gpu: gpu.call(function, *args)


def _flag(function: str) -> Read:
    return lambda gpu: bool(gpu.call(function))


def _modes(function: str) -> Read:
    return lambda gpu: [bool(mode) for mode in gpu.call(function)]


def _named(function: str, prefix: str) -> Read:
    return lambda gpu: _name(prefix, gpu.call(function))


def _name(prefix: str, value: int) -> str:
    return constants(prefix).get(value, f"unknown_{value}").lower()


def _compute_capability(gpu: Gpu) -> str:
    major, minor = gpu.call("nvmlDeviceGetCudaComputeCapability")
    return f"{major}.{minor}"


def _pci_bus_id(gpu: Gpu) -> str:
    pci = gpu.call("nvmlDeviceGetPciInfo")
    return f"{pci.domain:04x}:{pci.bus:02x}:{pci.device:02x}.0"


def _pci_device_id(gpu: Gpu) -> str:
    both = gpu.call(
        "nvmlDeviceGetPciInfo"
    ).pciDeviceId  # device in the high half, vendor in the low
    return f"{both & 0xFFFF:04x}:{both >> 16:04x}"


def _memory(gpu: Gpu) -> Any:
    # Version 2 tells the driver's own memory apart from what programs use.
    function = "nvmlDeviceGetMemoryInfo"
    return gpu.newest((function, pynvml.nvmlMemory_v2), (function,))


def _memory_use(gpu: Gpu) -> list[object]:
    memory = _memory(gpu)
    return [memory.total, memory.used, memory.free, getattr(memory, "reserved", None)]


def _energy(gpu: Gpu) -> list[object]:
    """Millijoules since the driver was loaded, and when they were read."""
    return [gpu.call("nvmlDeviceGetTotalEnergyConsumption"), time.monotonic()]


def _memory_temperature(gpu: Gpu) -> object:
    call, field = "nvmlDeviceGetFieldValues", pynvml.NVML_FI_DEV_MEMORY_TEMP
    value = gpu.call(call, [field])[0]
    if value.nvmlReturn != pynvml.NVML_SUCCESS:
        raise ReadError(value.nvmlReturn, call)
    return value.value.uiVal


def _ecc_uncorrected(counter: int) -> Read:
    return _ecc(pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, counter)


def _ecc(kind: int, counter: int) -> Read:
    return _value("nvmlDeviceGetTotalEccErrors", kind, counter)


def _remapped_rows(gpu: Gpu) -> list[object]:
    correctable, uncorrectable, pending, failure = gpu.call("nvmlDeviceGetRemappedRows")
    return [correctable, uncorrectable, bool(pending), bool(failure)]


def _throttle_reasons(gpu: Gpu) -> object:
    return gpu.newest(
        ("nvmlDeviceGetCurrentClocksEventReasons",),
        ("nvmlDeviceGetCurrentClocksThrottleReasons",),
    )


def _temperature(gpu: Gpu) -> object:
    sensor = pynvml.NVML_TEMPERATURE_GPU
    return gpu.newest(("nvmlDeviceGetTemperatureV", sensor), ("nvmlDeviceGetTemperature", sensor))


class _FabricInfo(ctypes.Structure):
    """nvmlGpuFabricInfo_t; the one in nvidia-ml-py 12.560 has another size, and reads as zeros."""

    _fields_ = (
        ("cluster_uuid", ctypes.c_uint8 * 16),
        ("status", ctypes.c_uint32),
        ("clique_id", ctypes.c_uint32),
        ("state", ctypes.c_uint8),
    )


class _FabricInfoV(ctypes.Structure):
    """nvmlGpuFabricInfo_v2_t."""

    _fields_ = (("version", ctypes.c_uint32), *_FabricInfo._fields_, ("health", ctypes.c_uint32))


def fabric_info(gpu: Gpu) -> "_FabricInfo | _FabricInfoV":
    """The GPU's registration with the NVLink fabric, as the driver fills it in."""
    newer, older = _FabricInfoV(version=ctypes.sizeof(_FabricInfoV) | 2 << 24), _FabricInfo()
    gpu.newest(
        ("nvmlDeviceGetGpuFabricInfoV", ctypes.byref(newer)),
        ("nvmlDeviceGetGpuFabricInfo", ctypes.byref(older)),
    )
    # The driver leaves the one that it does not know untouched.
    return older if older.state else newer


def _fabric(gpu: Gpu) -> list[object]:
    info = fabric_info(gpu)
    status = "SUCCESS" if info.status == 0 else constants("NVML_ERROR_").get(info.status, "UNKNOWN")
    health = info.health if isinstance(info, _FabricInfoV) else 0
    return [_name("NVML_GPU_FABRIC_STATE_", info.state), status, health]


def _mig(fields: dict[str, Read]) -> Read:
    return lambda gpu: list(_each_mig_device(gpu, fields))


def _each_mig_device(gpu: Gpu, fields: dict[str, Read]) -> Iterator[dict[str, object]]:
    current, _ = gpu.call("nvmlDeviceGetMigMode")
    places = gpu.call("nvmlDeviceGetMaxMigDeviceCount") if current else 0
    for index in range(places):
        try:
            handle = gpu.call("nvmlDeviceGetMigDeviceHandleByIndex", index)
        except ReadError as error:
            if error.code == pynvml.NVML_ERROR_NOT_FOUND:
                continue  # a place without an instance
            raise
        mig = Gpu(gpu.nvml, gpu.index, handle)
        values = {name: guarded(partial(read, mig)) for name, read in fields.items()}
        yield {"index": index, **values}


_MIG_IDENTITY: dict[str, Read] = {
    "uuid": _value("nvmlDeviceGetUUID"),
    "name": _value("nvmlDeviceGetName"),
    "gpu_instance": _value("nvmlDeviceGetGpuInstanceId"),
    "compute_instance": _value("nvmlDeviceGetComputeInstanceId"),
}

FIELDS: dict[str, Read] = {
    "uuid": _value("nvmlDeviceGetUUID"),
    "name": _value("nvmlDeviceGetName"),
    "serial": _value("nvmlDeviceGetSerial"),
    "vbios": _value("nvmlDeviceGetVbiosVersion"),
    "architecture": _named("nvmlDeviceGetArchitecture", "NVML_DEVICE_ARCH_"),
    "compute_capability": _compute_capability,
    "pci_bus_id": _pci_bus_id,
    "pci_device_id": _pci_device_id,
    "memory_total_bytes": lambda gpu: _memory(gpu).total,
    "memory_used_bytes": lambda gpu: _memory(gpu).used,
    "memory_use": _memory_use,
    "mig_mode": _modes("nvmlDeviceGetMigMode"),
    "mig_devices": _mig({**_MIG_IDENTITY, "memory_total_bytes": lambda mig: _memory(mig).total}),
    "mig_use": _mig({**_MIG_IDENTITY, "memory": _memory_use}),
    "ecc_mode": _modes("nvmlDeviceGetEccMode"),
    "ecc_corrected_volatile": _ecc(
        pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED, pynvml.NVML_VOLATILE_ECC
    ),
    "ecc_uncorrected_volatile": _ecc_uncorrected(pynvml.NVML_VOLATILE_ECC),
    "ecc_uncorrected_aggregate": _ecc_uncorrected(pynvml.NVML_AGGREGATE_ECC),
    "remapped_rows": _remapped_rows,
    "retired_pages_pending": _flag("nvmlDeviceGetRetiredPagesPendingStatus"),
    "throttle_reasons": _throttle_reasons,
    "temperature_c": _temperature,
    "memory_temperature_c": _memory_temperature,
    "fan_percent": _value("nvmlDeviceGetFanSpeed"),
    "performance_state": _value("nvmlDeviceGetPerformanceState"),
    "sm_clock_mhz": _value("nvmlDeviceGetClockInfo", pynvml.NVML_CLOCK_SM),
    "sm_clock_max_mhz": _value("nvmlDeviceGetMaxClockInfo", pynvml.NVML_CLOCK_SM),
    "memory_clock_mhz": _value("nvmlDeviceGetClockInfo", pynvml.NVML_CLOCK_MEM),
    "encoder_percent": lambda gpu: gpu.call("nvmlDeviceGetEncoderUtilization")[0],
    "decoder_percent": lambda gpu: gpu.call("nvmlDeviceGetDecoderUtilization")[0],
    "energy_mj": _energy,
    "power_mw": _value("nvmlDeviceGetPowerUsage"),
    "power_limit_mw": _value("nvmlDeviceGetEnforcedPowerLimit"),
    "pcie_gen": _value("nvmlDeviceGetCurrPcieLinkGeneration"),
    "pcie_gen_max": _value("nvmlDeviceGetMaxPcieLinkGeneration"),
    "pcie_width": _value("nvmlDeviceGetCurrPcieLinkWidth"),
    "pcie_width_max": _value("nvmlDeviceGetMaxPcieLinkWidth"),
    "pcie_replays": _value("nvmlDeviceGetPcieReplayCounter"),
    "persistence_mode": _flag("nvmlDeviceGetPersistenceMode"),
    "compute_mode": _named("nvmlDeviceGetComputeMode", "NVML_COMPUTEMODE_"),
    "fabric": _fabric,
    "display_attached": _flag("nvmlDeviceGetDisplayMode"),
    "display_active": _flag("nvmlDeviceGetDisplayActive"),
}
