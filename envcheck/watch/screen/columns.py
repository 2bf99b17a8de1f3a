"""Which columns of a table fit, and its lines. Pure."""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

import msgspec

from envcheck.watch.screen.ink import Glyphs, Line, Span, fit, width

T = TypeVar("T")


class Column(msgspec.Struct, Generic[T], frozen=True):
    """One column. Where room is short those of the highest rank go first."""

    title: str
    cells: int  # its width; of the elastic one: the least
    rank: int
    draw: Callable[[T, int], Line]  # a row, and the width it may use
    left: bool = False
    elastic: int = 0  # takes what others leave, those of lower numbers first; 0 does not
    most: int = 1000  # an elastic one's greatest width


def choose(columns: Sequence[Column[T]], cells: int) -> list[Column[T]]:
    """Those that fit into `cells`, in their order, the elastic ones widened to fill it."""
    chosen: list[Column[T]] = []
    for column in sorted(columns, key=lambda column: column.rank):
        if sum(one.cells + 1 for one in chosen) + column.cells <= cells:
            chosen.append(column)
    chosen.sort(key=columns.index)
    spare = cells - sum(column.cells + 1 for column in chosen) + 1
    for column in sorted(chosen, key=lambda column: column.elastic):
        if column.elastic:
            more = min(spare, column.most - column.cells)
            wider = msgspec.structs.replace(column, cells=column.cells + more)
            chosen[chosen.index(column)] = wider
            spare -= more
    return chosen


def heading(columns: Sequence[Column[T]], glyphs: Glyphs) -> Line:
    titles = (_set(column, (Span(column.title, "head"),), glyphs) for column in columns)
    return _row(titles)


def row(columns: Sequence[Column[T]], item: T, glyphs: Glyphs) -> Line:
    return _row(_set(column, column.draw(item, column.cells), glyphs) for column in columns)


def _set(column: Column[T], text: Line, glyphs: Glyphs) -> Line:
    missing = column.cells - width(text)
    if column.left or missing <= 0:
        return fit(text, column.cells, glyphs)
    return (Span(" " * missing), *text)


def _row(cells: Iterable[Line]) -> Line:
    line: list[Span] = []
    for cell in cells:
        line += [Span(" "), *cell] if line else cell
    return tuple(line)
