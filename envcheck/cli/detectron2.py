"""`envcheck detectron2`."""

import gc
import os
import sys
from enum import Enum

import typer

from envcheck.cli import options
from envcheck.cli.options import FailOn, For
from envcheck.cli.output import finish, put
from envcheck.errors import UsageError


class Format(str, Enum):
    text = "text"
    json = "json"


def detectron2(
    python: options.Python = None,
    run: bool = typer.Option(
        False, "--run", help="Also prove its operators by running them, each against float64."
    ),
    device: str = typer.Option(
        "all", metavar="DEVICE", help="Where --run proves them: cpu, cuda:N or all."
    ),
    purpose: options.Purpose = For.run,
    sysroot: options.Sysroot = None,
    snapshot: options.SnapshotFile = None,
    fmt: Format = typer.Option(Format.text, "--format", help="How to print the report."),
    fail_on: options.Threshold = FailOn.error,
    select: options.Select = [],  # noqa: B006 - typer hands over a list of its own
    ignore: options.Ignore = [],  # noqa: B006
    exit_zero: options.ExitZero = False,
    timeout: options.Timeout = 10.0,
    run_timeout: float = typer.Option(
        180.0, min=0.1, metavar="SECONDS", help="Time limit of --run on each device."
    ),
    verbose: options.Verbose = False,
) -> None:
    """Print detectron2's own report without importing it; judge it.

    Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 wrong usage or unusable input,
    3 this machine could not be checked.
    """
    gc.disable()  # a short run that frees next to nothing

    from envcheck.detectron2 import examine, examine_and_run
    from envcheck.finding import Severity

    if run and (sysroot or snapshot):
        raise UsageError("--run proves this machine: leave out --sysroot and --snapshot")
    if run:
        from envcheck.smoke.run import on_stderr

        report = examine_and_run(
            python=python,
            device=device,
            purpose=purpose.value,
            run_timeout=run_timeout,
            progress=on_stderr,
            select=select,
            ignore=ignore,
            fail_on=Severity(fail_on.value),
            timeout=timeout,
        )
    else:
        report = examine(
            python=python,
            purpose=purpose.value,
            sysroot=sysroot,
            snapshot=snapshot,
            select=select,
            ignore=ignore,
            fail_on=Severity(fail_on.value),
            timeout=timeout,
        )
    if fmt is Format.json:
        finish(report, options.Format.json, verbose=verbose, exit_zero=exit_zero)
    from envcheck.render.detectron2 import render
    from envcheck.render.style import style_for

    put(render(report, style_for(sys.stdout, os.environ, verbose=verbose)), data=False)
    raise typer.Exit(0 if exit_zero else report.exit_code)
