"""`envcheck explain`."""

import os
import sys

import typer


def explain(
    code: str = typer.Argument(metavar="CODE|NAME", help="A finding's code or name."),
) -> None:
    """Print what a finding means, how to confirm it and how to mend it. Works offline."""
    from envcheck.pages import terminal_page
    from envcheck.render.style import style_for
    from envcheck.rules import find

    sys.stdout.write(terminal_page(find(code), style_for(sys.stdout, os.environ)))
