"""One compiled file: the GPU code it holds and what it needs of torch. Must not judge."""

import msgspec

from envcheck.binaries import BinaryError
from envcheck.binaries.cudart import cuda_runtime
from envcheck.binaries.elf import Elf
from envcheck.binaries.fatbin import GpuCode, read_elf_gpu_code
from envcheck.binaries.loader import FileTree, LibrarySearch
from envcheck.binaries.symbols import SymbolTable
from envcheck.binaries.toolchain import constant, cuda_of_number, host_compiler
from envcheck.facts import CompiledFile, Missing
from envcheck.probes.torch_libraries import (
    TorchLibraries,
    common_abi,
    is_cuda_symbol,
    is_torch_library,
    is_torch_symbol,
    string_abi,
)

SHOWN = 5  # missing symbols that are named
# Functions that return the CUDART_VERSION their library was compiled with: detectron2, torchvision
STATES_CUDA = ("_ZN10detectron218get_cudart_versionEv", "_ZN6vision12cuda_versionEv")
_MAX_SIBLINGS = 200  # other libraries a file brings in, searched for what torch does not define


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """What one file says of itself."""

    needed: tuple[str, ...]
    code: GpuCode
    cudart: str | None  # "12", "static", None
    torch_needed: tuple[str, ...]  # libraries of torch among `needed`
    torch_symbols: tuple[str, ...]  # of torch, that it cannot do without, mangled
    compiler: str  # "GCC 12.2.0"
    cuda_compiler: str  # "12.1"

    @property
    def uses_cuda(self) -> bool:
        cuda = any("_cuda" in name for name in self.torch_needed)
        return cuda or self.cudart is not None or self.code.fatbins > 0

    @property
    def concerns_torch(self) -> bool:
        """Whether it links torch or holds GPU code."""
        return bool(self.torch_needed) or self.code.fatbins > 0


def read_compiled(elf: Elf) -> Compiled:
    """Raises `BinaryError`."""
    needed = elf.needed
    code = read_elf_gpu_code(elf) if elf.sections else GpuCode()
    ours = tuple(name for name in needed if is_torch_library(name))
    # Symbols that may stay unresolved do not count: the dynamic linker does not mind them either.
    undefined = SymbolTable(elf).undefined().strong if ours or code.fatbins else ()
    cudart = cuda_runtime(needed, code.fatbins, undefined)
    return Compiled(
        needed=needed,
        code=code,
        cudart=cudart,
        torch_needed=ours,
        torch_symbols=tuple(name for name in undefined if is_torch_symbol(name)) if ours else (),
        compiler=host_compiler(elf) if ours and elf.sections else "",
        cuda_compiler=_cuda_compiler(elf) if cudart else "",
    )


def compare(
    path: str,
    compiled: Compiled,
    torch: TorchLibraries,
    search: LibrarySearch,
    files: FileTree,
) -> CompiledFile:
    """The fact of a file: what it is, and what of torch it needs that this torch does not have.

    `search` and `files` find the other libraries it brings along.
    """
    code = compiled.code
    missing = unresolved(path, compiled, torch, search, files)
    absent = () if isinstance(missing, Missing) else missing
    ours = torch.cxx11_abi if absent else None
    by_abi = {name for name in absent if {ours, string_abi(name)} == {True, False}}
    return CompiledFile(
        path=path,
        links_torch=bool(compiled.torch_needed),
        cudart=compiled.cudart,
        uses_cuda=compiled.uses_cuda,
        fatbins=code.fatbins,
        sass=code.full,
        partial=(*code.partial, *code.ptx_partial),
        ptx=code.ptx_full,
        cxx11_abi=common_abi(compiled.torch_symbols),
        symbols=len(compiled.torch_symbols),
        missing=missing if isinstance(missing, Missing) else readable(missing[:SHOWN]),
        mangled=absent[:SHOWN],
        missing_count=len(absent),
        missing_by_abi=len(by_abi),
        missing_of_cuda=sum(is_cuda_symbol(name) and name not in by_abi for name in absent),
        lacks=torch.lacks(compiled.torch_needed),
        compiler=compiled.compiler,
        cuda_compiler=compiled.cuda_compiler,
    )


def _cuda_compiler(elf: Elf) -> str:
    numbers = (constant(elf, function) for function in STATES_CUDA)
    return next((cuda_of_number(number) for number in numbers if number), "")


def readable(names: tuple[str, ...]) -> tuple[str, ...]:
    """Mangled names as a programmer wrote them."""
    if not names:
        return ()
    from envcheck.binaries.demangle import demangle

    return tuple(map(demangle, names))


def unresolved(
    path: str,
    compiled: Compiled,
    torch: TorchLibraries,
    search: LibrarySearch,
    files: FileTree,
) -> tuple[str, ...] | Missing:
    """Symbols of torch that nothing defines: neither torch, nor what the file brings along.

    Some packages put code of their own into torch's namespaces.
    """
    missing = torch.missing(compiled.torch_symbols)
    if isinstance(missing, Missing) or not missing:
        return missing
    try:
        found = search.trace(path)
    except BinaryError:
        return missing
    for library in found[:_MAX_SIBLINGS]:
        if library.path is None or is_torch_library(library.name):
            continue
        try:
            with files.open(library.path) as source:
                missing = SymbolTable(Elf(source)).missing(missing)
        except BinaryError:
            continue
    return missing
