"""Roles → how they look. The colours are told apart by colour-blind people, and none is needed.

Okabe and Ito's palette: https://jfly.uni-koeln.de/color/
"""

from rich.style import Style

from envcheck.watch.screen.ink import Role

COLOURED: dict[Role, Style] = {
    "": Style(),
    "dim": Style(dim=True),
    "bold": Style(bold=True),
    "head": Style(bold=True, underline=True),
    "use": Style(color="#56b4e9"),
    "mem": Style(color="#009e73"),
    "peak": Style(color="#0072b2"),
    "warn": Style(color="#e69f00"),
    "bad": Style(color="#d55e00", bold=True, reverse=True),
    "key": Style(bold=True),
    "chosen": Style(reverse=True),
}
PLAIN: dict[Role, Style] = {
    role: Style(bold=style.bold, dim=style.dim, underline=style.underline, reverse=style.reverse)
    for role, style in COLOURED.items()
}
