"""The one seam between envcheck and a machine: read, list, resolve, run with a time limit.

A `Host` is a live machine or another root (`--sysroot`); probes cannot tell the difference, except
that nothing is ever run for another root. Must not know rules or rendering.
"""

import contextlib
import errno
import os
import signal
import stat
import subprocess
import threading
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import IO

import msgspec

from envcheck.facts import NOT_ASKED, Missing, absent, blocked, failed
from envcheck.probes.interrupt import uninterrupted

READ_LIMIT = 1 << 20  # bytes of a text file; probed files are small, whatever someone put there
OUTPUT_LIMIT = 4 << 20  # bytes kept of a program's output
MAX_LINKS = 40  # as the kernel's own limit


class Ran(msgspec.Struct, frozen=True):
    """A program that ended by itself."""

    code: int
    out: str
    err: str


class Host:
    """Reads one machine. Paths are absolute, as seen from inside it."""

    def __init__(self, root: str = "/", environ: Mapping[str, str] | None = None) -> None:
        self.root = "" if root == "/" else root.rstrip("/")
        self.live = not self.root
        if environ is None:
            environ = os.environ if self.live else {}
        self.environ = {_utf8(name): _utf8(value) for name, value in environ.items()}

    # ---- files ----------------------------------------------------------------------------

    def locate(self, path: str) -> str:
        """The real path on this machine of a path inside the host, links followed inside it.

        Raises:
            OSError: a symbolic link loop, or a name no file can have.
        """
        if "\0" in path:
            raise FileNotFoundError(errno.ENOENT, "a file name holds no NUL byte")
        if self.live:
            return path
        parts = [part for part in path.split("/") if part]
        done: list[str] = []
        links = 0
        while parts:
            part = parts.pop(0)
            if part == ".":
                continue
            if part == "..":
                done[-1:] = []
                continue
            here = "/".join((self.root, *done, part))
            if os.path.islink(here):
                links += 1
                if links > MAX_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                target = os.readlink(here)
                if target.startswith("/"):
                    done = []
                parts = [p for p in target.split("/") if p] + parts
            else:
                done.append(part)
        return "/".join((self.root, *done))

    def inside(self, located: str) -> str:
        """The path inside the host of a real path below its root."""
        return located[len(self.root) :] or "/"

    def realpath(self, path: str) -> str:
        """The path with every link followed, as seen from inside the host; itself on a loop."""
        try:
            located = self.locate(path)
            return _utf8(os.path.realpath(path) if self.live else self.inside(located))
        except OSError:
            return path

    def read_bytes(
        self, path: str, limit: int = READ_LIMIT, *, tail: bool = False
    ) -> bytes | Missing:
        """The first or last `limit` bytes of a regular file. Never blocks on a fifo or device."""
        if self.kind(path) in ("dir", "char", "other"):  # opening some devices has effects
            return failed(f"{path} is not a regular file")
        try:
            handle = os.open(self.locate(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            return _missing(path, error)
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):  # it was replaced a moment ago
                return failed(f"{path} is not a regular file")
            if tail:
                os.lseek(handle, max(0, status.st_size - limit), os.SEEK_SET)
            chunks, left = [], limit
            while left > 0 and (chunk := os.read(handle, min(left, 1 << 16))):
                chunks.append(chunk)
                left -= len(chunk)
            return b"".join(chunks)
        except OSError as error:
            return _missing(path, error)
        finally:
            os.close(handle)

    def read(self, path: str, limit: int = READ_LIMIT) -> str | Missing:
        """As `read_bytes`, as text; bytes that are not UTF-8 are replaced."""
        data = self.read_bytes(path, limit)
        return data if isinstance(data, Missing) else data.decode("utf-8", "replace")

    def names(self, path: str) -> tuple[str, ...] | Missing:
        """Names in a directory, sorted; without those that are not UTF-8: JSON cannot hold them."""
        try:
            names = os.listdir(self.locate(path))
        except OSError as error:
            return _missing(path, error)
        return tuple(sorted(name for name in names if name == _utf8(name)))

    def space(self, path: str) -> tuple[int, int] | Missing:
        """Total and free bytes, for this user, of the file system that holds `path`."""
        if not self.live:
            return NOT_ASKED
        try:
            status = os.statvfs(path)
        except OSError as error:
            return _missing(path, error)
        return status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize

    def exists(self, path: str) -> bool:
        return self.kind(path) is not None

    def is_file(self, path: str) -> bool:
        return self.kind(path) == "file"

    def is_dir(self, path: str) -> bool:
        return self.kind(path) == "dir"

    def kind(self, path: str) -> str | None:
        """One of file, dir, char, other; None when it is not there or may not be looked at."""
        try:
            mode = os.stat(self.locate(path)).st_mode
        except OSError:
            return None
        if stat.S_ISREG(mode):
            return "file"
        if stat.S_ISDIR(mode):
            return "dir"
        return "char" if stat.S_ISCHR(mode) else "other"

    def usable(self, path: str) -> bool:
        """Whether this user may read and write it (device nodes)."""
        try:
            return os.access(self.locate(path), os.R_OK | os.W_OK)
        except OSError:
            return False

    def glob(self, pattern: str) -> tuple[str, ...]:
        """Paths inside the host matching a pattern with wildcards in any part, sorted."""
        found = [""]
        for part in (part for part in pattern.split("/") if part):
            step: list[str] = []
            for base in found:
                if any(sign in part for sign in "*?["):
                    names = self.names(base or "/")
                    if not isinstance(names, Missing):
                        step += [f"{base}/{n}" for n in names if fnmatchcase(n, part)]
                elif self.exists(f"{base}/{part}"):
                    step.append(f"{base}/{part}")
            found = step
        return tuple(found)

    def which(self, program: str) -> str | Missing:
        """The first executable of that name on PATH."""
        for folder in (self.environ.get("PATH") or os.defpath).split(":"):
            path = f"{folder}/{program}"
            if folder.startswith("/") and self.is_file(path) and self._executable(path):
                return path
        return absent(f"no {program} on PATH")

    def _executable(self, path: str) -> bool:
        try:
            return os.access(self.locate(path), os.X_OK)
        except OSError:
            return False

    # ---- programs -------------------------------------------------------------------------

    def run(
        self,
        argv: list[str],
        timeout: float,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
    ) -> Ran | Missing:
        """Run a program to its end, or kill it and everything it started at the time limit.

        A program in uninterruptible sleep (a wedged driver) is left behind, not waited for.
        """
        if not self.live:
            return NOT_ASKED
        child: subprocess.Popen[bytes] | None = None
        try:
            with uninterrupted():
                try:
                    child = subprocess.Popen(
                        argv,
                        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE,
                        env=dict(self.environ if env is None else env),
                        start_new_session=True,
                    )
                except OSError as error:
                    return _missing(argv[0], error)
            return _ended(child, argv[0], timeout, stdin)
        except KeyboardInterrupt:  # the child has a session of its own: Ctrl-C does not reach it
            if child is not None:
                _kill(child)
            raise


def _ended(
    child: "subprocess.Popen[bytes]", name: str, timeout: float, stdin: bytes
) -> Ran | Missing:
    out, err = _Drain(child.stdout), _Drain(child.stderr)
    if child.stdin:
        with contextlib.suppress(BrokenPipeError), child.stdin:
            child.stdin.write(stdin)
    try:
        code = child.wait(timeout)
    except subprocess.TimeoutExpired:
        _kill(child)
        return failed(f"{name} gave no answer within {timeout:g} s")
    if not (out.finished(1.0) and err.finished(1.0)):
        _kill(child)  # a grandchild holds the pipe
    return Ran(code, out.text(), err.text())


class _Drain(threading.Thread):
    """Reads a pipe to its end so that the program never blocks; keeps a bounded part."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        super().__init__(daemon=True)
        assert pipe is not None
        self._pipe = pipe
        self._kept = bytearray()
        self.start()

    def run(self) -> None:
        with self._pipe:
            while chunk := os.read(self._pipe.fileno(), 1 << 16):
                self._kept += chunk[: max(0, OUTPUT_LIMIT - len(self._kept))]

    def finished(self, timeout: float) -> bool:
        self.join(timeout)
        return not self.is_alive()

    def text(self) -> str:
        return self._kept.decode("utf-8", "replace")


def _kill(child: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        child.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(0.2)


def _utf8(text: str) -> str:
    """Text from the system with undecodable bytes replaced, so that it can be written as JSON."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _missing(path: str, error: OSError) -> Missing:
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return absent(f"{path} is not there")
    if isinstance(error, PermissionError):
        return blocked(f"{path}: permission denied")
    return failed(f"{path}: {error.strerror or error}")
