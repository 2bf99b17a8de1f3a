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

# No regular expressions here: compiling these would cost as much as all look-ups of torchvision.
_NAMESPACES = ("2at", "3c10", "5torch", "6caffe2")  # as mangled names write them
_KINDS = ("", "TV", "TI", "TS", "TT", "GV")  # function or variable, vtable, type information …
_QUALIFIERS = ("", "K", "R", "KR", "O", "KO")  # of a member function: const, &, &&
_PREFIXES = (
    *(f"_Z{kind}N{q}{name}" for kind in _KINDS for q in _QUALIFIERS for name in _NAMESPACES),
    *("aoti_torch_", "torch_", "THP", "THCP"),  # interfaces without mangling
)
_OF_CUDA = ("2at4cuda", "3c104cuda", "5torch4cuda", "THCP")
_NEW_STRING = ("St7__cxx11", "B5cxx11")
# Pieces of a mangled name: a literal, a substitution, a template parameter, an array's length, the
# length of an identifier, or a letter. https://itanium-cxx-abi.github.io/cxx-abi/abi.html#mangling
_TOKEN = r"L[a-z]n?\d+E|S(?:[0-9A-Z]*_|[a-z])|T[0-9A-Z]*_|A\d+_|([0-9]{1,4})|."
_FIRST = ("libtorch_cpu.so", "libc10.so", "libtorch_python.so", "libtorch_cuda.so")
_MAX_STRINGS = 16 << 20  # bytes of libc10's dynamic strings; a real one has 200 KB


def is_torch_symbol(name: str) -> bool:
    """Whether a name can only be meant for torch's libraries."""
    return name.startswith(_PREFIXES)


def is_cuda_symbol(name: str) -> bool:
    """Whether only CUDA builds of torch define a name: `c10::cuda::…`, `at::cuda::…`."""
    return any(sign in name for sign in _OF_CUDA)


def is_torch_library(name: str) -> bool:
    """Whether it is of torch itself: "libtorch_cuda.so", "libc10.so"; not "libtorchaudio.so"."""
    stem, dot, rest = name.partition(".so")
    ours = stem in ("libtorch", "libc10") or stem.startswith(("libtorch_", "libc10_"))
    return bool(dot) and not rest and ours


def string_abi(name: str) -> bool | None:
    """Which std::string a mangled name is made with: True the C++11 one, False the one before.

    None: neither. The old one is the substitution `Ss`; letters of an identifier, which its length
    precedes, do not count. https://gcc.gnu.org/onlinedocs/libstdc++/manual/using_dual_abi.html
    """
    if any(sign in name for sign in _NEW_STRING):
        return True
    if "Ss" not in name:
        return None
    token = re.compile(_TOKEN)
    at = 2
    while match := token.match(name, at):
        if match.group() == "Ss":
            return False
        at = match.end() + int(match[1] or 0)
    return None


def common_abi(names: Iterable[str]) -> bool | None:
    """The std::string of the first name that has one; None when none has."""
    return next((abi for name in names if (abi := string_abi(name)) is not None), None)


class TorchLibraries:
    """torch/lib, opened: use it in a `with`."""

    def __init__(self, host: Host, folder: str) -> None:
        names = host.names(folder)
        present = () if isinstance(names, Missing) else names
        self.names = tuple(name for name in present if is_torch_library(name))
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

    def lacks(self, needed: Iterable[str]) -> tuple[str, ...]:
        """Those libraries that are not there; none when nothing of torch is."""
        return tuple(name for name in needed if self.names and name not in self.names)

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
