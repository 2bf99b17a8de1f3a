"""`envcheck builds` and `envcheck builds harvest`."""

import os
import sys
from enum import Enum
from pathlib import Path

import typer

builds = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


class Format(str, Enum):
    text = "text"
    json = "json"
    markdown = "markdown"
    csv = "csv"


class Platform(str, Enum):
    linux_x86_64 = "linux-x86_64"
    linux_aarch64 = "linux-aarch64"
    windows_x86_64 = "windows-x86_64"


class Kind(str, Enum):
    measured = "measured"
    documented = "documented"
    inferred = "inferred"


@builds.callback(invoke_without_command=True)
def matrix(
    context: typer.Context,
    fmt: Format = typer.Option(Format.text, "--format", help="How to print the matrix."),
    torch: str | None = typer.Option(None, metavar="VERSION", help="2.4.0, 2.4.* or '>=2.4,<2.6'."),
    cuda: str | None = typer.Option(None, metavar="VERSION", help="12.1, cu121, 12 or cpu."),
    platform: Platform | None = typer.Option(None, help="Only this platform."),
    sm: list[str] = typer.Option(
        [], metavar="CAPABILITY", help="Only builds that run on it: 9.0 or sm_90; several: on all."
    ),
    gpu: list[str] = typer.Option(
        [], metavar="NAME", help="Only builds that run on it: 'H100'; several: on all."
    ),
    kind: Kind | None = typer.Option(None, help="Only rows that are founded like this."),
) -> None:
    """Print which torch build runs on which GPU. Works offline.

    Exit codes: 0 printed, 2 wrong usage.
    """
    if context.invoked_subcommand:
        return
    from envcheck.builds import select, tables
    from envcheck.kb import load

    kb = load()
    rows = select(
        kb,
        torch=torch,
        cuda=cuda,
        platform=platform.value if platform else None,
        sms=sm,
        gpus=gpu,
        kind=kind.value if kind else None,
    )
    if fmt is Format.text:
        from envcheck.render.matrix import render
        from envcheck.render.style import style_for

        text = render(tables(rows, kb), style_for(sys.stdout, os.environ))
    else:
        from envcheck.render.matrix_data import render_csv, render_json, render_markdown

        if fmt is Format.markdown:
            text = render_markdown(tables(rows, kb))
        else:
            text = render_json(rows) if fmt is Format.json else render_csv(rows)
    sys.stdout.write(text)


@builds.command()
def harvest(
    requirement: str | None = typer.Argument(
        None, metavar="[torch==VERSION]", help="The releases to read: torch==2.4.0, 'torch>=2.4'."
    ),
    all_since: str | None = typer.Option(
        None, metavar="VERSION", help="All releases from this one on."
    ),
    platform: list[Platform] = typer.Option(
        [Platform.linux_x86_64], help="Which wheels; may be repeated."
    ),
    full: bool = typer.Option(
        False,
        "--full",
        help="Walk every fatbin: hundreds of MB a wheel. Also downloads whole wheels from an"
        " index that sends no parts.",
    ),
    force: bool = typer.Option(False, "--force", help="Read again what was measured before."),
    out: Path | None = typer.Option(
        None,
        metavar="DIR",
        help="Where the data files go. Default: builds/ of the knowledge base in use.",
    ),
) -> None:
    """Measure torch wheels on the package index, without downloading.

    The index that pip is configured with; what the wheels hold is written as data files.

    Exit codes: 0 all read, 2 wrong usage, 3 a wheel or the index could not be read.
    """
    from envcheck.cli.progress import monitor_for
    from envcheck.errors import EXIT_UNCHECKABLE, UsageError
    from envcheck.kb.harvest import harvest as run
    from envcheck.render.harvest import render
    from envcheck.render.style import style_for

    if requirement is None and all_since is None:
        raise UsageError("which release? Write torch==2.4.0, or --all-since 1.13")
    with monitor_for(sys.stderr) as monitor:
        results = run(
            requirement,
            monitor,
            since=all_since,
            platforms=[one.value for one in platform],
            folder=out,
            full=full,
            force=force,
        )
    sys.stdout.write(render(results, style_for(sys.stdout, os.environ)))
    if any(result.outcome == "failed" for result in results):
        raise typer.Exit(EXIT_UNCHECKABLE)
