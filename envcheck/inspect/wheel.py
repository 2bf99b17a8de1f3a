"""A wheel's compiled files as they would lie once installed, unpacked only when they are read.

Must not know what is in them.
"""

import posixpath
from contextlib import ExitStack

from envcheck.binaries.errors import Malformed
from envcheck.binaries.loader import FileTree
from envcheck.binaries.source import ByteSource, FileSource, OpenSource
from envcheck.kb.wheel_zip import WheelError, WheelZip

# A wheel that unpacks to this many times its size, and to more than a small one may, is a bomb:
# libraries shrink to a half or a third.
MAX_RATIO = 50
SMALL = 256 << 20  # bytes
MAX_LIBRARY = 4 << 30  # bytes of one file; torch's largest has 1.6 GB


class WheelFiles:
    """The files of a machine with a wheel's libraries laid over them, in folder `site`."""

    def __init__(self, wheel: FileSource, site: str, below: FileTree) -> None:
        """
        Raises:
            WheelError: no sound zip file.
        """
        self._zip = WheelZip(wheel)
        self._below = below
        self._left = max(SMALL, MAX_RATIO * wheel.size)
        placed = {f"{site}/{installed(name)}": name for name in self._zip.names}
        # A name that leads out of the folder (`../x.so`) would be installed by nobody.
        self._members = {at: name for at, name in placed.items() if posixpath.normpath(at) == at}
        self._folders = {posixpath.dirname(path) for path in self._members}
        self._open = ExitStack()
        self._unpacked: dict[str, FileSource] = {}

    def __enter__(self) -> "WheelFiles":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def members(self) -> dict[str, str]:
        """Where each member would lie, and its name."""
        return self._members

    def is_file(self, path: str) -> bool:
        return posixpath.normpath(path) in self._members or self._below.is_file(path)

    def is_dir(self, path: str) -> bool:
        return posixpath.normpath(path) in self._folders or self._below.is_dir(path)

    def realpath(self, path: str) -> str:
        plain = posixpath.normpath(path)
        ours = plain in self._members or plain in self._folders
        return plain if ours else self._below.realpath(path)

    def open(self, path: str) -> OpenSource:
        member = self._members.get(posixpath.normpath(path))
        if member is None:
            return self._below.open(path)
        if member not in self._unpacked:
            self._unpacked[member] = self._open.enter_context(self._unpack(member))
        return _Kept(self._unpacked[member])

    def _unpack(self, member: str) -> FileSource:
        try:
            source = self._zip.library(member, min(self._left, MAX_LIBRARY))
        except WheelError as error:
            raise Malformed(str(error)) from error
        self._left -= source.size
        return source


def installed(member: str) -> str:
    """Where a member lies below site-packages: `x-1.0.data/platlib/a.so` is a.so."""
    first, _, rest = member.partition("/")
    if first.endswith(".data"):
        scheme, _, below = rest.partition("/")
        if scheme in ("platlib", "purelib"):
            return below
    return member


class _Kept:
    """A source that whoever unpacked it closes."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self.size = source.size
        self.read_at = source.read_at

    def __enter__(self) -> ByteSource:
        return self._source

    def __exit__(self, *_: object) -> None:
        pass
