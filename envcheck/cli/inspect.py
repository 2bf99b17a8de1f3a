"""`envcheck inspect`."""

import os
import sys
from enum import Enum

import typer


class Format(str, Enum):
    text = "text"
    json = "json"


def inspect(
    paths: list[str] = typer.Argument(
        metavar="PATH...",
        help="A library (.so), a wheel, a directory, or the name of an installed package.",
    ),
    python: str | None = typer.Option(
        None,
        "--python",
        metavar="PATH",
        help="The environment to look from: its packages, its torch, its loader's search."
        " Default: as for doctor.",
    ),
    fmt: Format = typer.Option(Format.text, "--format", help="How to print the answer."),
    verbose: bool = typer.Option(
        False, "--verbose", "-v", help="Every missing symbol, and libraries of libraries."
    ),
) -> None:
    """Show what compiled files hold and need, without loading them.

    GPU code, CUDA, torch, glibc.

    Exit codes: 0 read, 2 nothing of that name or nothing compiled, 3 a file could not be read.
    """
    from envcheck.inspect.targets import inspect as look
    from envcheck.render.inspection import render
    from envcheck.render.style import style_for

    inspection = look(paths, python)
    style = style_for(sys.stdout, os.environ, verbose=verbose)
    sys.stdout.write(render(inspection, fmt.value, style))
    sys.stdout.flush()
    raise typer.Exit(inspection.exit_code)
