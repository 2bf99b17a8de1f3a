"""`envcheck doctor`."""

import gc
import os
import sys
from enum import Enum

import typer


class Format(str, Enum):
    text = "text"
    concise = "concise"
    json = "json"


class FailOn(str, Enum):
    error = "error"
    warning = "warning"
    note = "note"


class For(str, Enum):
    run = "run"
    build = "build"


def doctor(
    python: str | None = typer.Option(
        None,
        "--python",
        metavar="PATH",
        help="The interpreter to examine: a path, a name or an environment's folder."
        " Default: the active venv's or conda environment's, else the first python3 on PATH.",
    ),
    purpose: For = typer.Option(
        For.run, "--for", help="What the machine is for: 'build' also judges the compilers."
    ),
    sysroot: str | None = typer.Option(
        None,
        metavar="DIR",
        help="Examine another root (image, chroot, mounted disk); runs nothing.",
    ),
    snapshot: str | None = typer.Option(
        None, metavar="FILE", help="Judge a saved report or snapshot (JSON); '-' reads stdin."
    ),
    report: str | None = typer.Option(
        None,
        metavar="FILE",
        help="Judge pasted text: torch's or detectron2's collect_env, nvidia-smi, package lists,"
        " error messages around them; '-' reads stdin.",
    ),
    fmt: Format = typer.Option(Format.text, "--format", help="How to print the report."),
    fail_on: FailOn = typer.Option(FailOn.error, help="Exit with 1 from this severity on."),
    select: list[str] = typer.Option(
        [], metavar="CODE", help="Only these codes, names or prefixes."
    ),
    ignore: list[str] = typer.Option(
        [], metavar="CODE", help="Not these codes, names or prefixes."
    ),
    exit_zero: bool = typer.Option(False, help="Exit with 0 whatever is found."),
    timeout: float = typer.Option(
        10.0, min=0.1, metavar="SECONDS", help="Time limit of the whole examination."
    ),
    verbose: bool = typer.Option(
        False,
        "--verbose",
        "-v",
        help="Also what could not be judged, and the time each probe took.",
    ),
) -> None:
    """Check whether driver, GPU, CUDA and torch fit together. Never imports torch.

    Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 wrong usage or unusable input,
    3 this machine could not be checked.
    """
    gc.disable()  # a short run that frees next to nothing

    from envcheck.doctor import examine
    from envcheck.finding import Severity
    from envcheck.render import render
    from envcheck.render.style import style_for

    judged = examine(
        python=python,
        purpose=purpose.value,
        sysroot=sysroot,
        snapshot=snapshot,
        report=report,
        select=select,
        ignore=ignore,
        fail_on=Severity(fail_on.value),
        timeout=timeout,
    )
    style = style_for(sys.stdout, os.environ, verbose=verbose)
    sys.stdout.write(render(judged, fmt.value, style))
    sys.stdout.flush()
    raise typer.Exit(0 if exit_zero else judged.exit_code)
