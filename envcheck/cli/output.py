"""A Report printed and the process's exit code set: the last step of every judging command."""

import io
import os
import sys
from typing import TYPE_CHECKING, NoReturn

import typer

from envcheck.cli.options import Format

if TYPE_CHECKING:
    from envcheck.report import Report

# Read by programs, which expect UTF-8 wherever they run.
DATA = (Format.json, Format.junit, Format.sarif, Format.markdown, Format.html)


def finish(
    report: "Report", fmt: Format, *, verbose: bool, exit_zero: bool, output: str | None = None
) -> NoReturn:
    """Print the report and end with its exit code.

    With `output` the report goes into that file, and people are shown the text.

    Raises:
        UsageError: the file cannot be written.
    """
    from envcheck.ci import for_actions, in_actions, write_summary
    from envcheck.render import render
    from envcheck.render.style import Style, style_for

    to_file = output is not None and output != "-"
    shown = Format.text if to_file else fmt
    text = render(report, shown.value, style_for(sys.stdout, os.environ, verbose=verbose))
    if in_actions(os.environ):
        text = for_actions(report, shown.value, text)
        if shown in (Format.text, Format.github) and (wrong := write_summary(report, os.environ)):
            print(f"envcheck: {wrong}", file=sys.stderr)
    put(text, data=shown in DATA)
    if to_file:
        from envcheck.files import write_whole

        write_whole(output or "", render(report, fmt.value, Style(verbose=verbose)))
    code = report.nagios_code if fmt is Format.nagios else report.exit_code
    raise typer.Exit(0 if exit_zero else code)


def put(text: str, *, data: bool) -> None:
    """Print a text that ends in a newline; `data`: it is read by programs."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # what it cannot encode is written as an escape
        sys.stdout.reconfigure(encoding="utf-8" if data else None, errors="backslashreplace")
    sys.stdout.write(text)
    sys.stdout.flush()
