"""`envcheck fix`."""

import os
import sys
from enum import Enum
from typing import Annotated

import typer

from envcheck.cli import options
from envcheck.cli.options import For


class Format(str, Enum):
    text = "text"
    json = "json"


def fix(
    codes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CODE...]", help="Only these findings, by code, name or prefix."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes/--dry-run", help="Run the safe steps. Default: only show them.")
    ] = False,
    python: options.Python = None,
    purpose: options.Purpose = For.run,
    snapshot: options.SnapshotFile = None,
    report: options.ReportFile = None,
    playbook: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="With --yes: what needs root, by this playbook."),
    ] = None,
    fmt: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.text,
    timeout: options.Timeout = 10.0,
) -> None:
    """Show what mends the findings; --yes runs the safe steps.

    In the order that solves most. Safe is what changes the examined Python environment only: pip,
    uv, conda. Each remedy is tried on paper first, and not offered where it would break something
    else. Exit codes: as doctor's, of the last judgement.
    """
    from envcheck.errors import EXIT_UNCHECKABLE
    from envcheck.fix.command import mend, outline
    from envcheck.render import fix as words
    from envcheck.render.style import style_for

    style = style_for(sys.stdout, os.environ)
    wish = {
        "python": python,
        "purpose": purpose.value,
        "snapshot": snapshot,
        "report": report,
        "timeout": timeout,
    }
    if yes:
        done = mend(tuple(codes or ()), wish, playbook, _tell)
        said = words.render_json(done) if fmt is Format.json else words.render_done(done, style)
        code = EXIT_UNCHECKABLE if done.interrupted else done.report.exit_code
    else:
        planned = outline(tuple(codes or ()), wish, playbook)
        as_json = fmt is Format.json
        said = words.render_json(planned) if as_json else words.render_outline(planned, style)
        code = planned.report.exit_code
    sys.stdout.write(said)
    sys.stdout.flush()
    raise typer.Exit(code)


def _tell(command: str) -> None:
    sys.stderr.write(f"$ {command}\n")
    sys.stderr.flush()
