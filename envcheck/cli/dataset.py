"""`envcheck dataset`."""

import sys

import typer

from envcheck.cli import options
from envcheck.cli.options import FailOn, Format

app = typer.Typer(
    help="Check a data set on disk as the training code would read it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def root() -> None:
    """Check a data set on disk as the training code would read it."""


@app.command()
def ava(
    folder: str = typer.Argument(metavar="DIR", help="Holds frame_lists, annotations, frames."),
    settings: list[str] = typer.Option(
        [],
        "--set",
        metavar="KEY=VALUE",
        help="A key of PySlowFast's configuration: AVA.TEST_LISTS=mine.csv. A wrong one lists"
        " them. Again for more.",
    ),
    frames: bool = typer.Option(True, help="Compare the frames on disk with the lists."),
    fmt: options.Printed = Format.text,
    output: options.Output = None,
    fail_on: options.Threshold = FailOn.error,
    select: options.Select = [],  # noqa: B006 - typer hands over a list of its own
    ignore: options.Ignore = [],  # noqa: B006
    exit_zero: options.ExitZero = False,
    verbose: options.Verbose = False,
) -> None:
    """Check an AVA data set: lists, boxes, label map, versions, frames.

    Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 wrong usage or unusable input,
    3 the data set could not be read.
    """
    from envcheck.cli.bar import bar_for
    from envcheck.cli.output import finish
    from envcheck.dataset import check_ava
    from envcheck.errors import UsageError
    from envcheck.finding import Severity

    given: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise UsageError(f"--set {setting}: write KEY=VALUE")
        given[key.strip()] = value
    with bar_for(sys.stderr) as tell:
        report = check_ava(
            folder,
            given,
            frames=frames,
            tell=tell,
            select=select,
            ignore=ignore,
            fail_on=Severity(fail_on.value),
        )
    finish(report, fmt, verbose=verbose, exit_zero=exit_zero, output=output)
