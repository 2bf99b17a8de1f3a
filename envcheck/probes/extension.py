"""Compiled extensions of the patient's packages, from their files. Never imports them.

Must not judge: it looks up what each needs of torch, and says what is not there.
"""

from collections.abc import Iterator

from envcheck.binaries import BinaryError
from envcheck.binaries.elf import read_elf
from envcheck.binaries.loader import LibrarySearch
from envcheck.facts import (
    CompiledFile,
    Distribution,
    Extension,
    Extensions,
    Missing,
    PythonEnv,
    TorchBuild,
    absent,
)
from envcheck.probes.compiled import compare, read_compiled
from envcheck.probes.compiled_files import compiled_files, origin
from envcheck.probes.host import Host
from envcheck.probes.interpreter import Interpreter
from envcheck.probes.loader import Files
from envcheck.probes.torch_libraries import TorchLibraries

MAX_FILES = 4000  # shared libraries looked at; a scientific environment has some hundred
# torch itself, and the libraries that come with it, are judged by other facts
_OURS = ("torch", "triton", "pytorch-triton")


def read_extensions(
    host: Host,
    interpreter: Interpreter | Missing,
    python: PythonEnv | Missing,
    torch: TorchBuild | Missing,
) -> Extensions | Missing:
    """Every package with a library that links torch or holds GPU code."""
    if isinstance(interpreter, Missing):
        return interpreter
    if isinstance(python, Missing):
        return python
    if isinstance(torch, Missing):
        return torch
    if isinstance(torch.path, Missing):
        return torch.path
    with TorchLibraries(host, f"{torch.path}/lib") as libraries:
        reader = _Reader(host, libraries)
        packages = tuple(reader.packages(interpreter, python))
        abi = libraries.cxx11_abi if packages else absent("nothing links torch")
    return Extensions(
        torch_cxx11_abi=abi,
        packages=packages,
        sources={"*": "the packages' own libraries", "torch_cxx11_abi": f"{torch.path}/lib"},
    )


class _Reader:
    """Reads the packages of one environment against one torch."""

    def __init__(self, host: Host, torch: TorchLibraries) -> None:
        self._host = host
        self._torch = torch
        self._files = Files(host)

    def packages(self, interpreter: Interpreter, python: PythonEnv) -> Iterator[Extension]:
        left = MAX_FILES
        for dist in _candidates(python):
            paths = compiled_files(self._host, dist, interpreter.tag)[:left]
            left -= len(paths)
            files = tuple(file for path in paths if (file := self._file(path)))
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

    def _file(self, path: str) -> CompiledFile | None:
        """The file as a fact; None for one that does not concern torch, or cannot be read."""
        try:
            with self._files.open(path) as source:
                compiled = read_compiled(read_elf(source))
        except BinaryError:
            return None
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
