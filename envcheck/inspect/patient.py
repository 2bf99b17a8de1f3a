"""The environment that files are looked at from: its interpreter, its torch, its loader.

Everything is read when it is first asked for: a library may need none of it.
"""

from functools import cached_property

from envcheck.binaries import BinaryError
from envcheck.binaries.loader import FileTree, LibrarySearch
from envcheck.binaries.process import Process
from envcheck.errors import UsageError
from envcheck.facts import Missing, PythonEnv, TorchBuild, or_none
from envcheck.probes.host import Host
from envcheck.probes.interpreter import Interpreter, read_interpreter
from envcheck.probes.loader import Files
from envcheck.probes.python_env import read_python_env
from envcheck.probes.torch import read_torch
from envcheck.probes.torch_libraries import TorchLibraries
from envcheck.probes.torch_start import start_torch


class Patient:
    """One environment of this machine."""

    def __init__(self, host: Host, python: str | None) -> None:
        """
        Raises:
            UsageError: `python` was named and is no interpreter.
        """
        self.host = host
        self.files: FileTree = Files(host)
        self.library_path = host.environ.get("LD_LIBRARY_PATH", "")
        self._wanted = python
        if python is not None and isinstance(self.interpreter, Missing):
            raise UsageError(f"--python {python}: {self.interpreter.detail}")

    @cached_property
    def interpreter(self) -> Interpreter | Missing:
        return read_interpreter(self.host, self._wanted)

    @cached_property
    def python(self) -> PythonEnv | Missing:
        return read_python_env(self.host, self.interpreter)

    @cached_property
    def torch(self) -> TorchBuild | None:
        """The torch of this environment, when its libraries are there."""
        torch = read_torch(self.host, self.interpreter, self.python)
        return None if isinstance(torch, Missing) or or_none(torch.path) is None else torch

    @cached_property
    def torch_libraries(self) -> TorchLibraries | None:
        if self.torch is None:
            return None
        libraries = TorchLibraries(self.host, f"{self.torch.path}/lib")
        return libraries if libraries.names else None

    def search(self, files: FileTree, *, with_torch: bool) -> LibrarySearch:
        """The loader's search for a process of this interpreter; when torch is imported, or not.

        `files` is this machine's tree, or one laid over it.
        """
        program = None if isinstance(self.interpreter, Missing) else self.interpreter.executable
        loaded = self._of_torch if with_torch else {}
        try:
            return LibrarySearch(
                files, library_path=self.library_path, program=program, loaded=loaded
            )
        except BinaryError:  # a script that starts another interpreter
            return LibrarySearch(files, library_path=self.library_path, loaded=loaded)

    @cached_property
    def _of_torch(self) -> dict[str, str]:
        """Libraries that importing torch brings into a process, by name."""
        torch, interpreter = self.torch, self.interpreter
        if torch is None or isinstance(interpreter, Missing):
            return {}
        try:
            process = Process(self.files, interpreter.executable, self.library_path)
        except BinaryError:
            process = Process(self.files, f"{torch.path}/lib/libc10.so", self.library_path)
        before = set(process.found)
        start_torch(
            process, self.host, str(torch.path), interpreter.path, or_none(torch.cuda) or ""
        )
        found = {name: each.path for name, each in process.found.items() if name not in before}
        return {name: path for name, path in found.items() if path is not None}

    @cached_property
    def _plain(self) -> LibrarySearch:
        return self.search(self.files, with_torch=False)

    @cached_property
    def _with_torch(self) -> LibrarySearch:
        return self.search(self.files, with_torch=True)

    def installed_search(self, *, with_torch: bool) -> LibrarySearch:
        """As `search` over this machine's own files; made once."""
        return self._with_torch if with_torch else self._plain

    def close(self) -> None:
        if "torch_libraries" in self.__dict__ and self.torch_libraries is not None:
            self.torch_libraries.__exit__()
