"""`envcheck fleet`."""

import os
import sys
from enum import Enum
from typing import Annotated

import typer

from envcheck.cli.options import ExitZero, FailOn, Ignore, Select, Threshold


class Format(str, Enum):
    text = "text"
    markdown = "markdown"
    json = "json"
    jsonl = "jsonl"
    prometheus = "prometheus"


def fleet(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE|DIR|GLOB...", help="Snapshots or JSON reports of machines."),
    ],
    golden: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A snapshot that every machine should equal."),
    ] = None,
    html: Annotated[
        str | None, typer.Option(metavar="FILE", help="Also write a page to search and open.")
    ] = None,
    fmt: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.text,
    select: Select = [],  # noqa: B006 - typer copies it
    ignore: Ignore = [],  # noqa: B006
    fail_on: Threshold = FailOn.error,
    exit_zero: ExitZero = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Every outlier and host.")] = (
        False
    ),
) -> None:
    """Judge many machines from their snapshots.

    Findings, kinds of machines, outliers, drift. A file is named after its machine. `.jsonl` holds
    one a line, named by "host" in it. Exit codes: 0 all fit, 1 findings at or above --fail-on, 2
    nothing to read, 3 some could not be judged.
    """
    from envcheck.doctor import read_snapshot
    from envcheck.files import write_whole
    from envcheck.finding import Severity
    from envcheck.fleet.run import judge_fleet
    from envcheck.render import fleet as words
    from envcheck.render import fleet_data as data
    from envcheck.render.fleet_page import render_page
    from envcheck.render.style import style_for

    judged = judge_fleet(
        files,
        golden=None if golden is None else read_snapshot(golden),
        select=select,
        ignore=ignore,
        fail_on=Severity(fail_on.value),
        progress=_progress if sys.stderr.isatty() else None,
    )
    if html is not None:
        write_whole(html, render_page(judged))
    style = style_for(sys.stdout, os.environ, verbose=verbose)
    if fmt is Format.text:
        said = words.render_text(judged, style)
    elif fmt is Format.markdown:
        said = words.render_markdown(judged, style)
    else:
        said = {
            Format.json: data.render_json,
            Format.jsonl: data.render_lines,
            Format.prometheus: data.render_prometheus,
        }[fmt](judged)
    sys.stdout.write(said)
    sys.stdout.flush()
    raise typer.Exit(0 if exit_zero else judged.exit_code)


def _progress(done: int, files: int) -> None:
    end = "\n" if done == files else ""
    sys.stderr.write(f"\r{done} of {files} files{end}")
    sys.stderr.flush()
