"""Values over time: the driver's sample rings, counters, processes on a GPU, Xid events.

Runs inside the worker process only; plain data out, as `signals.py` reads it. What is asked in
every tick is cheap: nvmlDeviceGetPcieThroughput, which sleeps for 20 ms, is never called.
"""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pynvml

from envcheck.nvml.fields import read_fields
from envcheck.nvml.reads import Gpu, Nvml, ReadError, guarded

RINGS = {
    "utilization": pynvml.NVML_GPU_UTILIZATION_SAMPLES,
    "memory_utilization": pynvml.NVML_MEMORY_UTILIZATION_SAMPLES,
    "power": pynvml.NVML_TOTAL_POWER_SAMPLES,
}
# nvmlValueType_t → the member of nvmlValue_t that holds the sample
_MEMBERS = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")

_ALL_LINKS = 0xFFFFFFFF  # as scope of a field: the sum over the GPU's NVLinks
# Field ids and not pynvml's names, which older releases of nvidia-ml-py lack.
# https://docs.nvidia.com/deploy/nvml-api/group__nvmlFieldValueEnums.html
_COUNTERS: dict[str, int | tuple[int, int]] = {
    "pcie_tx_bytes": 197,
    "pcie_rx_bytes": 198,
    "nvlink_tx_kib": (138, _ALL_LINKS),
    "nvlink_rx_kib": (139, _ALL_LINKS),
}
_PROCESS_KINDS = {  # each from the newest function that the driver has
    "compute": ("nvmlDeviceGetComputeRunningProcesses_v3", "_v2"),
    "graphics": ("nvmlDeviceGetGraphicsRunningProcesses_v3", "_v2"),
    "mps": ("nvmlDeviceGetMPSComputeRunningProcesses_v3", "_v3"),
}
_NO_INSTANCE = 0xFFFFFFFF
_MAX_XIDS = 64  # taken at once; a storm of them must not hold up the tick


def watch(
    nvml: Nvml, wanted: Sequence[Mapping[str, Any]], fast: Sequence[str], slow: Sequence[str]
) -> list[dict[str, object]]:
    """The fields `fast` and `slow` of all GPUs in one answer, in the order of `wanted`.

    Each of `wanted` names a `gpu`; `since`: ring → timestamp of its last sample seen; and
    `processes_since`: timestamp of the last process sample seen, None for no processes.
    """
    answers: list[dict[str, object]] = []
    for one in wanted:
        try:
            gpu = nvml.gpu(one["gpu"])
            answers.append(_watch(gpu, one["since"], fast, slow, one["processes_since"]))
        except ReadError as error:
            answers.append({"error": error.plain()})
    return answers


def _watch(
    gpu: Gpu,
    since: Mapping[str, int],
    fast: Sequence[str],
    slow: Sequence[str],
    processes_since: int | None,
) -> dict[str, object]:
    answer: dict[str, object] = {}
    rings = {name: guarded(partial(_ring, gpu, name, last)) for name, last in since.items()}
    answer["rings"] = rings
    if fast:
        values = read_fields(gpu.nvml, gpu.index, fast)
        silent = isinstance(rings.get("utilization"), dict)
        if silent:
            values["utilization_rates"] = guarded(partial(_rates, gpu))
        answer["fast"] = {**values, **_counters(gpu)}
    if slow:
        answer["slow"] = read_fields(gpu.nvml, gpu.index, slow)
    if processes_since is not None:
        answer["processes"] = guarded(partial(_processes, gpu))
        answer["process_rates"] = guarded(partial(_process_rates, gpu, processes_since))
    return answer


def _ring(gpu: Gpu, name: str, since: int) -> list[object]:
    """[end of the first period, end of the last, values]; NOT_FOUND when there is no new one."""
    kind, samples = gpu.call("nvmlDeviceGetSamples", RINGS[name], since)
    member = _MEMBERS[kind] if kind < len(_MEMBERS) else "uiVal"
    values = [getattr(sample.sampleValue, member) for sample in samples]
    if not values:
        raise ReadError(pynvml.NVML_ERROR_NOT_FOUND, "nvmlDeviceGetSamples")
    return [samples[0].timeStamp, samples[-1].timeStamp, values]


def _rates(gpu: Gpu) -> list[int]:
    rates = gpu.call("nvmlDeviceGetUtilizationRates")
    return [rates.gpu, rates.memory]


def _counters(gpu: Gpu) -> dict[str, object]:
    """All counters in one call; each has its own return code."""
    call = "nvmlDeviceGetFieldValues"
    try:
        values = gpu.call(call, list(_COUNTERS.values()))
    except ReadError as error:
        return dict.fromkeys(_COUNTERS, error.plain())
    at_s = time.monotonic()
    return {
        name: [value.value.ullVal & _mask(value.valueType), at_s]
        if value.nvmlReturn == pynvml.NVML_SUCCESS
        else ReadError(value.nvmlReturn, call).plain()
        for name, value in zip(_COUNTERS, values, strict=True)
    }


def _mask(kind: int) -> int:
    return 0xFFFFFFFF if kind == pynvml.NVML_VALUE_TYPE_UNSIGNED_INT else 0xFFFFFFFFFFFFFFFF


def _processes(gpu: Gpu) -> list[list[object]]:
    found: list[list[object]] = []
    for kind, (newest, older) in _PROCESS_KINDS.items():
        try:
            listed = gpu.newest((newest,), (newest[: -len(older)] + older,))
        except ReadError:
            if kind == "compute":
                raise
            continue  # many cards and older drivers know compute processes only
        found += ([p.pid, kind, p.usedGpuMemory, *_instance(p)] for p in listed)
    return found


def _instance(process: Any) -> list[int | None]:
    ids = (getattr(process, "gpuInstanceId", None), getattr(process, "computeInstanceId", None))
    return [None if number == _NO_INSTANCE else number for number in ids]


def _process_rates(gpu: Gpu, since: int) -> list[list[int]]:
    try:
        samples = gpu.call("nvmlDeviceGetProcessUtilization", since)
    except ReadError as error:
        if error.code == pynvml.NVML_ERROR_NOT_FOUND:
            return []  # the driver's word for: no process did anything
        raise
    return [
        [s.pid, s.timeStamp, s.smUtil, s.memUtil, s.encUtil, s.decUtil]
        for s in samples
        if s.timeStamp > since
    ]


class Xids:
    """The driver's critical errors, collected from when this was first asked."""

    def __init__(self, nvml: Nvml) -> None:
        self._nvml = nvml
        self._events: Any = None

    def new(self, gpus: Sequence[int]) -> list[list[int | None]]:
        """[GPU index or None, Xid] of every new event; never waits for one.

        Raises:
            ReadError: the driver gives no events.
        """
        if self._events is None:
            self._events = self._registered(gpus)
        found: list[list[int | None]] = []
        while len(found) < _MAX_XIDS:
            try:
                event = self._nvml.call("nvmlEventSetWait_v2", self._events, 0)
            except ReadError as error:
                if error.code in (pynvml.NVML_ERROR_TIMEOUT, pynvml.NVML_ERROR_GPU_IS_LOST):
                    break  # no further event; a lost GPU says so itself
                raise
            if event.eventType == pynvml.nvmlEventTypeXidCriticalError:
                found.append([self._index(event.device), event.eventData])
        return found

    def _registered(self, gpus: Sequence[int]) -> Any:
        events = self._nvml.call("nvmlEventSetCreate")
        registered, refused = False, None
        for index in gpus:
            try:
                gpu = self._nvml.gpu(index)
                self._nvml.call(
                    "nvmlDeviceRegisterEvents",
                    gpu.handle,
                    pynvml.nvmlEventTypeXidCriticalError,
                    events,
                    gpu=index,
                )
                registered = True
            except ReadError as error:
                refused = error
        if refused is not None and not registered:
            raise refused
        return events

    def _index(self, handle: Any) -> int | None:
        try:
            index = self._nvml.call("nvmlDeviceGetIndex", handle)
        except ReadError:
            return None
        return int(index)


def xids(collector: Xids, gpus: Sequence[int], calls: int) -> dict[str, object]:
    """New Xids, and what this worker has cost so far: seconds of CPU, NVML calls."""
    events = guarded(partial(collector.new, gpus))
    return {"events": events, "cpu_s": time.process_time(), "calls": calls}
