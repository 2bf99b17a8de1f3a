"""What the operating system knows of a process: name, user, container, CPU. Must not know NVML."""

import re
import time
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

import msgspec
import psutil

from envcheck.watch.tick import FIRST, Unread

# The PID namespace of the machine itself has this inode (PROC_PID_INIT_INO in the kernel).
INITIAL_NAMESPACE = "pid:[4026531836]"
_CONTAINER = re.compile(r"(?:(docker|libpod|cri-containerd|crio)[-/]|/)([0-9a-f]{64})(?:\.scope)?")
_POD = re.compile(r"pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12})")


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One process as /proc shows it."""

    name: str | Unread
    command: str | Unread
    user: str | Unread
    parent_pid: int | Unread
    started: str | Unread
    cpu_percent: float | Unread
    rss_bytes: int | Unread
    container: str | None = None
    pod: str | None = None


class _Seen:
    """What does not change while a process lives, and its CPU time when last looked at."""

    def __init__(self, process: psutil.Process, fixed: Process) -> None:
        self.process, self.fixed = process, fixed
        self.cpu: tuple[float, float] | None = None


class ProcessTable:
    """Describes processes by id; remembers those it knows, as long as they are asked for."""

    def __init__(self, proc: Path = Path("/proc"), control: Path = Path("/dev/nvidiactl")) -> None:
        self._proc, self._control = proc, control
        self._seen: dict[int, _Seen] = {}

    def keep(self, pids: Iterable[int]) -> None:
        """Forgets all other processes."""
        kept = set(pids)
        self._seen = {pid: seen for pid, seen in self._seen.items() if pid in kept}

    def describe(self, pid: int) -> Process:
        """The process of that id, each part `Unread` where the system does not tell.

        CPU use is the mean since the time before that it was asked for.
        """
        try:
            seen = self._seen.get(pid)
            if seen is None or not seen.process.is_running():
                seen = self._seen[pid] = self._look(pid)
            with seen.process.oneshot():
                times, rss = seen.process.cpu_times(), seen.process.memory_info().rss
        except psutil.NoSuchProcess:
            self._seen.pop(pid, None)
            return _nobody(self._absent(pid))
        except psutil.Error as error:
            return _nobody(Unread("NO_PERMISSION", str(error)))
        now, spent = time.monotonic(), times.user + times.system
        before, seen.cpu = seen.cpu, (now, spent)
        cpu: float | Unread = FIRST
        if before and now > before[0]:
            cpu = round(100 * (spent - before[1]) / (now - before[0]), 1)
        return msgspec.structs.replace(seen.fixed, cpu_percent=cpu, rss_bytes=rss)

    def _look(self, pid: int) -> _Seen:
        process = psutil.Process(pid)
        if self._foreign() and self._control.exists() and not self._uses_gpu(pid):
            # NVML counts in the machine's namespace: here that number is somebody else.
            raise psutil.NoSuchProcess(pid)
        container, pod = container_of(self._text(pid, "cgroup"))
        with process.oneshot():
            started = datetime.fromtimestamp(process.create_time(), timezone.utc)
            fixed = Process(
                name=process.name(),
                command=_command(process),
                user=_user(process),
                parent_pid=process.ppid(),
                started=started.isoformat(timespec="seconds").replace("+00:00", "Z"),
                cpu_percent=FIRST,
                rss_bytes=FIRST,
                container=container,
                pod=pod,
            )
        return _Seen(process, fixed)

    def _absent(self, pid: int) -> Unread:
        if self._foreign():
            return Unread("NOT_VISIBLE", f"process {pid} is outside this container")
        return Unread("NOT_FOUND", f"process {pid} has ended, or is on another side of this host")

    def _foreign(self) -> bool:
        try:
            return str((self._proc / "self/ns/pid").readlink()) != INITIAL_NAMESPACE
        except OSError:
            return False

    def _uses_gpu(self, pid: int) -> bool:
        folder = self._proc / str(pid) / "fd"
        try:
            return any("/dev/nvidia" in str(link.readlink()) for link in folder.iterdir())
        except PermissionError:
            return True  # another user's: cannot be told apart
        except OSError:
            return False

    def _text(self, pid: int, name: str) -> str:
        try:
            return (self._proc / str(pid) / name).read_text(errors="replace")
        except OSError:
            return ""


def container_of(cgroup: str) -> tuple[str | None, str | None]:
    """Container and pod that a control group's path names: ("docker:3f2a45e1c09b", None)."""
    container, pod = _CONTAINER.search(cgroup), _POD.search(cgroup)
    label = f"{container[1] or 'container'}:{container[2][:12]}" if container else None
    return label, pod[1].replace("_", "-") if pod else None


def _command(process: psutil.Process) -> str | Unread:
    try:
        return " ".join(process.cmdline()) or f"[{process.name()}]"
    except psutil.AccessDenied as error:
        return Unread("NO_PERMISSION", str(error))


def _user(process: psutil.Process) -> str | Unread:
    try:
        return str(process.username())
    except psutil.AccessDenied as error:
        return Unread("NO_PERMISSION", str(error))


def _nobody(why: Unread) -> Process:
    return Process(
        name=why,
        command=why,
        user=why,
        parent_pid=why,
        started=why,
        cpu_percent=why,
        rss_bytes=why,
    )
