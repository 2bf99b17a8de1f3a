"""`gpu-watch run`: a command, its whole process tree, and what it did to the GPUs.

Prints like `time`, exits like the command. Signals reach the command, not this process.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import psutil

from envcheck.errors import UsageError
from envcheck.nvml.readings import NvmlUnavailable
from envcheck.watch.sample import Sampler
from envcheck.watch.session import no_driver
from envcheck.watch.summary import GpuSummary, Summary
from envcheck.watch.units import clock, size

_PASSED_ON = {
    *(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT),
    *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT, signal.SIGWINCH),
}
_FROM_KERNEL = 0x80  # si_code of what the terminal sends: the whole foreground group gets it
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # as shells and `env` exit


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What a command did, as `--json` writes it."""

    schema_version: int = 1
    command: tuple[str, ...]
    exit_code: int
    wall_seconds: float
    cpu_seconds: float
    gpus: tuple[GpuSummary, ...]
    gpus_unread: str | None  # why nothing is known of the GPUs


def run(
    command: Sequence[str],
    *,
    json_file: str | None = None,
    interval_s: float = 0.5,
    env: Mapping[str, str] | None = None,
) -> int:
    """Runs the command, prints the summary on stderr; the command's own exit code.

    A command ended by signal N gives 128 + N. Without a driver it runs all the same.

    Raises:
        UsageError: `json_file` cannot be written.
    """
    if json_file is not None:
        _writable(json_file)
    sampler = Sampler(interval_s=interval_s, processes_s=interval_s, env=env)
    opened = sampler.open()
    unread = no_driver(opened) if isinstance(opened, NvmlUnavailable) else None
    tree = _Tree()
    summary = Summary(tree.holds)
    try:
        if unread is None:
            summary.add(sampler.tick())
        started, before = time.monotonic(), _children_cpu()
        code = _supervise(command, tree, summary, None if unread else sampler, interval_s)
        wall, cpu = time.monotonic() - started, _children_cpu() - before
    finally:
        sampler.close()
    done = Run(
        command=tuple(command),
        exit_code=code,
        wall_seconds=round(wall, 3),
        cpu_seconds=round(cpu, 3),
        gpus=summary.used(),
        gpus_unread=unread,
    )
    sys.stderr.write(text(done))
    if json_file is not None:
        Path(json_file).write_bytes(msgspec.json.format(msgspec.json.encode(done)) + b"\n")
    return code


def _supervise(
    command: Sequence[str],
    tree: "_Tree",
    summary: Summary,
    sampler: Sampler | None,
    interval_s: float,
) -> int:
    """Starts the command and ticks until it ends; its exit code."""
    watched = _PASSED_ON | {signal.SIGCHLD}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    try:
        child = subprocess.Popen(
            command, preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        )
    except OSError as error:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        print(f"envcheck: {command[0]}: {error.strerror}", file=sys.stderr)
        return _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
    try:
        tree.root(child.pid)
        due = time.monotonic() + interval_s
        while child.poll() is None:
            _pass_on(child, watched, max(0.0, due - time.monotonic()))
            if time.monotonic() >= due:
                due = time.monotonic() + interval_s
                tree.grow()
                if sampler:
                    summary.add(sampler.tick())
        if sampler:
            summary.add(sampler.tick())  # the rings still hold what the last moment did
    finally:
        if child.poll() is None:
            child.terminate()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _pass_on(child: "subprocess.Popen[bytes]", signals: set[signal.Signals], wait_s: float) -> None:
    """Waits for a signal, and gives it to the command unless the terminal did already."""
    received = signal.sigtimedwait(signals, wait_s)
    if received is None or received.si_signo == signal.SIGCHLD:
        return
    if received.si_code != _FROM_KERNEL:
        child.send_signal(received.si_signo)


class _Tree:
    """The processes that descend from the command, those whose parent is gone included."""

    def __init__(self) -> None:
        self._members: dict[int, psutil.Process] = {}

    def root(self, pid: int) -> None:
        self._adopt(pid)

    def grow(self) -> None:
        """Finds what the members started since."""
        for member in list(self._members.values()):
            try:
                for process in member.children(recursive=True):
                    self._members.setdefault(process.pid, process)
            except psutil.Error:
                continue  # it ended; those found before stay members

    def holds(self, pid: int) -> bool:
        """Whether this process id belongs to the tree, now or when last looked at."""
        if pid in self._members:
            return True
        try:
            parents = psutil.Process(pid).parents()
        except psutil.Error:
            return False
        if any(parent.pid in self._members for parent in parents):
            self._adopt(pid)
            return True
        return False

    def _adopt(self, pid: int) -> None:
        try:
            self._members[pid] = psutil.Process(pid)
        except psutil.Error:
            return  # it has ended already


def text(done: Run) -> str:
    """The summary as people read it."""
    lines = [
        "",
        f"exit code {done.exit_code}, {clock(done.wall_seconds)} wall,"
        f" {clock(done.cpu_seconds)} CPU",
    ]
    if done.gpus_unread:
        lines.append(f"GPUs: {done.gpus_unread}")
    elif done.gpus and done.gpus[0].memory_of == "gpu":
        lines.append("No process of the command was seen on a GPU; these are whole GPUs:")
    for gpu in done.gpus:
        lines += _gpu_lines(gpu)
    return "\n".join(lines) + "\n"


def _gpu_lines(gpu: GpuSummary) -> list[str]:
    lines = [f"GPU {gpu.index}: {gpu.name or 'unknown'}"]
    if gpu.error:
        lines.append(f"  not readable: {gpu.error}")
    if gpu.utilization_mean_percent is not None:
        lines.append(
            f"  utilisation  mean {gpu.utilization_mean_percent:.1f} %,"
            f" p95 {gpu.utilization_p95_percent:.0f} %, peak {gpu.utilization_peak_percent:.0f} %"
            f" (samples cover {100 * gpu.utilization_coverage_ratio:.0f} %)"
        )
    if gpu.memory_peak_bytes is not None and gpu.memory_mean_bytes is not None:
        lines.append(
            f"  memory       peak {size(gpu.memory_peak_bytes)}, mean {size(gpu.memory_mean_bytes)}"
        )
    if gpu.energy_joules is not None:
        lines.append(f"  energy       {gpu.energy_joules:.0f} J")
    for reason, seconds in gpu.throttled_seconds.items():
        lines.append(f"  throttled    {seconds:.1f} s by {reason}")
    if gpu.xids:
        lines.append(f"  Xid          {', '.join(map(str, gpu.xids))}")
    return lines


def _children_cpu() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _writable(path: str) -> None:
    try:
        with open(path, "ab"):
            pass
    except OSError as error:
        raise UsageError(f"--json {path}: {error.strerror}") from error
