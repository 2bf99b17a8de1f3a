"""`envcheck preflight`."""

import gc
from typing import Annotated

import typer

from envcheck.cli import options
from envcheck.cli.options import FailOn, For, Format
from envcheck.cli.output import finish


def preflight(
    policy: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The policy: TOML, or a pyproject.toml. Default: envcheck.toml, or [tool.envcheck]"
            " of pyproject.toml, in this folder or the nearest above.",
        ),
    ] = None,
    require: Annotated[
        list[str],
        typer.Option(
            metavar="EXPR", help="Something more to meet: 'gpu.count >= 8'. May be repeated."
        ),
    ] = [],  # noqa: B006 - typer hands over a list of its own
    python: options.Python = None,
    purpose: options.Purpose = For.run,
    sysroot: options.Sysroot = None,
    snapshot: options.SnapshotFile = None,
    report: options.ReportFile = None,
    fmt: options.Printed = Format.text,
    output: options.Output = None,
    fail_on: options.Threshold = FailOn.error,
    select: options.Select = [],  # noqa: B006
    ignore: options.Ignore = [],  # noqa: B006
    exit_zero: options.ExitZero = False,
    timeout: options.Timeout = 10.0,
    verbose: options.Verbose = False,
) -> None:
    """Doctor with a policy: is this machine what the job needs?

    What a policy asks for is a finding when it is not so, and when nobody can say. Exit codes:
    0 nothing at or above --fail-on, 1 findings, 2 wrong usage, an unusable policy or input,
    3 this machine could not be checked.
    """
    gc.disable()  # a short run that frees next to nothing

    from envcheck.finding import Severity
    from envcheck.preflight import preflight as judge

    judged = judge(
        policy=policy,
        require=require,
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
    finish(judged, fmt, verbose=verbose, exit_zero=exit_zero, output=output)
