"""One compiled file as `Binary`. Must not know where it came from."""

from collections.abc import Callable
from posixpath import dirname

from envcheck.binaries import BinaryError
from envcheck.binaries.elf import Elf, read_elf
from envcheck.binaries.fatbin import GpuCode
from envcheck.binaries.loader import FileTree, Found, LibrarySearch
from envcheck.binaries.versions import needed_versions, newest
from envcheck.facts import Missing
from envcheck.inspection import Binary, Code, Symbol, TorchNeeds
from envcheck.probes.compiled import Compiled, read_compiled, readable, unresolved
from envcheck.probes.torch_libraries import TorchLibraries, common_abi

Search = Callable[[bool], LibrarySearch]  # the loader's, with torch imported or not
Torch = Callable[[], TorchLibraries | None]  # asked only for a file that links torch


def read_binary(
    path: str, files: FileTree, search: Search, torch: Torch, shown: str = ""
) -> Binary:
    """The file at `path` of `files`, called `shown`. What cannot be read is its `problem`."""
    try:
        with files.open(path) as source:
            elf = read_elf(source)
            compiled = read_compiled(elf)
            ours = torch() if compiled.torch_needed else None
            # torch's own libraries do not wait for torch to be imported
            inside = ours is not None and path.startswith(f"{dirname(ours.folder)}/")
            loader = search(ours is not None and not inside)
            versions = [name for names in needed_versions(elf).values() for name in names]
            return Binary(
                path=shown or path,
                machine=elf.machine,
                soname=elf.soname,
                build_id=elf.build_id,
                code=_code(compiled.code),
                cudart=compiled.cudart,
                torch=_torch(path, compiled, ours, loader, files),
                glibc=newest(versions, "GLIBC"),
                glibcxx=newest(versions, "GLIBCXX"),
                cxxabi=newest(versions, "CXXABI"),
                rpath=elf.rpath,
                runpath=elf.runpath,
                libraries=_libraries(path, elf, loader),
            )
    except BinaryError as error:
        return Binary(path=shown or path, problem=str(error))


def _code(code: GpuCode) -> Code | None:
    if not code.fatbins and not code.relocatable:
        return None
    return Code(
        fatbins=code.fatbins,
        sass=code.full,
        partial=code.partial,
        ptx=code.ptx_full,
        ptx_partial=code.ptx_partial,
        relocatable=code.relocatable,
    )


def _torch(
    path: str,
    compiled: Compiled,
    torch: TorchLibraries | None,
    search: LibrarySearch,
    files: FileTree,
) -> TorchNeeds | None:
    if not compiled.torch_needed:
        return None
    missing = None if torch is None else unresolved(path, compiled, torch, search, files)
    names = None if missing is None or isinstance(missing, Missing) else missing
    return TorchNeeds(
        libraries=compiled.torch_needed,
        symbols=compiled.torch_symbols,
        cxx11_abi=common_abi(compiled.torch_symbols),
        missing=None if names is None else tuple(map(Symbol, names, readable(names))),
        lacks=() if torch is None else torch.lacks(compiled.torch_needed),
    )


def _libraries(path: str, elf: Elf, search: LibrarySearch) -> tuple[Found, ...]:
    return search.trace(path) if elf.dynamic else ()
