"""The matrix of builds as JSON, CSV and Markdown. Must not know how a cell was judged."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import msgspec

from envcheck.builds import pythons
from envcheck.render.matrix import LEGEND, MARKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envcheck.builds import Row, Table
    from envcheck.kb.builds import Build

_FIELDS = (
    "torch", "cuda", "platform", "python", "sass", "partial", "ptx", "cudnn", "nccl", "triton",
    "manylinux", "glibc", "source", "checked", "method", "kind", "default", "wheel", "sha256",
    "libraries", "requires", "note", "contradicts",
)  # fmt: skip
_HOW = {"measured": "wheel", "documented": "documents", "inferred": "inferred"}


def render_json(builds: Sequence[Build]) -> str:
    """A list of objects; `cuda` is null for a CPU build, what is not known is null or empty."""
    rows = [{name: getattr(build, name) for name in _FIELDS} for build in builds]
    return msgspec.json.format(msgspec.json.encode(rows), indent=2).decode() + "\n"


def render_csv(builds: Sequence[Build]) -> str:
    """A line for each build; lists are joined by spaces."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    names = [name for name in _FIELDS if name != "libraries"]
    table.writerow(names)
    for build in builds:
        values = (getattr(build, name) for name in names)
        table.writerow(" ".join(v) if isinstance(v, tuple) else v for v in values)
    return text.getvalue()


def render_markdown(tables: Sequence[Table]) -> str:
    """A table for each platform, a legend, and where sources say otherwise than wheels."""
    lines = ["; ".join(f"{MARKS[how]} {text}" for how, text in LEGEND.items()) + ".", ""]
    for table in tables:
        lines += [f"## {table.platform}", "", *_table(table), ""]
    differing: dict[str, list[str]] = {}
    for build in (row.build for table in tables for row in table.rows):
        if build.contradicts:
            differing.setdefault(f"{_cuda(build)}: {build.contradicts}", []).append(
                f"{build.torch} {build.platform}"
            )
    if differing:
        lines += ["## Where documents say otherwise than the wheels", ""]
        lines += [f"- {what}: not so in torch {', '.join(w)}" for what, w in differing.items()]
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _table(table: Table) -> Iterator[str]:
    columns = [
        "torch", "CUDA", "Python",
        *(f"{sm}<br>{family.name}" for family in table.families for sm in family.sms),
        "cuDNN", "glibc", "known from",
    ]  # fmt: skip
    yield _line(columns)
    yield _line(["---"] * len(columns))
    for row in table.rows:
        yield _line(_values(row, table))


def _values(row: Row, table: Table) -> list[str]:
    build = row.build
    return [
        f"**{build.torch}**" if build.default else build.torch,
        _cuda(build).removeprefix("CUDA "),
        pythons(build),
        *(MARKS[row.cells[sm]] for family in table.families for sm in family.sms),
        build.cudnn or "",
        build.glibc or "",
        _HOW[build.kind],
    ]


def _cuda(build: Build) -> str:
    return f"CUDA {build.cuda}" if build.cuda else "CPU"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
