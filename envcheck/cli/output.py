"""A Report printed and the process's exit code set: the last step of every judging command."""

import os
import sys
from typing import TYPE_CHECKING, NoReturn

import typer

from envcheck.cli.options import Format

if TYPE_CHECKING:
    from envcheck.report import Report


def finish(report: "Report", fmt: Format, *, verbose: bool, exit_zero: bool) -> NoReturn:
    """Print the report and end with its exit code."""
    from envcheck.render import render
    from envcheck.render.style import style_for

    style = style_for(sys.stdout, os.environ, verbose=verbose)
    sys.stdout.write(render(report, fmt.value, style))
    sys.stdout.flush()
    raise typer.Exit(0 if exit_zero else report.exit_code)
