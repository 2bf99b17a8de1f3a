"""Ends a process that was chosen on the screen, and only that one. Must not know the screen."""

import os
from pathlib import Path

import psutil

from envcheck.watch.processes import INITIAL_NAMESPACE
from envcheck.watch.tick import ProcessTick, Unread
from envcheck.watch.units import moment

_SAME_S = 2.0  # start times are rounded to seconds, and shift with the system clock


class Refused(Exception):
    """The process is not to be ended from here; the message says why."""


class Victim:
    """One process, told apart from any later one of the same number."""

    def __init__(self, tick: ProcessTick, proc: Path = Path("/proc")) -> None:
        """Finds the process of a row.

        Raises:
            Refused: it is not certain that this number means the same process here.
        """
        if isinstance(tick.started, Unread):
            raise Refused(f"{tick.pid} is not to be ended from here: {tick.started.reason}")
        if tick.pid in (0, 1, os.getpid()):
            raise Refused(f"{tick.pid} is not to be ended from here")
        started = moment(tick.started)
        try:
            self._process = psutil.Process(tick.pid)
            age_differs = (
                started is None or abs(self._process.create_time() - started.timestamp()) > _SAME_S
            )
        except psutil.Error:
            raise Refused(f"{tick.pid} has ended") from None
        if age_differs:
            raise Refused(f"{tick.pid} has ended; that number is another process now")
        if not _initial(proc) and not _uses_gpu(proc, tick.pid):
            raise Refused(
                f"{tick.pid} may be another process here: the driver counts processes of the"
                " machine, this container its own"
            )
        self.pid = tick.pid
        self.warned = False  # was sent TERM

    @property
    def alive(self) -> bool:
        try:
            ended = self._process.status() == psutil.STATUS_ZOMBIE
            return bool(self._process.is_running()) and not ended
        except psutil.Error:
            return False

    def strike(self) -> str:
        """Sends TERM, at the second time KILL; what was done, as a sentence.

        Raises:
            Refused: the system does not allow it, or the process has ended.
        """
        try:
            if self.warned:
                self._process.kill()
                return f"KILL sent to {self.pid}"
            self._process.terminate()
        except psutil.NoSuchProcess:
            raise Refused(f"{self.pid} has ended") from None
        except psutil.AccessDenied:
            raise Refused(f"{self.pid} belongs to another user: not allowed") from None
        self.warned = True
        return f"TERM sent to {self.pid}; k again sends KILL"


def _initial(proc: Path) -> bool:
    """Whether process numbers here are those of the machine, as the driver counts them."""
    try:
        return str((proc / "self/ns/pid").readlink()) == INITIAL_NAMESPACE
    except OSError:
        return False


def _uses_gpu(proc: Path, pid: int) -> bool:
    try:
        links = [str(link.readlink()) for link in (proc / str(pid) / "fd").iterdir()]
    except OSError:
        return False
    return any("/dev/nvidia" in link for link in links)
