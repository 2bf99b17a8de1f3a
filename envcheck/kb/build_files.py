"""Writes rows of data/builds/: one file a release, the same text for the same rows.

Must not know where a row comes from.
"""

from __future__ import annotations

import datetime
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envcheck.kb.builds import Build, BuildFile
from envcheck.kb.rows import read_file
from envcheck.kb.versions import order

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_HEAD = "# torch {}: GPU code by CUDA variant and platform. `source` is a key of [sources].\n"
_FIELDS = (
    "torch", "cuda", "platform", "default", "python", "sass", "partial", "ptx", "libraries",
    "cudnn", "nccl", "triton", "requires", "manylinux", "glibc", "wheel", "sha256", "method",
    "note", "source", "checked", "kind",
)  # fmt: skip
_PLATFORMS = ("linux-x86_64", "linux-aarch64", "windows-x86_64")
_KINDS = ("measured", "documented", "inferred")
_WIDTH = 100


def put_build(folder: Path, base: Path, build: Build) -> None:
    """Puts a measured row into `folder`/<release>.toml, in place of the measured row of the same
    CUDA and platform, unless that is of the wheel which plain pip brings and this one is not. Rows
    of other kinds stay. The file is replaced as a whole or not at all.

    Args:
        base: a folder whose file is the starting point where `folder` has none yet.

    Raises:
        KnowledgeError: the file there is unreadable, or would be.
        OSError: it cannot be written.
    """
    path = folder / f"{build.torch}.toml"
    rows, sources = read_build_file(path if path.exists() else base / path.name)
    key = (build.cuda, build.platform)
    old = [row for row in rows if row["kind"] == "measured" and _key(row) == key]
    if any(row.get("default") for row in old) and not build.default:
        return
    rows = [row for row in rows if row not in old]
    for row in rows:
        if build.default and row["platform"] == build.platform and _key(row) != key:
            row.pop("default", None)  # one wheel a platform is what pip brings
    fields = {name: getattr(build, name) for name in build.__struct_fields__}
    name = "wheel-" + build.platform + ("-cu" + build.cuda.replace(".", "") if build.cuda else "")
    sources[name] = build.source
    rows.append({**fields, "source": name})
    _replace(path, file_text(build.torch, rows, sources))


def file_text(release: str, rows: Sequence[Mapping[str, Any]], sources: Mapping[str, str]) -> str:
    """A whole file. Rows by platform, then CUDA, then how they are founded; only cited sources."""
    lines = [_HEAD.format(release)]
    for row in sorted(rows, key=_rank):
        lines += ["[[build]]", *_row(row), ""]
    cited = {row["source"] for row in rows}
    lines += ["[sources]", *(_pair(name, sources[name]) for name in sorted(cited))]
    return "\n".join(lines) + "\n"


def read_rows(folder: Path, release: str) -> tuple[Build, ...]:
    """The rows of a release as they stand in the folder's file, () when there is none."""
    path = folder / f"{release}.toml"
    return read_file(path, BuildFile).build if path.exists() else ()


def read_build_file(path: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Rows and sources as they stand in the file; none when there is no file.

    Raises:
        KnowledgeError: it is malformed.
    """
    if not path.exists():
        return [], {}
    read_file(path, BuildFile)
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    return raw["build"], raw["sources"]


def _replace(path: Path, text: str) -> None:
    """Never leaves half a file, nor one that cannot be read back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        try:
            file.write(text)
            file.close()
            read_file(Path(file.name), BuildFile)
            Path(file.name).chmod(0o644)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _key(row: Mapping[str, Any]) -> tuple[str | None, str]:
    return row.get("cuda"), row["platform"]


def _rank(row: Mapping[str, Any]) -> tuple[int, tuple[int, ...], int]:
    cuda = row.get("cuda")
    return (
        _PLATFORMS.index(row["platform"]),
        order(cuda) if cuda else (),
        _KINDS.index(row["kind"]),
    )


def _row(row: Mapping[str, Any]) -> Iterator[str]:
    for name in _FIELDS:
        value = row.get(name)
        if value not in (None, False, "", (), [], {}):
            yield _pair(name, value)


def _pair(name: str, value: Any) -> str:
    line = f"{name} = {_value(value)}"
    if len(line) > _WIDTH and isinstance(value, (list, tuple)):
        return f"{name} = [\n" + "".join(f"  {_value(item)},\n" for item in value) + "]"
    return line


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_value(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
