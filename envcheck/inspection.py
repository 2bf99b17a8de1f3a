"""What `inspect` says of compiled files. Must not know how it was read, nor how it is printed."""

from typing import Literal

import msgspec

from envcheck.binaries.loader import Found
from envcheck.errors import EXIT_OK, EXIT_UNCHECKABLE

SCHEMA_VERSION = 1


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """GPU code of one file. Architectures are written `sm_90a`, `compute_90`."""

    fatbins: int  # one a compiled source file
    sass: tuple[str, ...]  # in more than half of the fatbins
    partial: tuple[str, ...]  # in some
    ptx: tuple[str, ...]
    ptx_partial: tuple[str, ...]
    relocatable: int  # fatbins of code that is linked once more (`nvcc -rdc`)


class Symbol(msgspec.Struct, frozen=True):
    name: str  # mangled, as the linker prints it
    readable: str


class TorchNeeds(msgspec.Struct, frozen=True, kw_only=True):
    """What a file needs of torch, and what the torch it was compared with does not have."""

    libraries: tuple[str, ...]  # "libc10.so"
    symbols: tuple[str, ...]  # that it cannot do without, mangled
    cxx11_abi: bool | None  # the std::string of those symbols; None: none has one
    missing: tuple[Symbol, ...] | None = None  # None: there was no torch to compare with
    lacks: tuple[str, ...] = ()  # libraries that torch has not


class Binary(msgspec.Struct, frozen=True, kw_only=True):
    """One compiled file."""

    path: str  # of a wheel: the member
    problem: str | None = None  # why it could not be read; nothing below is known then
    machine: str = ""  # "x86_64"
    soname: str | None = None
    build_id: str | None = None
    code: Code | None = None  # None: no GPU code
    cudart: str | None = None  # CUDA runtime: major of its SONAME, "12"; "static"; None: none
    torch: TorchNeeds | None = None  # None: it does not link torch
    glibc: str | None = None  # the newest versions it asks for, "2.17"
    glibcxx: str | None = None
    cxxabi: str | None = None
    rpath: str | None = None
    runpath: str | None = None
    libraries: tuple[Found, ...] = ()  # all it brings in, and where the loader finds each


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was asked about."""

    asked: str
    kind: Literal["library", "wheel", "directory", "package"]
    path: str  # of the file or folder; of a package, its metadata
    version: str | None = None  # of a package
    binaries: tuple[Binary, ...] = ()


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """The torch whose symbols were looked up."""

    version: str
    path: str
    cxx11_abi: bool | None


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one `envcheck inspect`."""

    schema_version: int = SCHEMA_VERSION
    tool: str
    python: str | None  # the interpreter whose loader and torch were asked
    torch: Compared | None
    ld_library_path: str
    targets: tuple[Target, ...]

    @property
    def exit_code(self) -> int:
        damaged = any(binary.problem for each in self.targets for binary in each.binaries)
        return EXIT_UNCHECKABLE if damaged else EXIT_OK
