"""`envcheck explain`."""

import os
import sys
from enum import Enum

import typer


class Format(str, Enum):
    text = "text"
    json = "json"


def explain(
    code: str | None = typer.Argument(
        None, metavar="CODE|NAME", help="A finding's code or name.", show_default=False
    ),
    log: str | None = typer.Option(
        None, metavar="FILE", help="Look for known problems in an error text; '-' reads stdin."
    ),
    here: bool = typer.Option(
        False,
        "--here",
        help="With --log: choose the fix by the versions of this machine's packages.",
    ),
    python: str | None = typer.Option(
        None, "--python", metavar="PATH", help="With --here: the interpreter whose packages count."
    ),
    fmt: Format = typer.Option(Format.text, "--format", help="With --log: how to print it."),
) -> None:
    """Print what a finding means, or what an error text shows. Offline.

    Exit codes: 0, also when nothing in the text is known; 2 wrong usage or unreadable input.
    """
    from envcheck.errors import UsageError
    from envcheck.render.style import style_for

    if (code is None) == (log is None):
        raise UsageError("give a finding's CODE or NAME, or --log FILE")
    style = style_for(sys.stdout, os.environ)
    if code is not None:
        from envcheck.pages import page_of

        sys.stdout.write(page_of(code, style))
        return
    from envcheck.diagnose import diagnose
    from envcheck.doctor import versions_here
    from envcheck.kb import load
    from envcheck.pasted import read_pasted
    from envcheck.render.diagnosis import render_json, render_text

    versions = versions_here(python) if here else None
    diagnosis = diagnose(read_pasted(log or "-"), load(), versions)
    sys.stdout.write(
        render_json(diagnosis) if fmt is Format.json else render_text(diagnosis, style)
    )
