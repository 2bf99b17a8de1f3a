"""A machine's files in memory, for the loader's search."""

import errno
import posixpath
from collections.abc import Mapping

from envcheck.binaries.errors import OpenFailed
from envcheck.binaries.loader import LibrarySearch
from envcheck.binaries.source import BytesSource
from tests.binaries.build import elf


class Tree:
    """Files in memory: path → bytes, or text for a symbolic link."""

    def __init__(self, files: Mapping[str, bytes | str], forbidden: tuple[str, ...] = ()) -> None:
        self.files = dict(files)
        self.forbidden = forbidden

    def realpath(self, path: str) -> str:
        done = ""
        for part in posixpath.normpath(path).strip("/").split("/"):
            done = f"{done}/{part}"
            target = self.files.get(done)
            if isinstance(target, str):
                done = self.realpath(posixpath.join(posixpath.dirname(done), target))
        return done

    def is_file(self, path: str) -> bool:
        return isinstance(self.files.get(self.realpath(path)), bytes)

    def is_dir(self, path: str) -> bool:
        return any(name.startswith(self.realpath(path) + "/") for name in self.files)

    def open(self, path: str) -> BytesSource:
        data = self.files.get(self.realpath(path))
        if path in self.forbidden:
            raise OpenFailed(PermissionError(errno.EACCES, "Permission denied"))
        if not isinstance(data, bytes):
            raise OpenFailed(FileNotFoundError(errno.ENOENT, "No such file or directory"))
        return BytesSource(data)


LIBRARY = elf()
DEBIAN: dict[str, bytes | str] = {"/usr/lib/x86_64-linux-gnu/libc.so.6": LIBRARY, "/lib": "usr/lib"}


def where(tree: Tree, path: str = "/app/x.so", **options: str) -> dict[str, tuple[str | None, str]]:
    search = LibrarySearch(tree, **options)  # type: ignore[arg-type]
    return {found.name: (found.path, found.via) for found in search.trace(path)}
