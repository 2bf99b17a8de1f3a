"""Facts about compiled extensions: libraries of other packages that link torch or hold GPU code.

Must not know how they are found, nor whether they fit.
"""

import msgspec

from envcheck.facts.base import NOT_ASKED, Fact, Missing
from envcheck.facts.torch import Pin


class CompiledFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One shared library of a package. Architectures are written `sm_90`, `compute_90`."""

    path: str
    links_torch: bool = False  # needs libtorch or libc10
    cudart: str | None = None  # CUDA runtime: major of its SONAME, "12"; "static"; None: none
    uses_cuda: bool = False  # GPU code, a CUDA runtime, or torch's CUDA libraries
    fatbins: int = 0
    sass: tuple[str, ...] = ()  # in more than half of the fatbins
    partial: tuple[str, ...] = ()  # SASS and PTX in some
    ptx: tuple[str, ...] = ()  # in more than half
    cxx11_abi: bool | None = None  # the std::string it hands to torch; None: it hands none
    symbols: int = 0  # of torch, that it cannot do without
    # The first of those that the installed torch does not define, readable; and how many there are
    missing: tuple[str, ...] | Missing = NOT_ASKED
    mangled: tuple[str, ...] = ()  # the same names as the dynamic linker prints them
    missing_count: int = 0
    missing_by_abi: int = 0  # of them: named with the other std::string than torch's own
    missing_of_cuda: int = 0  # of them: what only a CUDA build of torch has
    lacks: tuple[str, ...] = ()  # libraries of torch it needs and this torch has not
    compiler: str = ""  # of its C++ code, "GCC 12.2.0"; "": it does not say
    cuda_compiler: str = (
        ""  # CUDA version of the nvcc that compiled it, "12.1"; "": it does not say
    )


class DamagedFile(msgspec.Struct, frozen=True):
    """A compiled library that cannot be read."""

    path: str
    problem: str


class Extension(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="extension"
):
    """A package with compiled files that link torch or hold GPU code."""

    name: str  # normalised distribution name, "detectron2"
    version: str | Missing = NOT_ASKED
    path: str = ""  # folder of its metadata
    origin: str = ""  # where its source is: "git+https://…@…", a folder; "": a package index
    editable: bool = False  # installed in place: it runs from the folder `origin`
    files: tuple[CompiledFile, ...] | Missing = NOT_ASKED
    # Of a package that is known to need a compiled library, what Python's import would meet
    folder: str = ""  # the folder on sys.path that it is imported from
    other_python: tuple[str, ...] = ()  # libraries in the place of its own, for other Pythons
    damaged: tuple[DamagedFile, ...] = ()
    copies: tuple[str, ...] = ()  # further folders on sys.path that hold a copy; not imported
    hidden_by: str = ""  # the current folder, when it holds another copy
    requires: tuple[Pin, ...] | Missing = NOT_ASKED  # what its metadata asks for, torch apart


class Extensions(Fact, frozen=True, kw_only=True, tag="extensions"):
    """Every compiled extension of the patient's environment, looked up in the torch beside it."""

    torch_cxx11_abi: bool | Missing = NOT_ASKED  # the std::string torch was compiled with
    packages: tuple[Extension | Missing, ...] | Missing = NOT_ASKED
