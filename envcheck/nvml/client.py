"""The parent's side of the worker: asks, watches, and kills it when a call hangs.

Must not import pynvml, nor wait for a process that may never die.
"""

import contextlib
import math
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from envcheck.nvml.readings import CRASHED, TIMEOUT, NvmlError

T = TypeVar("T")

MAX_ANSWER_BYTES = 16 << 20
_LOOKS_PER_STALL = 4

# -I -S: no site, no .pth code, and no file in the working directory that shadows the standard
# library; the parent's own path is passed on instead, behind the standard library.
_BOOT = "import sys; sys.path += sys.argv[3:]; from envcheck.nvml.worker import main; main()"

_unreaped: list["subprocess.Popen[bytes]"] = []
_unreaped_lock = threading.Lock()


class WorkerFailure(msgspec.Struct, frozen=True):
    """The worker gave no answer; it is gone. `call` and `gpu` say what it was doing."""

    kind: Literal["hung", "crashed", "broken"]
    call: str = ""  # NVML function under way; "" before the first one
    gpu: int | None = None  # index of the GPU it was asked of
    detail: str = ""  # "SIGSEGV", "no answer for 2.5 s"

    def as_error(self) -> NvmlError:
        """As the value of the fields that could not be read."""
        if self.kind == "hung":
            return NvmlError(TIMEOUT, "TIMEOUT", self.call, self.detail)
        return NvmlError(CRASHED, "CRASHED", self.call, self.detail)


class _Answer(msgspec.Struct):
    value: msgspec.Raw = msgspec.Raw()
    error: NvmlError | None = None
    broken: str = ""


class NvmlClient:
    """NVML behind a worker process. Not for use by two threads at once.

    After a `WorkerFailure` the next request starts a new worker, which must be sent "open" again.
    """

    def __init__(
        self,
        timeout_s: float = 10.0,
        *,
        library_path: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Starts nothing yet.

        `timeout_s` is for requests that name none. `library_path` replaces the loader's choice.
        `env` is the worker's whole environment instead of this process's (LD_LIBRARY_PATH).
        """
        self._timeout_s = timeout_s
        self._library_path = library_path or ""
        self._env = env
        self._worker: _Worker | None = None

    def __enter__(self) -> "NvmlClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def request(
        self,
        op: str,
        answer: type[T],
        *,
        timeout_s: float | None = None,
        stall_s: float | None = None,
        **params: object,
    ) -> "T | NvmlError | WorkerFailure":
        """The answer to one operation of the worker, decoded as `answer`.

        `timeout_s` bounds the whole request; `stall_s` bounds each single NVML call in it.
        """
        deadline = time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)
        try:
            if self._worker is None:
                self._worker = self._started_early() or _Worker(self._library_path, self._env)
            line = self._worker.ask({"op": op, **params}, deadline, stall_s)
            return _decode(line, answer)
        except _Failed as failed:
            self.close()
            return failed.failure
        except OSError as error:  # no descriptors or no process to be had
            self.close()
            return WorkerFailure("broken", detail=str(error))
        except BaseException:  # KeyboardInterrupt: a late answer must not meet the next request
            self.close()
            raise

    def _started_early(self) -> "_Worker | None":
        plain = not self._library_path and self._env is None
        return _early.pop() if _early and plain else None

    def close(self) -> None:
        """Kills the worker without waiting: a process stuck in the driver cannot be reaped."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()


class _Worker:
    """One worker process: its pipes and the file in which it announces each call."""

    def __init__(self, library_path: str, env: Mapping[str, str] | None) -> None:
        reap()
        self._progress = _progress_file()
        root = str(Path(__file__).parents[2])
        paths = [path for path in sys.path if path]
        arguments = [str(self._progress), library_path, *paths, root]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _BOOT, *arguments],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=env,
                pass_fds=(self._progress,),
                start_new_session=True,  # Ctrl-C at the terminal is the parent's to handle
            )
        except OSError:
            os.close(self._progress)
            raise

    def ask(self, request: dict[str, object], deadline: float, stall_s: float | None) -> bytes:
        """One line of answer.

        Raises:
            _Failed: there is none.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(msgspec.json.encode(request) + b"\n")
        except BrokenPipeError:
            raise self._crashed(deadline) from None
        return self._receive(deadline, stall_s)

    def kill(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        os.close(self._progress)
        with _unreaped_lock:
            _unreaped.append(self._process)
        reap()

    def _receive(self, deadline: float, stall_s: float | None) -> bytes:
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        poller = select.poll()
        poller.register(pipe, select.POLLIN)
        received = bytearray()
        announced, since = self._announced(), time.monotonic()
        while True:
            wait = deadline - time.monotonic()
            if stall_s is not None:
                wait = min(wait, stall_s / _LOOKS_PER_STALL)
            if poller.poll(max(0, math.ceil(wait * 1000))):
                chunk = os.read(pipe, 1 << 16)
                received += chunk
                if not chunk:
                    raise self._crashed(deadline)
                if chunk.endswith(b"\n"):
                    return bytes(received)
                if len(received) > MAX_ANSWER_BYTES:
                    raise _Failed(WorkerFailure("broken", detail="the answer is too long"))
                continue
            latest, now = self._announced(), time.monotonic()
            if latest != announced:
                announced, since = latest, now
            stalled = stall_s is not None and now - since >= stall_s
            if stalled or now >= deadline:
                raise self._failed("hung", f"no answer for {now - since:.2g} s")

    def _crashed(self, deadline: float) -> "_Failed":
        try:
            status = self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return self._failed("crashed", "closed its pipe and lives on")
        return self._failed("crashed", _ending(status))

    def _failed(self, kind: Literal["hung", "crashed"], detail: str) -> "_Failed":
        _, _, last = self._announced().partition(" ")
        gpu, _, call = last.partition(" ")
        index = int(gpu) if gpu.isdecimal() else None  # "-1": a call to no GPU in particular
        return _Failed(WorkerFailure(kind, call, index, detail))

    def _announced(self) -> str:
        """ "COUNT GPU FUNCTION" of the last call; the count tells a call from its repetition."""
        return os.pread(self._progress, 256, 0).partition(b"\n")[0].decode(errors="replace")


class _Failed(Exception):
    def __init__(self, failure: WorkerFailure) -> None:
        super().__init__(failure)
        self.failure = failure


def _decode(line: bytes, answer: type[T]) -> T | NvmlError:
    try:
        decoded = msgspec.json.decode(line, type=_Answer)
        if decoded.error is not None:
            return decoded.error
        if decoded.broken:
            raise _Failed(WorkerFailure("broken", detail=decoded.broken))
        return msgspec.json.decode(decoded.value, type=answer)
    except msgspec.DecodeError as error:
        raise _Failed(WorkerFailure("broken", detail=f"unreadable answer: {error}")) from None


def _ending(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:  # a real-time signal
        return f"signal {-status}"


def _progress_file() -> int:
    """A descriptor both processes can write and read; /dev/null where there is no room at all."""
    if hasattr(os, "memfd_create"):  # not in a Python built for an old glibc
        return os.memfd_create("envcheck-nvml", os.MFD_CLOEXEC)
    try:
        import tempfile

        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())
    except OSError:
        return os.open(os.devnull, os.O_RDWR)


def start_early() -> None:
    """Starts a worker for the next plain client: it loads while this process does."""
    with contextlib.suppress(OSError):  # then the client says so
        _early.append(_Worker("", None))


_early: list[_Worker] = []


def reap() -> None:
    """Collects killed workers that have died by now; never waits."""
    with _unreaped_lock:
        _unreaped[:] = [worker for worker in _unreaped if worker.poll() is None]
