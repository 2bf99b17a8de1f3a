"""Where glibc's dynamic loader finds each library a file needs, in the loader's own order.

Reads through a `FileTree`, so another root serves as well as this machine; runs nothing. Must not
know torch or this process's environment. Order: ld.so(8) and glibc, elf/dl-load.c
"""

from __future__ import annotations

import errno
import posixpath
import re
from typing import TYPE_CHECKING, Protocol

import msgspec

from envcheck.binaries.elf import read_elf
from envcheck.binaries.errors import BinaryError, OpenFailed, TooLarge
from envcheck.binaries.ldcache import CACHE_PATH, MAX_SIZE, LdCache, parse_ld_cache
from envcheck.binaries.source import FileSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from envcheck.binaries.source import OpenSource

_MAX_TRIES = 100_000  # files looked for in one trace; a torch process needs some thousand
_TRIPLETS = {  # Debian's folder for each machine
    "x86_64": "x86_64-linux-gnu",
    "aarch64": "aarch64-linux-gnu",
    "ppc64le": "powerpc64le-linux-gnu",
    "i386": "i386-linux-gnu",
    "arm": "arm-linux-gnueabihf",
    "riscv64": "riscv64-linux-gnu",
}
_TOKEN = re.compile(r"\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM))")


class FileTree(Protocol):
    """The files of one machine. Paths are absolute, as seen from inside it."""

    def is_file(self, path: str) -> bool: ...

    def is_dir(self, path: str) -> bool: ...

    def realpath(self, path: str) -> str:
        """The path with every link followed; the path itself when that fails."""
        ...

    def open(self, path: str) -> OpenSource:
        """The bytes of a regular file. Raises `BinaryError`."""
        ...


class LocalFiles:
    """This machine's files."""

    def is_file(self, path: str) -> bool:
        return posixpath.isfile(path)

    def is_dir(self, path: str) -> bool:
        return posixpath.isdir(path)

    def realpath(self, path: str) -> str:
        return posixpath.realpath(path)

    def open(self, path: str) -> OpenSource:
        return FileSource(path)


class Found(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the loader does for one needed library."""

    name: str  # as the file asks for it: "libcudart.so.12"
    needed_by: str  # path of the first file that asks
    path: str | None = None  # None: not found; its folder has links followed, its name has not
    # "RPATH", "LD_LIBRARY_PATH", "RUNPATH", "ld.so.cache", "default", "path" (a name with a slash),
    # "loaded" (a library of that name is in the process already); "" when not found
    via: str = ""
    entry: str = ""  # the search path entry that led there, as written: "$ORIGIN/../lib"
    problem: str | None = None  # found, and the loader would give up on it: "no ELF header"


class _Object(msgspec.Struct):
    """A file in the process."""

    path: str
    machine: str
    bits: int
    needed: tuple[str, ...]
    soname: str | None
    rpath: str  # "" as well when a RUNPATH switches it off
    runpath: str | None
    no_default_folders: bool
    loader: _Object | None  # the one that asked for it first


class LibrarySearch:
    """One process's search: its environment, its program, and what it has loaded already.

    Limits: variants for newer processors (glibc-hwcaps) count as the plain library; LD_PRELOAD and
    musl's loader are not followed; libraries a program opens later with `dlopen` are not known.
    """

    def __init__(
        self,
        files: FileTree,
        *,
        library_path: str = "",
        program: str | None = None,
        loaded: Mapping[str, str] | None = None,
        folder: str = "/",
        follow: Callable[[str], bool] | None = None,
    ) -> None:
        """
        Args:
            library_path: LD_LIBRARY_PATH.
            program: the executable; its RPATH serves every library (conda's python has one).
            loaded: SONAME → path of libraries in the process already, as torch's own are when an
                extension is imported.
            folder: the process's working directory, for relative entries.
            follow: whether what a library of that name needs is looked for, too; default: always.

        Raises:
            BinaryError: `program` cannot be read.
        """
        self._files = files
        self._library_path = library_path
        self._loaded = dict(loaded or {})
        self._folder = folder
        self._follow = follow
        self._program = self._read(files.realpath(program), None) if program else None
        self._cache: LdCache | None = None
        self._tries = 0

    def trace(self, path: str, *, deep: bool = True) -> tuple[Found, ...]:
        """Every library that loading `path` brings in, in loading order, each name once.

        Args:
            path: absolute, as the process would open it.
            deep: False for only those that `path` itself asks for.

        Raises:
            BinaryError: `path` cannot be read, or asks for absurdly many files. A damaged library
                further down is a `Found` with a `problem`.
        """
        self._tries = 0
        target = self._read(path, None)
        names = {target.soname or path: path, **self._loaded}  # what the process has, by name
        found: dict[str, Found] = {}
        queue = [target]
        for item in queue:
            for name in item.needed:
                if name in found:
                    continue
                if name in names:
                    found[name] = Found(name, item.path, names[name], "loaded")
                    continue
                found[name], library = self._find(name, item)
                if library is None:
                    continue
                names[name] = library.path
                names.setdefault(library.soname or name, library.path)
                if self._follow is None or self._follow(name):
                    queue.append(library)
            if not deep:
                break
        return tuple(found.values())

    # ---- one library ----------------------------------------------------------------------

    def _find(self, name: str, item: _Object) -> tuple[Found, _Object | None]:
        """The first file on the search path that the loader accepts, or gives up on."""
        for path, via, entry in self._candidates(name, item):
            self._tries += 1
            if self._tries > _MAX_TRIES:
                raise TooLarge("a search path or a list of needed libraries of absurd length")
            if not self._files.is_file(path):
                continue
            path = posixpath.join(
                self._files.realpath(posixpath.dirname(path)), posixpath.basename(path)
            )
            try:
                library = self._read(path, item)
            except OpenFailed as error:
                if error.errno == errno.EACCES:  # the loader goes on to the next folder
                    continue
                return Found(name, item.path, path, via, entry, str(error)), None
            except BinaryError as error:
                return Found(name, item.path, path, via, entry, str(error)), None
            # A library for another machine is passed over in silence, as the loader does.
            if (library.machine, library.bits) == (item.machine, item.bits):
                return Found(name, item.path, path, via, entry), library
        return Found(name, item.path), None

    def _candidates(self, name: str, item: _Object) -> Iterator[tuple[str, str, str]]:
        """Path, way and search path entry of each place to look, in the loader's order."""
        if "/" in name:
            yield self._absolute(self._expand(name, item, item)), "path", name
            return
        if item.runpath is None:
            for owner in self._ancestors(item):
                yield from self._in_folders(name, owner.rpath.split(":"), "RPATH", owner, item)
        entries = re.split("[:;]", self._library_path)
        yield from self._in_folders(name, entries, "LD_LIBRARY_PATH", self._program, item)
        entries = (item.runpath or "").split(":")
        yield from self._in_folders(name, entries, "RUNPATH", item, item)
        default = self._default_folders(item)
        cached = self._ld_cache().find(name, item.machine)
        if cached and not (item.no_default_folders and posixpath.dirname(cached) in default):
            yield cached, "ld.so.cache", cached
        if not item.no_default_folders:
            for folder in default:
                yield f"{folder}/{name}", "default", folder

    def _ancestors(self, item: _Object) -> Iterator[_Object]:
        """Whose RPATH counts: the file's, that of whoever asked for it, and the program's."""
        owner: _Object | None = item
        while owner is not None:
            yield owner
            owner = owner.loader
        if self._program is not None:
            yield self._program

    def _in_folders(
        self, name: str, entries: list[str], via: str, owner: _Object | None, item: _Object
    ) -> Iterator[tuple[str, str, str]]:
        if entries == [""]:  # not set; an empty entry among others means the working directory
            return
        for entry in entries:
            folder = self._expand(entry, owner, item) or "."
            yield self._absolute(f"{folder}/{name}"), via, entry

    def _expand(self, text: str, owner: _Object | None, item: _Object) -> str:
        """`$ORIGIN`, `$LIB` and `$PLATFORM` replaced, with or without braces."""
        if "$" not in text:
            return text
        values = {"LIB": self._lib(item), "PLATFORM": item.machine}
        if owner is not None:
            values["ORIGIN"] = posixpath.dirname(owner.path)
        return _TOKEN.sub(lambda m: values.get(m.group(1) or m.group(2), m.group()), text)

    def _absolute(self, path: str) -> str:
        return posixpath.join(self._folder, path)

    def _lib(self, item: _Object) -> str:
        """What this system's loader was built to put for `$LIB`."""
        triplet = f"lib/{_TRIPLETS.get(item.machine, '')}"
        if triplet != "lib/" and self._files.is_dir(f"/usr/{triplet}"):
            return triplet
        return "lib64" if item.bits == 64 and self._files.is_dir("/usr/lib64") else "lib"

    def _default_folders(self, item: _Object) -> tuple[str, ...]:
        lib = self._lib(item)
        return tuple(dict.fromkeys((f"/{lib}", f"/usr/{lib}", "/lib", "/usr/lib")))

    def _ld_cache(self) -> LdCache:
        """The system's cache; an unreadable one is none, as for the loader."""
        if self._cache is None:
            try:
                with self._files.open(CACHE_PATH) as source:
                    self._cache = parse_ld_cache(source.read_at(0, min(source.size, MAX_SIZE + 1)))
            except BinaryError:
                self._cache = LdCache()
        return self._cache

    def _read(self, path: str, loader: _Object | None) -> _Object:
        with self._files.open(path) as source:
            elf = read_elf(source)
            return _Object(
                path=path,
                machine=elf.machine,
                bits=elf.bits,
                needed=elf.needed,
                soname=elf.soname,
                rpath=elf.rpath or "" if elf.runpath is None else "",
                runpath=elf.runpath,
                no_default_folders=elf.no_default_folders,
                loader=loader,
            )
