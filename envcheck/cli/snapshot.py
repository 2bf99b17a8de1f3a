"""`envcheck snapshot` and `envcheck diff`."""

import os
import sys
from enum import Enum

import typer


class Format(str, Enum):
    text = "text"
    json = "json"


def snapshot(
    output: str = typer.Option("-", "-o", "--output", metavar="FILE", help="'-' is stdout."),
    python: str | None = typer.Option(
        None, "--python", metavar="PATH", help="The interpreter to examine."
    ),
    sysroot: str | None = typer.Option(None, metavar="DIR", help="Examine another root."),
    no_redact: bool = typer.Option(
        False, "--no-redact", help="Keep names, home folders, UUIDs and secrets as they are."
    ),
    timeout: float = typer.Option(
        10.0, min=0.1, metavar="SECONDS", help="Time limit of the whole examination."
    ),
) -> None:
    """Write this machine as JSON, without names and secrets.

    `envcheck doctor --snapshot FILE` judges it anywhere; `envcheck diff` compares two. A name is
    replaced by the same pseudonym in every snapshot of one machine. Exit codes: 0 written, 2 wrong
    usage or FILE cannot be written.
    """
    from envcheck.snapshots import take, write

    write(take(python=python, sysroot=sysroot, redacted=not no_redact, timeout=timeout), output)


def diff(
    a: str = typer.Argument(metavar="A", help="A snapshot, a JSON report or a pasted report."),
    b: str = typer.Argument(metavar="B", help="Another; '-' reads stdin."),
    fmt: Format = typer.Option(Format.text, "--format", help="How to print the differences."),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Every difference."),
) -> None:
    """Show how two machines differ; first what changes the verdict.

    Exit codes: 0 the same is found on both, 1 not the same, 2 wrong usage or unreadable input.
    """
    from envcheck.compare import compare
    from envcheck.kb import load
    from envcheck.render.comparison import render_json, render_text
    from envcheck.render.style import style_for
    from envcheck.rules import choose
    from envcheck.snapshots import read_either

    compared = compare(read_either(a), read_either(b), load(), choose([], []))
    style = style_for(sys.stdout, os.environ, verbose=verbose)
    text = fmt is Format.text
    sys.stdout.write(render_text(compared, (a, b), style) if text else render_json(compared))
    sys.stdout.flush()
    raise typer.Exit(1 if compared.only_a or compared.only_b else 0)
