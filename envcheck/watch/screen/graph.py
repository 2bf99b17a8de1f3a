"""Bars and graphs out of characters. Pure."""

from collections.abc import Iterable, Sequence

from envcheck.watch.screen.ink import Glyphs, Line, Role, Span


def bar(value: float | None, full: float, cells: int, role: Role, glyphs: Glyphs) -> Line:
    """A bar of `cells`, `value` of `full`."""
    if value is None or full <= 0:
        return (Span(" " * cells),)
    steps = len(glyphs.bar) - 1
    filled = round(max(0.0, min(1.0, value / full)) * cells * steps)
    whole, part = divmod(filled, steps)
    text = glyphs.bar[-1] * whole + (glyphs.bar[part] if part else "")
    return (Span(text.ljust(cells), role),)


def graph(
    values: Sequence[float | None],
    peaks: Sequence[float | None],
    full: float,
    size: tuple[int, int],
    role: Role,
    glyphs: Glyphs,
) -> list[Line]:
    """The newest values as columns, the latest at the right; `size` is cells wide and high.

    Above each value its peak is marked where it is higher, so that a burst within one tick shows.
    """
    wide, high = size
    shown = list(values)[-wide:] if wide > 0 else []
    above = list(peaks)[-wide:] if wide > 0 else []
    above = [*[None] * (len(shown) - len(above)), *above]
    columns = [
        _column(value, peak, full, high, role, glyphs)
        for value, peak in zip(shown, above, strict=True)
    ]
    margin = Span(" " * (wide - len(columns)))
    return [(margin, *_merged(column[row] for column in columns)) for row in range(high)]


def _column(
    value: float | None,
    peak: float | None,
    full: float,
    high: int,
    role: Role,
    glyphs: Glyphs,
) -> list[Span]:
    """One column from top to bottom."""
    if value is None or full <= 0:
        return [Span(glyphs.gap)] * high
    steps = len(glyphs.column) - 1
    total = high * steps
    filled = round(max(0.0, min(1.0, value / full)) * total)
    if value > 0 and not filled:
        filled = 1
    reach = round(max(0.0, min(1.0, (peak or 0.0) / full)) * total)
    cells = []
    for floor in range(0, total, steps):  # from the bottom
        level = min(steps, filled - floor)
        if level > 0:
            cells.append(Span(glyphs.column[level], role))
        elif reach > floor and peak is not None and peak > value:
            cells.append(Span(glyphs.peak, "peak"))
        elif floor == 0:
            cells.append(Span(glyphs.zero, "dim"))
        else:
            cells.append(Span(" "))
    return cells[::-1]


def _merged(spans: Iterable[Span]) -> Line:
    """Neighbours of one role as one span: far fewer to draw."""
    merged: list[Span] = []
    for text, role in spans:
        if merged and merged[-1].role == role:
            merged[-1] = Span(merged[-1].text + text, role)
        else:
            merged.append(Span(text, role))
    return tuple(merged)
