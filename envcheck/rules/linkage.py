"""What is wrong with an extension, at its root: decided here once, for all checks of it. Pure."""

import re
from collections.abc import Iterable
from typing import Literal

from envcheck import compat
from envcheck.facts import CompiledFile, Extension, Gpu, TorchBuild, known, or_none
from envcheck.finding import Evidence, words
from envcheck.kb import Knowledge
from envcheck.rules.base import NotApplicable

Cause = Literal["other torch", "abi", "other cuda", ""]
_ORDER: tuple[Cause, ...] = ("other torch", "abi", "other cuda")  # the most telling one first


def cause_of(extension: Extension, torch: TorchBuild) -> Cause:
    """Why its libraries cannot be loaded beside this torch; "": they can, as far as is known.

    Raises:
        Unknown: its files, or what torch defines, could not be read.
        NotApplicable: torch itself is broken, and another check says so.
    """
    if or_none(torch.broken):
        raise NotApplicable
    causes = [
        min((_cause(file, torch) for file in group), key=_rank)
        for group in families(known(extension.files))
    ]
    return next((cause for cause in _ORDER if cause in causes), "")


def families(files: Iterable[CompiledFile]) -> tuple[tuple[CompiledFile, ...], ...]:
    """Files that stand for one another: names that differ in numbers only.

    A package picks one of `libbitsandbytes_cuda118.so` and `…_cuda124.so` when it is imported, so
    it is enough that one of them fits.
    """
    groups: dict[str, list[CompiledFile]] = {}
    for file in files:
        groups.setdefault(re.sub(r"\d+", "", file.path), []).append(file)
    return tuple(map(tuple, groups.values()))


def runs_on(
    group: tuple[CompiledFile, ...],
    gpu: Gpu,
    torch: TorchBuild,
    driver: str | None,
    kb: Knowledge,
    *,
    in_part: bool = False,
) -> bool:
    """Whether one of these files has code for a GPU whose compute capability is known.

    `in_part`: whether any of its kernels has.
    """
    for file in group:
        sass, ptx = set(file.sass), set(file.ptx)
        if in_part:
            sass |= {arch for arch in file.partial if arch.startswith("sm_")}
            ptx |= {arch for arch in file.partial if arch.startswith("compute_")}
        verdict = compat.runs(
            sass, ptx, str(gpu.sm), cuda=or_none(torch.cuda), driver=driver, kb=kb
        )
        if verdict.runs:
            return True
    return False


def torch_runs_on(gpu: Gpu, torch: TorchBuild, kb: Knowledge) -> bool:
    """Whether torch itself has code for a GPU; True when its code is not known."""
    sass = or_none(torch.sass)
    ptx = or_none(torch.ptx) or ()
    return sass is None or compat.runs(sass, ptx, str(gpu.sm), cuda=or_none(torch.cuda), kb=kb).runs


def other_cuda(file: CompiledFile, torch: TorchBuild) -> bool:
    """Whether it is linked to torch and to a CUDA that torch was not built for."""
    if not file.links_torch:
        return False
    if torch.wants_cuda is False:
        return file.uses_cuda
    cuda = or_none(torch.cuda)
    if cuda is None or file.cudart is None or not file.cudart.isdecimal():
        return False
    return file.cudart != cuda.partition(".")[0]


def _cause(file: CompiledFile, torch: TorchBuild) -> Cause:
    if not file.links_torch:
        return ""
    known(file.missing)
    other = file.missing_count - file.missing_by_abi
    lacks = file.lacks
    if torch.wants_cuda is False:  # what a build without CUDA lacks says nothing about its release
        other -= file.missing_of_cuda
        lacks = tuple(name for name in lacks if "_cuda" not in name)
    if other or lacks:
        return "other torch"
    if file.missing_by_abi:
        return "abi"
    return "other cuda" if other_cuda(file, torch) else ""


def _rank(cause: Cause) -> int:
    return len(_ORDER) - _ORDER.index(cause) if cause else 0


# ---- words --------------------------------------------------------------------------------------


def title(extension: Extension) -> str:
    """ "detectron2 0.6" """
    return f"{extension.name} {words(extension.version)}"


def short(file: CompiledFile) -> str:
    """A file by its name and folder: "detectron2/_C.cpython-311-x86_64-linux-gnu.so"."""
    return "/".join(file.path.rsplit("/", 2)[-2:])


def unresolved(extension: Extension) -> str:
    """What the worst of its files needs and torch lacks, in words."""
    file = _worst(extension)
    missing = known(file.missing)
    parts = []
    if file.lacks:
        parts.append(f"{short(file)} needs {', '.join(file.lacks)}, which it does not have")
    if file.missing_count:
        first = "; ".join(missing[:2])
        more = file.missing_count - len(missing[:2])
        parts.append(
            f"{file.missing_count} of the {file.symbols} symbols {short(file)} needs are not there:"
            f" {first}{f'; and {more} more' if more else ''}"
        )
    return ". ".join(parts)


def evidence(extension: Extension) -> tuple[Evidence, ...]:
    """The missing symbols, a value each; the first also as the dynamic linker prints it."""
    file = _worst(extension)
    printed = tuple(Evidence("undefined symbol", name, file.path) for name in file.mangled[:1])
    missing = tuple(Evidence("missing symbol", name, file.path) for name in known(file.missing))
    lacking = tuple(Evidence("missing library", name, file.path) for name in file.lacks)
    return (*missing, *printed) or lacking


def abi_name(new: bool) -> str:
    """One of libstdc++'s two string types."""
    return "C++11 ABI" if new else "C++ ABI before C++11"


def abi_words(extension: Extension) -> str:
    """How mangled names tell of the other std::string, when some of the missing ones do."""
    file = _worst(extension)
    if not file.missing_by_abi or file.cxx11_abi is None:
        return ""
    sign = "`__cxx11`" if file.cxx11_abi else "`Ss`"
    return (
        f" {sign} in {file.missing_by_abi} of their mangled names is std::string of the"
        f" {abi_name(file.cxx11_abi)}: built with _GLIBCXX_USE_CXX11_ABI={int(file.cxx11_abi)}."
    )


def _worst(extension: Extension) -> CompiledFile:
    return max(known(extension.files), key=lambda file: (file.missing_count, len(file.lacks)))
