"""`envcheck plans`."""

import gc
from typing import Annotated

import typer

from envcheck.cli import options
from envcheck.cli.options import FailOn


def plans(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="The plans, as doctor's --plan takes them."),
    ],
    snapshot: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The host: a saved report or snapshot (JSON)."),
    ] = None,
    gpu: Annotated[
        list[str], typer.Option(metavar="NAME", help='The host\'s GPU, "RTX 5090".')
    ] = [],  # noqa: B006 - typer hands over a list of its own
    driver: Annotated[
        str | None, typer.Option("--driver", metavar="VERSION", help="The host's driver.")
    ] = None,
    fail_on: options.Threshold = FailOn.error,
    select: options.Select = [],  # noqa: B006
    ignore: options.Ignore = [],  # noqa: B006
) -> None:
    """Judge files that say what will be installed.

    Each as `doctor --plan` would. One line a finding, nothing for a plan that is right: made for
    commit hooks. Without --gpu, --driver or --snapshot the host is unknown; this machine is not
    looked at. Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 wrong usage or an
    unreadable plan.
    """
    gc.disable()  # a short run that frees next to nothing

    from envcheck.cli.output import put
    from envcheck.finding import Severity
    from envcheck.hook import judge_plans
    from envcheck.render.plans import render
    from envcheck.report import worst_exit

    codes = []
    for file, report in judge_plans(
        files,
        gpu=gpu,
        driver=driver,
        snapshot=snapshot,
        select=select,
        ignore=ignore,
        fail_on=Severity(fail_on.value),
    ):
        codes.append(report.exit_code)
        put(render(file, report), data=False)
    raise typer.Exit(worst_exit(codes))
