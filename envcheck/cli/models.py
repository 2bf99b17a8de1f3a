"""`envcheck models`: list, verify, decode, check-config."""

import os
import sys
from enum import Enum
from typing import Annotated

import typer

from envcheck.cli import options
from envcheck.cli.output import finish

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


class Data(str, Enum):
    text = "text"
    json = "json"


class Zoo(str, Enum):
    pyslowfast = "pyslowfast"
    pytorchvideo = "pytorchvideo"


class Order(str, Enum):
    top1 = "top1"
    gflops = "gflops"
    params = "params"


AsData = Annotated[Data, typer.Option("--format", help="How to print it.")]


@app.callback(invoke_without_command=True)
def models(context: typer.Context) -> None:
    """Know video models: list, prove, decode, check-config.

    The published ones, their counts proved, their configurations explained and checked. Without a
    command: the list.
    """
    if not context.invoked_subcommand:
        print_models()


@app.command(name="list")
def print_models(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Only models with this in the name of checkpoint, configuration or torch.hub.",
            show_default=False,
        ),
    ] = None,
    arch: Annotated[
        str, typer.Option(metavar="NAME", help="slowfast, slow, x3d, mvitv2 …", show_default=False)
    ] = "",
    dataset: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="k400, k600, ssv2, charades, ava, in1k.", show_default=False
        ),
    ] = "",
    zoo: Annotated[Zoo | None, typer.Option(help="Only this project's models.")] = None,
    pretrain: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="What they start from: k400, k600 or none.", show_default=False
        ),
    ] = "",
    hub: Annotated[bool, typer.Option("--hub", help="Only models that torch.hub has.")] = False,
    max_gflops: Annotated[
        float | None, typer.Option(min=0, metavar="N", help="Of one view, as published.")
    ] = None,
    max_params: Annotated[float | None, typer.Option(min=0, metavar="N", help="Millions.")] = None,
    min_top1: Annotated[float | None, typer.Option(min=0, metavar="N", help="Percent.")] = None,
    sort: Annotated[Order | None, typer.Option(help="Best or smallest first.")] = None,
    fmt: AsData = Data.text,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Everything known of each model.")
    ] = False,
) -> None:
    """List the published models. Works offline.

    Clip, parameters, GFLOPs, accuracy, checkpoint. Exit codes: 0 printed, 2 wrong usage.
    """
    from envcheck.render.models import render, render_json
    from envcheck.render.style import style_for
    from envcheck.video.listing import Wanted, listed

    wanted = Wanted(
        names=tuple(names or ()),
        arch=arch,
        dataset=dataset,
        zoo=zoo.value if zoo else "",
        pretrain=pretrain,
        hub=hub,
        max_gflops=max_gflops,
        max_params=max_params,
        min_top1=min_top1,
    )
    rows = listed(wanted, sort.value if sort else "")
    if fmt is Data.json:
        sys.stdout.write(render_json(rows))
    else:
        style = style_for(sys.stdout, os.environ, verbose=verbose)
        sys.stdout.write(render(rows, style, sorted_rows=sort is not None))


@app.command()
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="slowfast_r50 …; a wrong name lists them. Default: all.",
            show_default=False,
        ),
    ] = None,
    python: options.Python = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="Time limit of the whole count.")
    ] = 300.0,
    fmt: options.Printed = options.Format.text,
    output: options.Output = None,
    fail_on: options.Threshold = options.FailOn.error,
    select: options.Select = [],  # noqa: B006 - typer hands over a list of its own
    ignore: options.Ignore = [],  # noqa: B006
    exit_zero: options.ExitZero = False,
    verbose: options.Verbose = False,
) -> None:
    """Prove the parameters and multiply-adds of models.

    Of pytorchvideo's models in the environment's own Python, against the exact numbers. Nothing is
    computed: seconds, and no GPU.

    Exit codes: 0 all are right, 1 findings, 2 wrong usage, 3 nothing could be counted.
    """
    from envcheck.finding import Severity
    from envcheck.smoke.check import check_architectures
    from envcheck.smoke.run import on_stderr

    report = check_architectures(
        names or (),
        python=python,
        timeout=timeout,
        progress=on_stderr,
        fail_on=Severity(fail_on.value),
        select=select,
        ignore=ignore,
    )
    finish(report, fmt, verbose=verbose, exit_zero=exit_zero, output=output)


@app.command()
def decode(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME...", help="SLOWFAST_8x8_R50; folders and a file's ending may stand there."
        ),
    ],
    fmt: AsData = Data.text,
) -> None:
    """Explain names of configurations and checkpoints. Offline.

    Part by part. What the published configurations of that name really hold is told as well.

    Exit codes: 0 printed, 2 a name that names no model.
    """
    from envcheck.render.style import style_for
    from envcheck.video.names import decode as read

    decoded = [read(name) for name in names]
    if fmt is Data.json:
        from envcheck.render.models import render_json

        sys.stdout.write(render_json(decoded))
    else:
        from envcheck.render.names import render

        sys.stdout.write(render(decoded, style_for(sys.stdout, os.environ)))


@app.command(name="check-config")
def check_config(
    file: Annotated[str, typer.Argument(metavar="FILE.yaml", help="A PySlowFast configuration.")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY VALUE]...",
            help="Settings over those of the file, as PySlowFast's --opts takes them.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="The folder of the data, in the place of DATA.PATH_TO_DATA_DIR; of AVA, the one"
            " that holds frame_lists, annotations and frames.",
        ),
    ] = None,
    repo: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="A checkout of PySlowFast, whose settings count. Read, never run. Default: those"
            " of the published version.",
        ),
    ] = None,
    fmt: options.Printed = options.Format.text,
    output: options.Output = None,
    fail_on: options.Threshold = options.FailOn.error,
    select: options.Select = [],  # noqa: B006
    ignore: options.Ignore = [],  # noqa: B006
    exit_zero: options.ExitZero = False,
    verbose: options.Verbose = False,
) -> None:
    """Check a PySlowFast configuration before the training.

    Its settings, the data and checkpoints it names, the GPUs it asks for. Nothing of it is run.
    Start it where the training starts: relative paths count from there.

    Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 wrong usage or no configuration,
    3 this machine could not be checked.
    """
    from envcheck.finding import Severity
    from envcheck.training import check_config as check

    report = check(
        file,
        folder=data,
        repo=repo,
        overrides=settings or (),
        fail_on=Severity(fail_on.value),
        select=select,
        ignore=ignore,
    )
    finish(report, fmt, verbose=verbose, exit_zero=exit_zero, output=output)
