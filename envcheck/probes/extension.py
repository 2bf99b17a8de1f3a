"""Compiled extensions of the patient's packages, from their files. Never imports them.

Must not judge: it looks up what each needs of torch, and says what is not there.
"""

from collections.abc import Iterator

from envcheck.binaries import BinaryError
from envcheck.binaries.elf import read_elf
from envcheck.binaries.loader import LibrarySearch
from envcheck.facts import (
    CompiledFile,
    DamagedFile,
    Distribution,
    Extension,
    Extensions,
    Missing,
    PythonEnv,
    TorchBuild,
    Why,
    absent,
)
from envcheck.kb import Knowledge
from envcheck.kb.extensions import Kernels
from envcheck.probes.compiled import compare, read_compiled
from envcheck.probes.compiled_files import compiled_files, origin
from envcheck.probes.host import Host
from envcheck.probes.importable import find_importable
from envcheck.probes.interpreter import Interpreter
from envcheck.probes.loader import Files
from envcheck.probes.requirements import required
from envcheck.probes.torch_libraries import TorchLibraries

MAX_FILES = 4000  # shared libraries looked at; a scientific environment has some hundred
MACHINES = ("x86_64", "aarch64")  # torch's wheels are for these
# torch itself, and the libraries that come with it, are judged by other facts
_OURS = ("torch", "triton", "pytorch-triton")


def read_extensions(
    host: Host,
    interpreter: Interpreter | Missing,
    python: PythonEnv | Missing,
    torch: TorchBuild | Missing,
    *,
    kb: Knowledge,
) -> Extensions | Missing:
    """Every package with a library that links torch or holds GPU code.

    Without torch: only packages that are known to need a compiled library.
    """
    if isinstance(interpreter, Missing):
        return interpreter
    if isinstance(python, Missing):
        return python
    folder = torch if isinstance(torch, Missing) else torch.path
    if isinstance(folder, Missing) and folder.why in (Why.FAILED, Why.BLOCKED):
        return folder
    with TorchLibraries(host, "" if isinstance(folder, Missing) else f"{folder}/lib") as libraries:
        reader = _Reader(host, libraries, interpreter, python, kb)
        packages = tuple(reader.packages(every=not isinstance(folder, Missing)))
        abi = libraries.cxx11_abi if packages and libraries.names else absent("nothing links torch")
    if isinstance(folder, Missing) and not packages:
        return folder
    return Extensions(
        torch_cxx11_abi=abi,
        packages=packages,
        sources={"*": "the packages' own libraries", "torch_cxx11_abi": libraries.folder},
    )


class _Reader:
    """Reads the packages of one environment against one torch."""

    def __init__(
        self,
        host: Host,
        torch: TorchLibraries,
        interpreter: Interpreter,
        python: PythonEnv,
        kb: Knowledge,
    ) -> None:
        self._host = host
        self._torch = torch
        self._interpreter = interpreter
        self._python = python
        self._kb = kb
        self._files = Files(host)

    def packages(self, *, every: bool) -> Iterator[Extension]:
        """Those that need a compiled library, then with `every` all others, found or not."""
        needing = [row for row in self._kb.extensions.rows if row.library]
        for row in needing:
            found = self._needing(row)
            if found:
                yield found
        if not every:
            return
        left = MAX_FILES
        for dist in _candidates(self._python):
            if any(row.package == dist.name for row in needing):
                continue
            paths = compiled_files(self._host, dist, self._interpreter.tag)[:left]
            left -= len(paths)
            files = tuple(
                file for path in paths if isinstance(file := self._file(path), CompiledFile)
            )
            if files:
                source, editable = origin(self._host, dist)
                yield Extension(
                    name=dist.name,
                    version=dist.version,
                    path=dist.path,
                    origin=source,
                    editable=editable,
                    files=files,
                )

    def _needing(self, row: Kernels) -> Extension | None:
        """A package that is nothing without its library; None when there is no trace of it."""
        dists = self._python.find(row.package)
        found = find_importable(self._host, self._interpreter, row, dists)
        if not dists and not found.folder:
            return None
        dist = dists[0] if dists else None
        source, editable = origin(self._host, dist) if dist else ("", False)
        machine = self._interpreter.platform.rpartition("-")[2]
        read = [self._file(path, machine) for path in found.libraries]
        stated = dist.version if dist else found.version
        return Extension(
            name=row.package,
            version=stated or absent("neither its metadata nor its __init__.py states a version"),
            path=dist.path if dist else "",
            origin=source,
            editable=editable,
            files=tuple(file for file in read if isinstance(file, CompiledFile)),
            folder=found.folder,
            other_python=found.other_python,
            damaged=tuple(file for file in read if isinstance(file, DamagedFile)),
            copies=found.copies,
            hidden_by=found.hidden_by,
            requires=required(self._host, dist, self._python, self._interpreter)
            if dist
            else absent("it has no metadata"),
        )

    def _file(self, path: str, machine: str = "") -> CompiledFile | DamagedFile | None:
        """The file as a fact; None for one that does not concern torch.

        With `machine`, "x86_64", one that is compiled for another is as good as damaged.
        """
        try:
            with self._files.open(path) as source:
                elf = read_elf(source)
                if machine and elf.machine != machine and elf.machine in MACHINES:
                    return DamagedFile(path, f"it is for {elf.machine}, this Python for {machine}")
                compiled = read_compiled(elf)
        except BinaryError as error:
            return DamagedFile(path, str(error))
        if not compiled.concerns_torch:
            return None
        return compare(path, compiled, self._torch, self._search(), self._files)

    def _search(self) -> LibrarySearch:
        """The loader's search when torch is imported already."""
        folder = self._torch.folder
        return LibrarySearch(
            self._files,
            library_path=self._host.environ.get("LD_LIBRARY_PATH", ""),
            loaded={name: f"{folder}/{name}" for name in self._torch.names},
        )


def _candidates(python: PythonEnv) -> Iterator[Distribution]:
    """The copy of each distribution that is imported; without torch and NVIDIA's libraries."""
    first: dict[str, Distribution] = {}
    for dist in () if isinstance(python.distributions, Missing) else python.distributions:
        first.setdefault(dist.name, dist)
    for name, dist in first.items():
        if name not in _OURS and not name.startswith("nvidia-"):
            yield dist
