"""A process that loads one library after another, by path or by name, as the loader would.

Stands on `LibrarySearch`. Must not know torch or this machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envcheck.binaries.errors import BinaryError
from envcheck.binaries.loader import FileTree, Found, LibrarySearch

if TYPE_CHECKING:
    from collections.abc import Callable

    from envcheck.binaries.loader import _Object


class Process(LibrarySearch):
    """What one call loads is there for the next one: the first library of a name wins."""

    def __init__(
        self,
        files: FileTree,
        program: str,
        library_path: str = "",
        follow: Callable[[str], bool] | None = None,
    ) -> None:
        """A process of `program`, started with LD_LIBRARY_PATH as given; see LibrarySearch.

        Raises:
            BinaryError: the program cannot be read.
        """
        super().__init__(files, library_path=library_path, program=program, follow=follow)
        self._asked: dict[str, str] = {}  # path → the path that asked for it
        self.found: dict[str, Found] = {}  # everything loaded or asked for so far, by name
        self.load(files.realpath(program))

    def load(self, path: str) -> bool:
        """Loads a file and all it needs; whether everything was found.

        Raises:
            BinaryError: the file cannot be read.
        """
        whole = True
        for found in self.trace(path):
            if found.via == "loaded":
                continue
            self.found[found.name] = found
            if found.path is None:
                whole = False
            else:
                self._loaded[found.name] = found.path
                self._asked.setdefault(found.path, found.needed_by)
        name = self._read(path, None).soname or path.rpartition("/")[2]
        self._loaded.setdefault(name, path)
        if name not in self.found or self.found[name].path is None:
            self.found[name] = Found(name, "", path, "path")
        return whole

    def open(self, name: str, caller: str | None = None) -> Found:
        """What `dlopen(name)` gives when the loaded file `caller`, or the program, calls it.

        Raises:
            BinaryError: the caller cannot be read.
        """
        chain = []
        while caller is not None and caller not in chain:
            chain.append(caller)
            caller = self._asked.get(caller)
        item: _Object | None = None
        for path in reversed(chain):
            item = self._read(path, item)
        item = item or self._program
        assert item is not None  # the program was read at the start
        if name in self._loaded:
            return Found(name, item.path, self._loaded[name], "loaded")
        self._tries = 0
        found, _ = self._find(name, item)
        self.found[name] = found
        if found.path is not None:
            self._loaded[name] = found.path
        return found


__all__ = ["BinaryError", "Process"]
