"""The matrix of builds for a terminal: a table for each platform, folded where it does not fit.

Must not know how a cell was judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envcheck.builds import Family, How, Row, Table
    from envcheck.render.style import Style

MARKS: dict[How, str] = {"native": "●", "binary": "○", "ptx": "p", "partial": "~", "no": "·"}
_ASCII: dict[How, str] = {**MARKS, "native": "x", "binary": "o", "no": "."}
_COLOURS: dict[How, tuple[str, ...]] = {
    "native": ("green", "bold"),
    "binary": ("green",),
    "ptx": ("yellow",),
    "partial": ("red",),
    "no": ("dim",),
}
LEGEND: dict[How, str] = {
    "native": "made for it",
    "binary": "code of the same major version runs",
    "ptx": "the driver compiles PTX",
    "partial": "only some kernels",
    "no": "does not run",
}
_MARGIN = 2  # spaces between families


def render(tables: Sequence[Table], style: Style) -> str:
    """The tables and their legend, at most `style.width` columns wide where that is possible."""
    if not tables:
        return "No build known fits.\n"
    lines = [line for table in tables for line in _table(table, style)]
    marks = MARKS if style.unicode else _ASCII
    used = {how for table in tables for row in table.rows for how in row.cells.values()}
    cells = "; ".join(f"{marks[how]} {text}" for how, text in LEGEND.items() if how in used)
    notes = "* what plain pip install brings; d documented, i inferred, else measured in the wheel"
    return "\n".join(lines + style.wrap(cells, "") + style.wrap(notes, "")) + "\n"


def _table(table: Table, style: Style) -> Iterator[str]:
    labels = [_label(row) for row in table.rows]
    margin = max(len(label) for label in (*labels, table.platform))
    for block in _blocks(table.families, style.width - margin):
        name = style.paint(table.platform, "bold") + " " * (margin - len(table.platform))
        yield _header(name, block, names=True)
        yield _header("torch   CUDA".ljust(margin), block, names=False)
        for row, label in zip(table.rows, labels, strict=True):
            cells = "".join(_cells(row, family, style) for family in block)
            yield (label.ljust(margin) + cells).rstrip()
        yield ""


def _label(row: Row) -> str:
    build = row.build
    mark = ("*" if build.default else " ") + {"measured": " "}.get(build.kind, build.kind[0])
    return f"{build.torch:<7} {build.cuda or 'cpu':<4}{mark}"


def _blocks(families: Sequence[Family], width: int) -> Iterator[list[Family]]:
    """Families that fit side by side; at least one."""
    block: list[Family] = []
    for family in families:
        if block and sum(_width(one) + _MARGIN for one in (*block, family)) > width:
            yield block
            block = []
        block.append(family)
    yield block


def _width(family: Family) -> int:
    return max(len(family.name), len(" ".join(family.sms)))


def _header(label: str, block: Sequence[Family], *, names: bool) -> str:
    texts = (family.name if names else " ".join(family.sms) for family in block)
    padded = (text.ljust(_width(f)) for text, f in zip(texts, block, strict=True))
    return (label + "".join(" " * _MARGIN + text for text in padded)).rstrip()


def _cells(row: Row, family: Family, style: Style) -> str:
    marks = MARKS if style.unicode else _ASCII
    texts = []
    for sm in family.sms:
        how = row.cells[sm]
        texts.append(style.paint(marks[how], *_COLOURS[how]) + " " * (len(sm) - 1))
    rest = _width(family) - len(" ".join(family.sms))
    return " " * _MARGIN + " ".join(texts) + " " * rest
