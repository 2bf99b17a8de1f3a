"""Text with roles instead of colours, measured in terminal cells. Pure; knows no terminal."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec
from rich.cells import cell_len, set_cell_size

from envcheck.render.style import plain

Role = Literal[
    "",
    "dim",
    "bold",
    "head",  # of a table
    "use",  # busy with computing
    "mem",
    "peak",  # above the mean
    "warn",
    "bad",
    "key",
    "chosen",  # the selected row
]


class Span(NamedTuple):
    text: str
    role: Role = ""


Line = tuple[Span, ...]
BLANK: Line = ()


class Glyphs(msgspec.Struct, frozen=True):
    """The signs a terminal can show. Each is one cell wide."""

    ascii: bool
    bar: str  # a cell filled from the left, empty first, full last
    column: str  # a cell filled from the bottom, empty first, full last
    peak: str  # what a short burst reached above the mean
    zero: str  # measured, and nothing
    gap: str  # not measured
    up: str
    down: str
    more: str  # cut off here
    dot: str
    rule: str
    branch: str
    last_branch: str
    trunk: str
    chosen: str


UNICODE = Glyphs(
    ascii=False, bar=" ▏▎▍▌▋▊▉█", column=" ▁▂▃▄▅▆▇█", peak="░", zero="_", gap=" ",
    up="↑", down="↓", more="…", dot="·", rule="─",
    branch="├─", last_branch="└─", trunk="│ ", chosen="▸",
)  # fmt: skip
ASCII = Glyphs(
    ascii=True, bar=" -=#", column=" .-=#", peak=":", zero="_", gap=" ",
    up="^", down="v", more="~", dot="|", rule="-",
    branch="|-", last_branch="`-", trunk="| ", chosen=">",
)  # fmt: skip


def clean(text: str, glyphs: Glyphs) -> str:
    """Foreign text that cannot steer the terminal, nor show signs which it lacks."""
    text = plain(text)
    return text.encode("ascii", "backslashreplace").decode() if glyphs.ascii else text


def width(line: Iterable[Span]) -> int:
    return sum(cell_len(span.text) for span in line)


def text_of(line: Iterable[Span]) -> str:
    return "".join(span.text for span in line)


def cut(text: str, cells: int, glyphs: Glyphs) -> str:
    """At most `cells` wide; what is missing is marked."""
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, cells - 1) + glyphs.more if cells > 0 else ""


def fit(line: Iterable[Span], cells: int, glyphs: Glyphs, fill: Role = "") -> Line:
    """Exactly `cells` wide: cut, or filled up with blanks."""
    spans: list[Span] = []
    left = cells
    for text, role in line:
        shown = cut(text, left, glyphs)
        spans.append(Span(shown, role))
        left -= cell_len(shown)
        if shown != text:
            break
    if left > 0:
        spans.append(Span(" " * left, fill))
    return tuple(spans)


def in_role(line: Iterable[Span], role: Role) -> Line:
    return tuple(Span(span.text, role) for span in line)


def beside(left: Line, right: Line, cells: int, glyphs: Glyphs) -> Line:
    """Two texts at both ends of a line; the right one goes first where there is no room."""
    room = cells - width(left) - width(right)
    return fit((*left, Span(" " * room), *right) if room > 0 else left, cells, glyphs)


def joined(parts: Iterable[Line], cells: int, glyphs: Glyphs) -> Line:
    """As many parts as fit, first ones first, with dots between them."""
    line: tuple[Span, ...] = ()
    for part in parts:
        more = (*line, Span(f" {glyphs.dot} ", "dim"), *part) if line else part
        if width(more) > cells and line:
            continue
        line = more
    return fit(line, cells, glyphs)
