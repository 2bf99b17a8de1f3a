"""The symbols that an installed torch offers to extensions, looked up as the dynamic linker does.

Must not know who asks, nor judge.
"""

import re
from collections.abc import Iterable
from contextlib import ExitStack
from functools import cached_property

from envcheck.binaries import BinaryError
from envcheck.binaries.elf import Elf, read_elf
from envcheck.binaries.source import FileSource
from envcheck.binaries.symbols import SymbolTable
from envcheck.facts import Missing, absent, failed
from envcheck.probes.host import Host

# Libraries of torch itself: libtorch.so, libtorch_cuda.so, libc10.so; not libtorchaudio.so
LIBRARY = re.compile(r"lib(?:torch|c10)(?:_[a-z0-9_]+)?\.so")
# Of torch's namespaces (methods, vtables and type information as well), or of its C interfaces
_SYMBOL = re.compile(
    r"_Z(?:T[VITS]|GV)?N[rVK]*[RO]?(?:2at|3c10|5torch|6caffe2)(?=[^a-z])"
    r"|THC?P[A-Z]|aoti_torch_|torch_[a-z]"
)
_CUDA_SYMBOL = re.compile(r"(?:2at|3c10|5torch)4cuda|THCP")
_NEW_STRING = ("St7__cxx11", "NSt7__cxx11", "B5cxx11")
_FIRST = ("libtorch_cpu.so", "libc10.so", "libtorch_python.so", "libtorch_cuda.so")
_MAX_STRINGS = 16 << 20  # bytes of libc10's dynamic strings; a real one has 200 KB


def is_torch_symbol(name: str) -> bool:
    """Whether a name can only be meant for torch's libraries."""
    return _SYMBOL.match(name) is not None


def is_cuda_symbol(name: str) -> bool:
    """Whether only CUDA builds of torch define a name: `c10::cuda::…`, `at::cuda::…`."""
    return _CUDA_SYMBOL.search(name) is not None


def string_abi(name: str) -> bool | None:
    """Which std::string a mangled name is made with: True the C++11 one, False the one before.

    None: neither. The old one is the substitution `Ss`, which letters of a name can look like, so
    the name is taken apart. https://gcc.gnu.org/onlinedocs/libstdc++/manual/using_dual_abi.html
    """
    if any(sign in name for sign in _NEW_STRING):
        return True
    if "Ss" not in name:
        return None
    from envcheck.binaries.demangle import demangle

    return False if "std::string" in demangle(name) else None


def common_abi(names: Iterable[str]) -> bool | None:
    """The std::string of the first name that has one; None when none has."""
    return next((abi for name in names if (abi := string_abi(name)) is not None), None)


class TorchLibraries:
    """torch/lib, opened: use it in a `with`."""

    def __init__(self, host: Host, folder: str) -> None:
        names = host.names(folder)
        present = () if isinstance(names, Missing) else names
        self.names = tuple(name for name in present if LIBRARY.fullmatch(name))
        self.folder = folder
        self._host = host
        self._files = ExitStack()
        first = [name for name in _FIRST if name in self.names]
        self._unread = [*first, *(name for name in self.names if name not in first)]
        self._tables: list[SymbolTable] = []
        self._known: dict[str, bool] = {}

    def __enter__(self) -> "TorchLibraries":
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def missing(self, names: Iterable[str]) -> tuple[str, ...] | Missing:
        """Those of `names` that no library of this torch defines."""
        if not self.names:
            return absent(f"{self.folder} holds no libraries of torch")
        try:
            return tuple(name for name in names if not self._defines(name))
        except (BinaryError, OSError) as error:
            return failed(f"{self.folder}: {error}")

    @cached_property
    def cxx11_abi(self) -> bool | Missing:
        """Whether it was compiled with the C++11 std::string, by what libc10 defines."""
        try:
            elf = self._open("libc10.so")
            offset, size = elf.strings
            data = elf.source.read_at(offset, min(size, _MAX_STRINGS))
        except (BinaryError, OSError) as error:
            return failed(f"{self.folder}/libc10.so: {error}")
        names = (text.decode("ascii", "replace") for text in data.split(b"\0") if b"3c10" in text)
        abi = common_abi(name for name in names if is_torch_symbol(name))
        return absent("no symbol of libc10 names a std::string") if abi is None else abi

    def _defines(self, name: str) -> bool:
        if name not in self._known:
            self._known[name] = any(table.defines(name) for table in self._each())
        return self._known[name]

    def _each(self) -> Iterable[SymbolTable]:
        """Symbol tables, each library opened when the ones before it did not do."""
        yield from self._tables
        while self._unread:
            table = SymbolTable(self._open(self._unread.pop(0)))
            self._tables.append(table)
            yield table

    def _open(self, name: str) -> Elf:
        source = FileSource(self._host.locate(f"{self.folder}/{name}"))
        return read_elf(self._files.enter_context(source))
