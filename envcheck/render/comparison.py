"""What differs between two machines, for people and for programs."""

import msgspec

from envcheck.comparison import Comparison, Difference
from envcheck.render.style import Style, plain

LONGEST = 200  # characters of one value
MOST = 40  # differences without consequence that are printed unless asked for all


def render_text(comparison: Comparison, names: tuple[str, str], style: Style) -> str:
    """The findings of each, then the differences: first those that change what is found."""
    lines = []
    for label, verdict, only in (
        (names[0], comparison.verdict_a, comparison.only_a),
        (names[1], comparison.verdict_b, comparison.only_b),
    ):
        lines += style.wrap(f"{label}: {verdict}", "", "  ")
        lines += style.wrap(f"only here: {', '.join(only)}", "  ", "    ") if only else []
    if comparison.both:
        lines += style.wrap(f"both: {', '.join(comparison.both)}", "", "  ")
    deciding = [one for one in comparison.differences if one.changes]
    others = [one for one in comparison.differences if not one.changes]
    if not comparison.differences:
        lines += ["", "Nothing differs."]
    if deciding:
        lines += ["", style.paint("Differences that change what is found", "bold")]
        for difference in deciding:
            lines += _difference(difference, style)
    shown = others if style.verbose else others[:MOST]
    if shown:
        lines += ["", style.paint("Other differences", "bold")]
        for difference in shown:
            lines += _difference(difference, style)
    if len(shown) < len(others):
        lines.append(style.paint(f"  and {len(others) - len(shown)} more: --verbose", "dim"))
    return "\n".join(lines) + "\n"


def render_json(comparison: Comparison) -> str:
    """The comparison as one JSON object."""
    return msgspec.json.format(msgspec.json.encode(comparison), indent=2).decode() + "\n"


def _difference(difference: Difference, style: Style) -> list[str]:
    lines = [f"  {style.paint(plain(difference.path), 'bold')}"]
    lines += style.wrap(f"- {_cut(difference.a)}", "    ", "      ")
    lines += style.wrap(f"+ {_cut(difference.b)}", "    ", "      ")
    if difference.changes:
        lines += style.wrap(f"changes: {', '.join(difference.changes)}", "    ", "      ")
    return lines


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
