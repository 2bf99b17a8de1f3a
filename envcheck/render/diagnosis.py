"""A diagnosis of an error text, for people and for programs."""

import msgspec

from envcheck.diagnosis import Diagnosis, Match
from envcheck.render.style import Style, plain
from envcheck.render.words import mend

MOST = 5  # matches printed for people


def render_text(diagnosis: Diagnosis, style: Style) -> str:
    """Each known problem with its lines, cause and mend; the likeliest first."""
    if not diagnosis.matches:
        return (
            "No known problem was recognised in this text. `envcheck doctor` examines the machine"
            " itself.\n"
        )
    lines: list[str] = []
    for place, match in enumerate(diagnosis.matches[:MOST], 1):
        lines += [*_match(place, match, style), ""]
    left = len(diagnosis.matches) - MOST
    if left > 0:
        lines.append(style.paint(f"and {left} less likely", "dim"))
    if diagnosis.versions:
        said = ", ".join(f"{name} {version}" for name, version in diagnosis.versions.items())
        lines += style.wrap(f"Versions considered: {said}", "")
    return "\n".join(lines).rstrip() + "\n"


def render_json(diagnosis: Diagnosis) -> str:
    """The diagnosis as one JSON object."""
    return msgspec.json.format(msgspec.json.encode(diagnosis), indent=2).decode() + "\n"


def _match(place: int, match: Match, style: Style) -> list[str]:
    score = style.paint(f"{match.score:.0%}", "dim")
    lines = [f"{place}. {style.paint(plain(match.name), 'bold')}  {score}"]
    lines += style.wrap(f"{match.title}.", "   ")
    for line in match.lines:
        lines += [style.paint(part, "dim") for part in style.wrap(f"> {line}", "   ", "     ")]
    lines += style.wrap(f"Cause: {match.cause}", "   ", "          ")
    lines += style.wrap(f"Fix: {mend(match.remedy)}", "   ", "        ")
    lines += [style.paint(f"     {plain(command)}", "bold") for command in match.remedy.commands]
    lines += [style.paint(f"   {plain(link)}", "dim") for link in match.links]
    return lines
