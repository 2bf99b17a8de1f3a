"""Any NVML value by the name of its function, for queries in nvidia-smi's words.

Runs inside the worker process only; plain data out.
"""

import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pynvml

from envcheck.nvml.fields import FIELDS, fabric_info
from envcheck.nvml.reads import Gpu, Nvml, ReadError, guarded

_MACHINE_WIDE = ("nvmlSystem", "nvmlDeviceGetCount")  # these take no GPU


def read_calls(nvml: Nvml, index: int, wanted: Sequence[Sequence[Any]]) -> list[object]:
    """The value or error of each [function of pynvml or name below, arguments].

    Raises:
        ReadError: the GPU cannot be opened.
    """
    gpu = nvml.gpu(index)
    return [guarded(partial(_read, gpu, name, arguments)) for name, *arguments in wanted]


def _read(gpu: Gpu, name: str, arguments: Sequence[Any]) -> object:
    if name in _SPECIAL:
        return _plain(_SPECIAL[name](gpu, *arguments))
    if name.startswith(_MACHINE_WIDE):
        return _plain(gpu.nvml.call(name, *arguments, gpu=gpu.index))
    return _plain(gpu.call(name, *arguments))


def _plain(value: Any) -> object:
    """ctypes structures as dictionaries, characters as numbers or text."""
    if isinstance(value, ctypes.Structure):
        return {name: _plain(getattr(value, name)) for name, *_ in type(value)._fields_}
    if isinstance(value, ctypes.Array):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _field(gpu: Gpu, field: int, scope: int = 0) -> object:
    call = "nvmlDeviceGetFieldValues"
    value = gpu.call(call, [(field, scope)])[0]
    if value.nvmlReturn != pynvml.NVML_SUCCESS:
        raise ReadError(value.nvmlReturn, call)
    if value.valueType == pynvml.NVML_VALUE_TYPE_DOUBLE:
        return value.value.dVal
    if value.valueType == pynvml.NVML_VALUE_TYPE_UNSIGNED_INT:
        return value.value.uiVal
    return value.value.ullVal


def _filled(function: str, structure: str) -> Callable[[Gpu], object]:
    """A function that fills a structure of that name, which an older nvidia-ml-py may lack."""

    def read(gpu: Gpu) -> object:
        kind = getattr(pynvml, structure, None)
        if kind is None:
            raise ReadError(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND, function, "not in nvidia-ml-py")
        filled = kind()
        gpu.call(function, ctypes.byref(filled))
        return filled

    return read


def _pci_ext(gpu: Gpu) -> object:
    info = pynvml.nvmlPciInfoExt_v1_t(version=pynvml.nvmlPciInfoExt_v1)
    gpu.call("nvmlDeviceGetPciInfoExt", ctypes.byref(info))
    return info


def _platform(gpu: Gpu) -> dict[str, object]:
    filled: Any = _filled("nvmlDeviceGetPlatformInfo", "c_nvmlPlatformInfo_v2_t")(gpu)
    characters = ("slotNumber", "trayIndex", "hostId", "peerType", "moduleId")
    return {
        "chassisSerialNumber": filled.chassisSerialNumber,
        "ibGuid": int.from_bytes(filled.ibGuid[:8], "big"),
        **{name: ord(getattr(filled, name) or b"\0") for name in characters},
    }


def _fabric(gpu: Gpu) -> dict[str, object]:
    info = fabric_info(gpu)
    if not info.state:
        raise ReadError(pynvml.NVML_ERROR_NOT_SUPPORTED, "nvmlDeviceGetGpuFabricInfoV")
    uuid = bytes(info.cluster_uuid).hex()
    return {
        "state": info.state,
        "status": info.status,
        "clique_id": info.clique_id,
        "cluster_uuid": "-".join((uuid[:8], uuid[8:12], uuid[12:16], uuid[16:20], uuid[20:])),
    }


def _newest(newer: str, older: str) -> Callable[[Gpu], object]:
    return lambda gpu: gpu.newest((newer,), (older,))


_SPECIAL: dict[str, Callable[..., object]] = {
    "memory": FIELDS["memory_use"],
    "reasons": FIELDS["throttle_reasons"],
    "supported_reasons": _newest(
        "nvmlDeviceGetSupportedClocksEventReasons", "nvmlDeviceGetSupportedClocksThrottleReasons"
    ),
    "field": _field,
    "pci": lambda gpu: gpu.call("nvmlDeviceGetPciInfo"),
    "pci_ext": _pci_ext,
    "sram": _filled("nvmlDeviceGetSramEccErrorStatus", "c_nvmlEccSramErrorStatus_v1_t"),
    "platform": _platform,
    "fabric": _fabric,
}
