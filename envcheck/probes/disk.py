"""Space on disks. Must not know what it is for."""

import contextlib
import queue
import threading
import time
from functools import partial

from envcheck.facts import NOT_ASKED, Disk, Missing, failed
from envcheck.probes.host import Host
from envcheck.probes.interpreter import Interpreter

LIMIT = 1.0  # seconds for the folders asked for, all together
USUAL = ("/", "/tmp")

Space = tuple[int, int] | Missing


def read_disks(
    host: Host, interpreter: Interpreter | Missing, asked: tuple[str, ...]
) -> tuple[Disk, ...] | Missing:
    """The file systems of /, of the patient's environment, of /tmp, and of the folders asked for,
    also those that are not there or do not answer.
    """
    prefix = () if isinstance(interpreter, Missing) else (interpreter.prefix,)
    disks = []
    for path in dict.fromkeys((USUAL[0], *prefix, *USUAL[1:])):
        space = host.space(path)
        if space == NOT_ASKED:
            return NOT_ASKED
        if not isinstance(space, Missing):
            disks.append(Disk(path, *space))
    known = {disk.path for disk in disks}
    return (*disks, *_asked(host, tuple(path for path in asked if path not in known)))


def _asked(host: Host, folders: tuple[str, ...]) -> list[Disk]:
    """A disk whose file server is gone never answers: it must not take the others with it."""
    answers: queue.SimpleQueue[tuple[str, Space]] = queue.SimpleQueue()
    for path in folders:
        look = partial(_look, host, path, answers)
        threading.Thread(target=look, name=f"disk {path}", daemon=True).start()
    found: dict[str, Space] = {}
    end = time.monotonic() + LIMIT
    with contextlib.suppress(queue.Empty):
        while len(found) < len(folders):
            path, space = answers.get(timeout=max(0.0, end - time.monotonic()))
            found[path] = space
    late = failed(f"no answer within {LIMIT:g} s")
    disks = []
    for path in folders:
        space = found.get(path, late)
        disks.append(Disk(path, *((space, space) if isinstance(space, Missing) else space)))
    return disks


def _look(host: Host, path: str, answers: "queue.SimpleQueue[tuple[str, Space]]") -> None:
    answers.put((path, host.space(path)))
