"""Runs one job in the patient's Python and returns its trials, whatever becomes of the process.

A crash, a kill, the time limit or Ctrl-C becomes a failed trial that names the proof under way.
Must not know what is proved or what is right.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

import msgspec

from envcheck.facts import Trial

OUTPUT_LIMIT = 4 << 20  # bytes of a job's answer
ERROR_TAIL = 1500  # characters kept of what it wrote to standard error
READ = 1 << 16
# What a dying interpreter or CUDA library prints last, on one line.
NOISE = ("Warning", "warnings.warn")

Progress = Callable[[str], None]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One script of envcheck/patient, and what it is told."""

    script: str  # "smoke_torch.py"
    device: str
    options: dict[str, Any]
    limit: float  # seconds


class _Begin(msgspec.Struct, tag_field="event", tag="begin"):
    name: str
    check: str
    device: str


class _Trial(msgspec.Struct, tag_field="event", tag="trial"):
    name: str
    check: str
    device: str
    status: str
    reason: str = ""
    detail: str = ""
    measured: float | None = None
    limit: float | None = None
    expected: float | None = None
    seconds: float = 0.0
    rates: dict[str, float] = {}
    details: dict[str, str] = {}


class _End(msgspec.Struct, tag_field="event", tag="end"):
    pass


_Event = _Begin | _Trial | _End


def run(
    python: str, job: Job, progress: Progress, environ: Mapping[str, str] | None = None
) -> tuple[tuple[Trial, ...], bool]:
    """The job's trials, and whether the user interrupted it."""
    script = resources.files("envcheck.patient").joinpath(job.script)
    told = msgspec.json.encode({**job.options, "device": job.device})
    try:
        child = subprocess.Popen(
            [python, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(os.environ if environ is None else environ),
            start_new_session=True,  # Ctrl-C comes to us; we end it and everything it started
        )
    except OSError as error:
        words = f"{python}: {error.strerror or error}"
        return (_lost(None, job, "not_started", words),), False
    reader = _Reader(child, job, progress)
    interrupted = False
    try:
        reader.tell(told)
        ending = reader.read()
    except KeyboardInterrupt:
        interrupted, ending = True, ("interrupted", "ended by Ctrl-C")
    finally:
        _kill(child)
        reader.close()
    if ending is not None:
        return (*reader.trials, _lost(reader.running, job, *ending)), interrupted
    return tuple(reader.trials), False


class _Reader:
    """Reads a child's two streams to their end or to the time limit."""

    def __init__(self, child: "subprocess.Popen[bytes]", job: Job, progress: Progress) -> None:
        self.trials: list[Trial] = []
        self.running: _Begin | None = None
        self._child = child
        self._end_at = time.monotonic() + job.limit
        self._limit = job.limit
        self._progress = progress
        self._line = bytearray()
        self._size = 0
        self._errors = bytearray()
        self._ended = False

    def tell(self, told: bytes) -> None:
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._child.stdin as stdin:
            stdin.write(told)

    def read(self) -> tuple[str, str] | None:
        """None when the job ended as it should; otherwise (reason, words)."""
        assert self._child.stdout is not None and self._child.stderr is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._child.stdout, selectors.EVENT_READ, self._answer)
            selector.register(self._child.stderr, selectors.EVENT_READ, self._complaint)
            while selector.get_map() and not self._ended:
                left = self._end_at - time.monotonic()
                ready = selector.select(left) if left > 0 else []
                if not ready and time.monotonic() >= self._end_at:
                    return "timeout", f"no end within {self._limit:g} s"
                for key, _ in ready:
                    chunk = os.read(key.fd, READ)
                    if not chunk:
                        selector.unregister(key.fileobj)
                    elif not key.data(chunk):
                        return "garbled", "its answer is no list of trials"
        return None if self._ended else self._died()

    def close(self) -> None:
        for stream in (self._child.stdin, self._child.stdout, self._child.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _answer(self, chunk: bytes) -> bool:
        self._size += len(chunk)
        if self._size > OUTPUT_LIMIT:
            return False
        self._line += chunk
        *lines, rest = self._line.split(b"\n")
        self._line = bytearray(rest)
        return all(self._event(bytes(line)) for line in lines)

    def _event(self, line: bytes) -> bool:
        try:
            event = msgspec.json.decode(line, type=_Event)
            if isinstance(event, _Trial):
                fields = msgspec.structs.asdict(event)
                self.trials.append(msgspec.convert({**fields, "kind": "trial"}, Trial))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False
        if isinstance(event, _Begin):
            self.running = event
            self._progress(f"{event.device} {event.name}")
        elif isinstance(event, _Trial):
            self.running = None
        else:
            self._ended = True
        return True

    def _complaint(self, chunk: bytes) -> bool:
        self._errors = (self._errors + chunk)[-READ:]
        return True

    def _died(self) -> tuple[str, str]:
        try:
            code = self._child.wait(2)
        except subprocess.TimeoutExpired:
            return "garbled", "it closed its answer and went on"
        text = self._errors.decode("utf-8", "replace")
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith(NOISE)]
        said = f": {lines[-1].strip()[:ERROR_TAIL]}" if lines else ""
        if code == -signal.SIGKILL:
            return "killed", "the system killed it, most likely because memory ran out"
        if code < 0:
            return "crashed", f"it died of {signal.Signals(-code).name}{said}"
        return "crashed", f"it ended with code {code}{said}"


def _lost(running: _Begin | None, job: Job, reason: str, words: str) -> Trial:
    """The trial that was under way when the process went."""
    name, check = (running.name, running.check) if running else (job.script, "process")
    return Trial(
        name=name,
        check=check,
        device=running.device if running else job.device,
        status="failed",
        reason=reason,
        detail=words,
    )


def _kill(child: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):  # a wedged driver: left behind
        child.wait(2)


def on_stderr(text: str) -> None:
    """Progress for people: one line that is written over on a terminal, nothing elsewhere."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text[:76]}" if text else "\r\x1b[K")
        sys.stderr.flush()
