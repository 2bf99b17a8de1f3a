"""Every GPU that NVML counts, read once, whatever single GPUs do: hang, crash, be lost.

Must not know rules; the probes turn an `Inventory` into facts.
"""

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from envcheck.nvml.client import NvmlClient, WorkerFailure
from envcheck.nvml.readings import (
    NOT_READ,
    GpuReading,
    Inventory,
    NvmlError,
    NvmlUnavailable,
    Reason,
)

# What a GPU is, and how it is. Asked apart, so that a GPU that hangs on its state keeps its name.
IDENTITY = (
    "uuid",
    "name",
    "serial",
    "vbios",
    "architecture",
    "compute_capability",
    "pci_bus_id",
    "pci_device_id",
    "memory_total_bytes",
    "pcie_gen_max",
    "pcie_width_max",
)
STATE = tuple(
    field for field in GpuReading.__struct_fields__ if field not in {"index", "error", *IDENTITY}
)

# One call may take this share of the time limit before it counts as hung: the others need some too.
_STALL_SHARE = 0.2

_REASONS: dict[str, Reason] = {
    "LIBRARY_NOT_FOUND": "library_not_found",
    "DRIVER_NOT_LOADED": "driver_not_loaded",
    "LIB_RM_VERSION_MISMATCH": "version_mismatch",
    "NO_PERMISSION": "no_permission",
    "hung": "hung",
    "crashed": "crashed",
}


class Opened(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The worker's answer to "open"."""

    gpu_count: int
    driver_version: str | NvmlError
    nvml_version: str | NvmlError
    cuda_driver_version: str | NvmlError
    library_path: str


def read_inventory(
    timeout_s: float,
    *,
    library_path: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Inventory | NvmlUnavailable:
    """Reads the driver and every GPU within `timeout_s` seconds; never raises for what NVML does.

    A GPU that hangs or crashes the worker has `error` set to TIMEOUT or CRASHED with the call that
    did it; those after it are still read by a new worker. `library_path` and `env` as for
    `NvmlClient`.
    """
    with NvmlClient(timeout_s, library_path=library_path, env=env) as client:
        reading = _Reading(client, timeout_s)
        opened = reading.open()
        if not isinstance(opened, Opened):
            return unavailable(opened)
        return Inventory(
            driver_version=opened.driver_version,
            nvml_version=opened.nvml_version,
            cuda_driver_version=opened.cuda_driver_version,
            library_path=opened.library_path,
            gpus=reading.gpus(opened.gpu_count),
        )


class _Reading:
    """The course of one inventory: the time left, and what went wrong with which GPU."""

    def __init__(self, client: NvmlClient, timeout_s: float) -> None:
        self._client = client
        self._deadline = time.monotonic() + timeout_s
        self._stall_s = timeout_s * _STALL_SHARE
        self._errors: dict[int, NvmlError] = {}  # GPUs not to be asked again
        self._over: NvmlError | None = None  # why nothing can be asked any more

    def open(self) -> Opened | NvmlError | WorkerFailure:
        return self._client.request("open", Opened, timeout_s=self._left())

    def gpus(self, count: int) -> tuple[GpuReading, ...]:
        values: list[dict[str, Any]] = [{} for _ in range(count)]
        for fields in (IDENTITY, STATE):
            for index in range(count):
                values[index].update(self._read(index, fields))
        return tuple(
            msgspec.convert(
                {"index": index, "error": self._errors.get(index), **values[index]}, GpuReading
            )
            for index in range(count)
        )

    def _read(self, index: int, fields: tuple[str, ...]) -> dict[str, Any]:
        error = self._errors.get(index) or self._over
        if error is None:
            answer = self._client.request(
                "read",
                dict[str, Any],
                timeout_s=self._left(),
                stall_s=self._stall_s,
                gpu=index,
                fields=fields,
            )
            if isinstance(answer, dict):
                return answer
            error = answer.as_error() if isinstance(answer, WorkerFailure) else answer
            self._errors[index] = error
            if isinstance(answer, WorkerFailure):
                self._start_again()
        return dict.fromkeys(fields, error)

    def _start_again(self) -> None:
        if self._left() <= 0:
            self._over = NvmlError(NOT_READ, "NOT_READ", "", "no time was left")
            return
        opened = self.open()
        if isinstance(opened, Opened):
            return
        cause = opened.as_error() if isinstance(opened, WorkerFailure) else opened
        self._over = NvmlError(
            NOT_READ, "NOT_READ", cause.call, f"NVML did not start again: {cause}"
        )

    def _left(self) -> float:
        return self._deadline - time.monotonic()


def unavailable(why: NvmlError | WorkerFailure) -> NvmlUnavailable:
    """Why "open" gave no `Opened`."""
    if isinstance(why, NvmlError):
        return NvmlUnavailable(_REASONS.get(why.name, "other"), str(why), why.call)
    doing = f"in {why.call}" if why.call else "before the first NVML call"
    return NvmlUnavailable(_REASONS.get(why.kind, "other"), f"{why.detail} {doing}", why.call)
