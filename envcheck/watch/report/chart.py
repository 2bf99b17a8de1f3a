"""Values over time as inline SVG, scaled by the page. Pure."""

from collections.abc import Iterator, Sequence

from envcheck.render.page import text

_HIGH = 100
_STRIP = 7  # below the ground


def chart(
    means: Sequence[float | None],
    peaks: Sequence[float | None],
    full: float,
    kind: str,
    marks: Sequence[tuple[float, str]] = (),
    strip: Sequence[int] = (),
) -> str:
    """Mean as an area, what the peak adds lighter above it; gaps are hatched.

    `marks` are upright lines with words, at 0 to 1; `strip` are the columns that are underlined.
    """
    wide = len(means)
    parts = [
        f'<svg class="{kind}" viewBox="0 0 {wide} {_HIGH + _STRIP}" preserveAspectRatio="none"'
        ' role="img" aria-hidden="true">'
    ]
    parts += [
        f'<rect class="gap" x="{start}" y="0" width="{end - start}" height="{_HIGH}"/>'
        for start, end in _runs([value is None for value in means])
    ]
    parts.append(f'<path class="peak" d="{_area(peaks, full)}"/>')
    parts.append(f'<path class="mean" d="{_area(means, full)}"/>')
    parts.append(f'<line class="ground" x1="0" x2="{wide}" y1="{_HIGH}" y2="{_HIGH}"/>')
    underlined = set(strip)
    parts += [
        f'<rect class="throttled" x="{start}" y="{_HIGH + 1}" width="{end - start}"'
        f' height="{_STRIP - 1}"/>'
        for start, end in _runs([column in underlined for column in range(wide)])
    ]
    parts += [
        f'<line class="xid" x1="{at * wide:.1f}" x2="{at * wide:.1f}" y1="0" y2="{_HIGH}">'
        f"<title>{text(words)}</title></line>"
        for at, words in marks
    ]
    return "".join([*parts, "</svg>"])


def _area(values: Sequence[float | None], full: float) -> str:
    """A path over each run of values, as steps down to the ground."""
    path = []
    for start, end in _runs([value is not None for value in values]):
        path.append(f"M{start} {_HIGH}")
        before = None
        for column in range(start, end):
            height = _height(values[column] or 0.0, full)
            if height != before:
                path.append(f"H{column}V{height}")
                before = height
        path.append(f"H{end}V{_HIGH}Z")
    return "".join(path)


def _height(value: float, full: float) -> str:
    share = max(0.0, min(1.0, value / full)) if full > 0 else 0.0
    return f"{_HIGH - share * _HIGH:.1f}".removesuffix(".0")


def _runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Start and end of each stretch of true ones."""
    start = None
    for number, flag in enumerate([*flags, False]):
        if flag and start is None:
            start = number
        elif not flag and start is not None:
            yield start, number
            start = None
