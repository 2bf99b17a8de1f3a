"""NVML for as long as one watches: a call that hangs or crashes costs that one cell, not the rest.

The worker is killed without waiting, and the next one never makes the same call of that GPU; after
a second such call the whole GPU is left alone. Must not know what is asked.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from envcheck.nvml.client import NvmlClient, WorkerFailure
from envcheck.nvml.inventory import Opened, unavailable
from envcheck.nvml.readings import NOT_READ, NvmlError, NvmlUnavailable
from envcheck.nvml.signals import Watched

T = TypeVar("T")

STALL_S = 2.0  # one NVML call may take this long before it counts as hung
OPEN_S = 10.0  # without persistence mode the driver starts the GPUs first
RETRY_S = 30.0  # after the driver did not come back
FORGIVE_S = 300.0  # a GPU that was reset meanwhile may answer again
_OPENING = "nvmlDeviceGetHandleByIndex"
_NO_GPU = -1


class Session:
    """An `NvmlClient` that is started again whenever its worker is gone."""

    def __init__(
        self, client: NvmlClient, *, stall_s: float = STALL_S, open_s: float = OPEN_S
    ) -> None:
        self._client, self._stall_s, self._open_s = client, stall_s, open_s
        self._avoided: dict[int, dict[str, NvmlError]] = {}  # GPU → call → what it did
        self._lost: dict[int, NvmlError] = {}
        self._down: NvmlError | None = None
        self._retry_at = 0.0
        self._forgive_at = 0.0
        self.restarts = 0

    def open(self) -> Opened | NvmlUnavailable:
        """Loads NVML in a worker."""
        opened = self._client.request("open", Opened, timeout_s=self._open_s)
        if not isinstance(opened, Opened):
            return unavailable(opened)
        for gpu, calls in self._avoided.items():
            self._client.request("avoid", type(None), gpu=gpu, calls=list(calls))
        return opened

    def ask(self, op: str, answer: type[T], gpu: int | None, **params: Any) -> T | NvmlError:
        """The worker's answer to one operation, or why there is none now."""
        if gpu is not None:
            params["gpu"] = gpu
        asked = _NO_GPU if gpu is None else gpu
        self._forgive()
        while (error := self._error(asked)) is None:
            result = self._client.request(op, answer, stall_s=self._stall_s, **params)
            if not isinstance(result, WorkerFailure):
                return result
            self._note(result, asked)
            self._start_again()
        return error

    def watch(
        self, wanted: Mapping[int, Mapping[str, object]], **params: Any
    ) -> dict[int, Watched | NvmlError]:
        """All GPUs in one request: index → what was read of it, or why nothing was.

        When one stalls, all are asked again without that call: what they give is what is new since
        the last answer that arrived, so nothing is lost by that.
        """
        self._forgive()
        while True:
            errors = {gpu: self._error(gpu) for gpu in wanted}
            asked = [{"gpu": gpu, **wanted[gpu]} for gpu, error in errors.items() if not error]
            found = {gpu: error for gpu, error in errors.items() if error}
            if not asked:
                return dict(found)
            indices = [gpu for gpu in wanted if gpu not in found]
            result = self._client.request(
                "watch", list[Watched], stall_s=self._stall_s, wanted=asked, **params
            )
            if isinstance(result, NvmlError):
                return {**found, **dict.fromkeys(indices, result)}
            if not isinstance(result, WorkerFailure):
                read = (one.error or one for one in result)
                return {**found, **dict(zip(indices, read, strict=True))}
            self._note(result, indices[0] if result.gpu is None else result.gpu)
            self._start_again()

    @property
    def troubled(self) -> bool:
        """Whether some call hung or crashed and is left out now."""
        return bool(self._avoided or self._lost or self._down)

    def close(self) -> None:
        self._client.close()

    def _error(self, gpu: int) -> NvmlError | None:
        if self._down is not None and time.monotonic() >= self._retry_at:
            self._start_again()
        return self._down or self._lost.get(gpu)

    def _note(self, failure: WorkerFailure, asked: int) -> None:
        self.restarts += 1
        self._forgive_at = time.monotonic() + FORGIVE_S
        gpu = _NO_GPU if failure.gpu is None else failure.gpu
        error = failure.as_error()
        calls = self._avoided.setdefault(gpu, {})
        # The same call again, or none that is to blame: whatever was asked for is left alone.
        hopeless = not failure.call or failure.call in calls
        calls[failure.call] = error
        if hopeless:
            self._lost[asked] = error
        elif failure.call == _OPENING or (gpu != _NO_GPU and len(calls) > 1):
            self._lost[gpu] = error

    def _start_again(self) -> None:
        opened = self.open()
        if isinstance(opened, Opened):
            self._down = None
            return
        self._retry_at = time.monotonic() + RETRY_S
        detail = f"NVML did not start again: {opened.detail}"
        self._down = NvmlError(NOT_READ, "NOT_READ", opened.call, detail)

    def _forgive(self) -> None:
        if self._forgive_at and time.monotonic() >= self._forgive_at:
            self._forgive_at = 0.0
            self._avoided.clear()
            self._lost.clear()
            self._client.close()
            self._start_again()


def no_driver(why: NvmlUnavailable) -> str:
    """Why nothing can be watched, as one sentence."""
    words = {
        "library_not_found": "no NVIDIA driver is installed here",
        "driver_not_loaded": "the NVIDIA driver is installed but not loaded",
        "version_mismatch": "the NVIDIA driver was updated while the old one is loaded: reboot",
        "hung": "the NVIDIA driver does not answer",
        "no_permission": "the NVIDIA driver refuses this user",
        "crashed": "the NVIDIA library crashes",
        "other": "the NVIDIA driver cannot be asked",
    }
    return f"{words[why.reason]} ({why.detail})"


def select_gpus(session: Session, count: int, select: Sequence[str]) -> list[int | None]:
    """The GPUs of these names (index, UUID, PCI address), in their own order; None: no such one.

    All of them when no name is given. A name may be a list with commas, as nvidia-smi takes it.
    """
    names = [name.strip().lower() for entry in select for name in entry.split(",")]
    if not names:
        return list(range(count))
    known: dict[str, int] = {str(index): index for index in range(count)}
    if any(not name.isdecimal() for name in names):
        for index in range(count):
            read = session.ask("read", dict[str, object], index, fields=["uuid", "pci_bus_id"])
            values = [] if isinstance(read, NvmlError) else list(read.values())
            known |= {value.lower(): index for value in values if isinstance(value, str)}
    chosen = {known.get(_pci_short(name)) for name in names}
    return sorted(chosen, key=lambda index: -1 if index is None else index)


def _pci_short(name: str) -> str:
    """A PCI address as sysfs writes it; nvidia-smi's domain has eight digits."""
    domain, _, rest = name.partition(":")
    return f"{domain[-4:]}:{rest}" if rest else name
