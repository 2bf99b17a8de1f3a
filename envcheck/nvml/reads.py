"""NVML calls, each announced before it is made, each failure a `ReadError`.

Runs inside the worker process only. Plain data out, for JSON; must not know the parent's types
(importing msgspec would cost as much start-up time as Python itself).
"""

import ctypes
import functools
import os
from collections.abc import Callable
from typing import Any

import pynvml

from envcheck.nvml.places import FALLBACK_DIRS, SONAME

Announce = Callable[[str, int], None]  # (function, GPU index or NO_GPU), before each call
NO_GPU = -1

_SUPERSEDED = {
    pynvml.NVML_ERROR_FUNCTION_NOT_FOUND,
    pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH,
    pynvml.NVML_ERROR_DEPRECATED,
}


class ReadError(Exception):
    """An NVML call that gave no value."""

    def __init__(self, code: int, call: str, detail: str = "") -> None:
        super().__init__(code, call, detail)
        self.code, self.call, self.detail = code, call, detail

    def plain(self) -> dict[str, object]:
        """As the parent's `NvmlError` reads it."""
        name = constants("NVML_ERROR_").get(self.code, "UNKNOWN")
        return {"code": self.code, "name": name, "call": self.call, "detail": self.detail}


@functools.cache
def constants(prefix: str) -> dict[int, str]:
    """pynvml's constants of that prefix: value → name without the prefix."""
    return {
        value: name[len(prefix) :]
        for name, value in vars(pynvml).items()
        if name.startswith(prefix) and isinstance(value, int)
    }


class Nvml:
    """NVML, loaded and started by `open`."""

    def __init__(self, announce: Announce, library_path: str = "") -> None:
        self._announce = announce
        self._library_path = library_path
        self._gpus: dict[int, Gpu] = {}
        self._avoided: set[tuple[int, str]] = set()
        self.calls = 0

    def call(self, name: str, *args: object, gpu: int = NO_GPU) -> Any:
        """What pynvml's function of that name returns.

        Raises:
            ReadError: NVML answered with an error, has no such function, or hung in it before.
        """
        if (gpu, name) in self._avoided:
            raise ReadError(pynvml.NVML_ERROR_TIMEOUT, name, "hung before, not asked again")
        self.calls += 1
        self._announce(name, gpu)
        function = getattr(pynvml, name, None)  # an older nvidia-ml-py may lack it, like a driver
        if function is None:
            raise ReadError(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND, name, "not in this nvidia-ml-py")
        try:
            return function(*args)
        except pynvml.NVMLError as error:
            raise ReadError(error.value, name) from None
        except pynvml.NVMLLibraryMismatchError as error:  # no NVMLError
            raise ReadError(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND, name, str(error)) from None
        except UnicodeDecodeError:
            raise ReadError(pynvml.NVML_ERROR_UNKNOWN, name, "the text is not UTF-8") from None

    def open(self) -> dict[str, object]:
        """Loads the library, starts NVML, and tells what it is.

        Raises:
            ReadError: there is no library, or NVML would not start or count the GPUs.
        """
        self._announce("dlopen", NO_GPU)
        library_path = _load(self._library_path)
        self.call("nvmlInit")
        return {
            "gpu_count": self.call("nvmlDeviceGetCount"),
            "driver_version": guarded(lambda: self.call("nvmlSystemGetDriverVersion")),
            "nvml_version": guarded(lambda: self.call("nvmlSystemGetNVMLVersion")),
            "cuda_driver_version": guarded(self._cuda_driver_version),
            "library_path": library_path,
        }

    def gpu(self, index: int) -> "Gpu":
        """The GPU of that index, opened once.

        Raises:
            ReadError: it cannot be opened.
        """
        if index not in self._gpus:
            handle = self.call("nvmlDeviceGetHandleByIndex", index, gpu=index)
            self._gpus[index] = Gpu(self, index, handle)
        return self._gpus[index]

    def avoid(self, gpu: int, calls: list[str]) -> None:
        """Never to make these calls of that GPU again: in an earlier worker they did not return."""
        self._avoided.update((gpu, call) for call in calls)

    def _cuda_driver_version(self) -> str:
        version = self.call("nvmlSystemGetCudaDriverVersion_v2")
        return f"{version // 1000}.{version % 1000 // 10}"


class Gpu:
    """An opened GPU or MIG device: `call` passes its handle and announces its index."""

    def __init__(self, nvml: Nvml, index: int, handle: object) -> None:
        self.nvml, self.index, self.handle = nvml, index, handle

    def call(self, name: str, *args: object) -> Any:
        return self.nvml.call(name, self.handle, *args, gpu=self.index)

    def newest(self, newer: tuple[Any, ...], older: tuple[Any, ...]) -> Any:
        """The newer call (name, arguments), or the older one where the newer is not known."""
        try:
            return self.call(*newer)
        except ReadError as error:
            if error.code not in _SUPERSEDED:
                raise
        return self.call(*older)


def guarded(read: Callable[[], object]) -> object:
    """What `read` gives, or its error as plain data."""
    try:
        return read()
    except ReadError as error:
        return error.plain()


def _load(path: str) -> str:
    """Loads the library for pynvml; its path, links resolved."""
    candidates = [path] if path else [SONAME, *(f"{folder}/{SONAME}" for folder in FALLBACK_DIRS)]
    unusable = ""
    for candidate in candidates:
        try:
            pynvml.nvmlLib = ctypes.CDLL(candidate)
        except OSError as error:
            # "X: cannot open ...": X itself is not there. All else: it is there, and unusable.
            if not str(error).startswith(f"{candidate}: cannot open shared object file: No such"):
                unusable = unusable or str(error)
            continue
        return _mapped_path() if candidate == SONAME else os.path.realpath(candidate)
    if unusable:
        raise ReadError(pynvml.NVML_ERROR_UNKNOWN, "dlopen", unusable)
    raise ReadError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, "dlopen", f"{path or SONAME} not found")


def _mapped_path() -> str:
    """Which file the loader chose for the soname; empty where /proc does not tell."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            paths = (line.rstrip("\n").split(maxsplit=5)[-1] for line in maps)
            return next((path for path in paths if "/libnvidia-ml.so" in path), "")
    except OSError:
        return ""
