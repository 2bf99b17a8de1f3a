"""A package with a compiled module, in words. Must not know whether it is good."""

from collections.abc import Iterator

from envcheck.facts import (
    CompiledFile,
    Compiler,
    Cuda,
    Extension,
    Missing,
    TorchBuild,
    or_none,
)
from envcheck.finding import words

PACKAGE = "detectron2"


def package_rows(
    extension: Extension | Missing, torch: TorchBuild | None, cuda: Cuda | Missing
) -> Iterator[tuple[str, str]]:
    """detectron2 and what its compiled module says of itself; else what would compile it."""
    if isinstance(extension, Missing):
        yield PACKAGE, str(extension)
        return
    if not extension.folder and not or_none(extension.files):
        yield PACKAGE, "not installed"
        return
    where = f" @{extension.folder}/{PACKAGE}" if extension.folder else ""
    yield PACKAGE, f"{words(extension.version)}{where}"
    problem = _problem(extension, torch)
    if problem:
        yield f"{PACKAGE}._C", f"not built correctly: {problem}"
        if not isinstance(cuda, Missing) and isinstance(cuda.host_compiler, Compiler):
            found = cuda.host_compiler
            yield "Compiler ($CXX)", f"{found.family} {found.version} @{found.path}"
    file = next(iter(or_none(extension.files) or ()), None)
    if file:
        yield "Compiler", file.compiler or "not known"
        yield "CUDA compiler", cuda_compiler(file)
        if file.fatbins:
            yield f"{PACKAGE} arch flags", architectures(file)


def _problem(extension: Extension, torch: TorchBuild | None) -> str:
    """Why the compiled module cannot be loaded, as far as that is known."""
    if extension.damaged:
        return extension.damaged[0].problem
    files = or_none(extension.files) or ()
    if not files:
        others = [path.rpartition("/")[2] for path in extension.other_python]
        return f"only {others[0]} is there" if others else "it is not there"
    file = files[0]
    if torch is None:
        return "torch is not installed"
    if isinstance(file.missing, Missing) and file.missing.detail:
        return file.missing.detail
    if file.lacks:
        return f"{', '.join(file.lacks)}: not in torch {words(torch.version)}"
    if file.missing_count:
        name = next(iter(file.mangled or or_none(file.missing) or ()), "")
        return f"undefined symbol: {name} ({file.missing_count} of {file.symbols} are missing)"
    return ""


def cuda_compiler(file: CompiledFile) -> str:
    """As detectron2 itself says it: "CUDA 12.1", "not available"."""
    if file.cuda_compiler:
        return f"CUDA {file.cuda_compiler}"
    if file.cudart and file.cudart.isdecimal():
        return f"CUDA {file.cudart}"
    return "not known" if file.uses_cuda else "not available"


def architectures(file: CompiledFile) -> str:
    """As TORCH_CUDA_ARCH_LIST names them: "8.0, 9.0a, 12.0, 12.0+PTX"."""
    return ", ".join((*map(_dotted, file.sass), *(f"{_dotted(name)}+PTX" for name in file.ptx)))


def _dotted(name: str) -> str:
    """ "sm_90a" → "9.0a" """
    number = name.rpartition("_")[2]
    digits = number.rstrip("af")
    return f"{digits[:-1]}.{digits[-1:]}{number[len(digits) :]}"
