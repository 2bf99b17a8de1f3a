"""What a requirement may be about: short names, and every fact by its path in the snapshot.

Must not know how a fact is found, nor what it should be.
"""

import posixpath
import re
import types
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from envcheck.facts import FACT_NAMES, Gpu, Missing, Snapshot
from envcheck.facts.policy import Kind
from envcheck.policy.errors import ExpressionError, near

SHORT = {
    "cpus": "host.cpu_count",
    "cuda": "driver.cuda",
    "driver": "driver.version",
    "ffmpeg": "ffmpeg.builds.0.version",  # the first on PATH
    "ffmpeg.decoder": "ffmpeg.builds.0.decoders",
    "ffmpeg.encoder": "ffmpeg.builds.0.encoders",
    "ffmpeg.filter": "ffmpeg.builds.0.filters",
    "ffmpeg.hwaccel": "ffmpeg.builds.0.hwaccels",
    "glibc": "host.glibc",
    "gpu.memory": "gpu.memory_bytes",
    "kernel": "host.kernel",
    "memory": "host.memory_bytes",
    "nvcc": "cuda.nvcc_version",
    "python": "python.version",
    "shm": "host.shm_bytes",
    "torch": "torch.version",
}
# Of FFmpeg's lists only NVIDIA's names are known: another one's absence would prove nothing.
NVIDIAS = {
    "decoders": ("_cuvid",),
    "encoders": ("_nvenc",),
    "filters": ("_cuda", "_npp"),
    "hwaccels": ("_nvdec",),
}
# Fields that hold a version without saying so in their name.
VERSIONS = (
    "cuda", "cuda_compiler", "cudart", "glibc", "glibc_needed", "glibcxx", "glibcxx_needed", "hip",
    "installed", "jetson", "kernel", "libstdcxx_glibcxx", "nvenc_driver", "sm", "xpu",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)  # PEP 508
_HIDDEN = ("sources", "policy")


class Subject(msgspec.Struct, frozen=True):
    """One thing a requirement can be about."""

    path: str  # as `Requirement.path`
    compared: Kind
    key: str = ""


def subject_of(name: str, key: str | None) -> Subject:
    """The subject called `name`, or the element `key` of the list called `name`.

    Raises:
        ExpressionError: nothing is called so; the nearest names are suggested.
    """
    if name == "package":
        return _package(_wanted(key, "package:numpy"))
    if name == "disk":
        return _disk(_wanted(key, "disk:/data"))
    if name == "gpu.count":
        subject, is_list = Subject(name, "number"), False
    else:
        path = SHORT.get(name, name)
        subject, is_list = _by_path(path, name)
    if is_list and key is None:
        raise ExpressionError(f"{name} is a list: ask for one of it, {name}:NAME")
    if key is not None and not is_list:
        raise ExpressionError(f"{name} is no list: {key!r} cannot be one of it")
    _only_nvidias(subject.path, key or "")
    return Subject(subject.path, subject.compared, key or "")


def _only_nvidias(path: str, key: str) -> None:
    ends = NVIDIAS.get(path.rpartition(".")[2], ()) if path.startswith("ffmpeg.") else ()
    if ends and not key.endswith(ends):
        raise ExpressionError(
            f"{key!r} cannot be judged: of FFmpeg only what is NVIDIA's is looked up, names that"
            f" end in {' or '.join(ends)}"
        )


def _wanted(key: str | None, example: str) -> str:
    if not key:
        raise ExpressionError(f"a name must follow, as in {example}")
    return key


def _package(name: str) -> Subject:
    if not _NAME.fullmatch(name):
        raise ExpressionError(f"{name!r} is no name of a Python package")
    normal = re.sub(r"[-_.]+", "-", name).lower()
    return Subject(f"python.distributions.{normal}.version", "version")


def _disk(folder: str) -> Subject:
    if not folder.startswith("/") or "\0" in folder:
        raise ExpressionError(f"{folder!r} must be a folder from the root on, as in disk:/data")
    return Subject("disk", "bytes", posixpath.normpath(folder).replace("//", "/"))


def _by_path(path: str, name: str) -> tuple[Subject, bool]:
    """The fact at a path, and whether it is a list."""
    first, *rest = path.split(".")
    try:
        if first == "gpu" and rest:
            kind = _walk(Gpu, rest, "gpu")
        elif first in FACT_NAMES and first not in _HIDDEN:
            kind = _walk(_fields(Snapshot)[first], rest, first)
        else:
            raise _Lost("", ())
    except _Lost as lost:
        beside = (f"{lost.way}.{field}" for field in lost.beside)
        hint = near(name, (*_names(), *beside))
        if not hint and "." not in name:
            hint = f"; a Python package is written package:{name}"
        raise ExpressionError(f"no fact is called {name!r}{hint}") from None
    if kind == "list":
        return Subject(path, "thing"), True
    return Subject(path, kind), False


class _Lost(Exception):
    """The path ends in nothing: how far it led, and what there is instead."""

    def __init__(self, way: str, beside: Iterable[str]) -> None:
        self.way, self.beside = way, tuple(beside)


def _walk(kind: Any, parts: list[str], way: str) -> "Kind | Literal['list']":
    """What stands at the end of a path that begins in a value of this type."""
    holder = _holder(kind)
    if not parts:
        return _kind(holder, way.rpartition(".")[2])
    first, *rest = parts
    below = f"{way}.{first}"
    if isinstance(holder, type) and issubclass(holder, msgspec.Struct):
        fields = {name: kind for name, kind in _fields(holder).items() if name not in _HIDDEN}
        if first not in fields:
            raise _Lost(way, fields)
        return _walk(fields[first], rest, below)
    if get_origin(holder) in (tuple, dict) and first:
        inner = get_args(holder)
        return _walk(inner[0] if get_origin(holder) is tuple else inner[1], rest, below)
    raise _Lost(way, ())


def _kind(holder: Any, field: str) -> "Kind | Literal['list']":
    if holder is bool:
        return "flag"
    if holder in (int, float):
        return "bytes" if field.endswith("_bytes") else "number"
    if holder is str or get_origin(holder) is Literal:
        return "version" if field.endswith("version") or field in VERSIONS else "text"
    return "list" if get_origin(holder) is tuple else "thing"


def _holder(kind: Any) -> Any:
    """The type of a value when it is there."""
    union = get_origin(kind) is Union or isinstance(kind, types.UnionType)
    every = get_args(kind) if union else (kind,)
    return next((one for one in every if one not in (Missing, types.NoneType)), object)


@lru_cache(maxsize=128)
def _fields(struct: Any) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(struct)}


def _names() -> Iterator[str]:
    """Every name without an element's: for suggestions."""
    yield from SHORT
    yield from ("gpu.count", "disk", "package")
    yield from (f"gpu.{field}" for field in _fields(Gpu))
    for fact in FACT_NAMES:
        if fact not in _HIDDEN:
            yield from _below(fact, _fields(Snapshot)[fact])


def _below(path: str, kind: Any) -> Iterator[str]:
    holder = _holder(kind)
    if not (isinstance(holder, type) and issubclass(holder, msgspec.Struct)):
        yield path
        return
    for field, inner in _fields(holder).items():
        if field not in _HIDDEN:
            yield from _below(f"{path}.{field}", inner)
