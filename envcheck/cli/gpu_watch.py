"""`envcheck gpu-watch` and its sub-commands."""

import os
import sys
from pathlib import Path

import typer

app = typer.Typer(
    add_completion=False,  # of the whole command line
    rich_markup_mode=None,
    invoke_without_command=True,
    context_settings={"help_option_names": ["--help", "-h"]},
)


@app.callback()
def gpu_watch(
    context: typer.Context,
    once: bool = typer.Option(False, "--once", help="One tick, then end."),
    count: int | None = typer.Option(None, "-n", min=1, metavar="COUNT", help="So many ticks."),
    seconds: float | None = typer.Option(
        None, "-l", "--loop", min=0.05, metavar="SEC", help="Time between ticks. Default: 1."
    ),
    milliseconds: int | None = typer.Option(
        None, "-lms", "--loop-ms", min=50, metavar="MS", help="The same in milliseconds."
    ),
    ids: list[str] = typer.Option(
        [], "-i", "--id", metavar="IDS", help="Only these GPUs: index, UUID or PCI address."
    ),
    fmt: str | None = typer.Option(
        None,
        "--format",
        metavar="FORMAT",
        help="table, jsonl or csv; with --query-gpu csv[,noheader][,nounits].",
    ),
    query_gpu: str | None = typer.Option(
        None, "--query-gpu", metavar="FIELDS", help="What nvidia-smi prints for these fields."
    ),
    query_apps: str | None = typer.Option(
        None,
        "--query-compute-apps",
        metavar="FIELDS",
        help="What nvidia-smi prints of processes.",
    ),
    record: str | None = typer.Option(
        None, metavar="FILE", help="Also record every tick; appends to a recording."
    ),
    prometheus: str | None = typer.Option(
        None, metavar="[ADDR]:PORT", help="Serve metrics, on the loopback address by default."
    ),
    fail_if: list[str] = typer.Option(
        [],
        metavar="EXPR",
        help="End with exit code 1 when true: 'temp>85', 'xid', 'util<5 for 10m'.",
    ),
    replay: Path | None = typer.Option(
        None, metavar="FILE", help="Show a recording on the screen instead of this machine."
    ),
    speed: float = typer.Option(
        1.0, min=0.0625, max=1024, metavar="N", help="With --replay: so many times as fast."
    ),
    ascii_only: bool = typer.Option(False, "--ascii", help="No signs but ASCII on the screen."),
) -> None:
    """Watch GPUs: live, as streams, recordings, metrics and alarms.

    Exit codes: 0 all was read, 1 an alarm fired, 2 wrong usage, 3 no driver, or a GPU or an alarm
    could not be read.
    """
    if context.invoked_subcommand is not None:
        return
    every_s = milliseconds / 1000 if milliseconds is not None else seconds
    times = 1 if once else count
    if query_gpu is not None or query_apps is not None:
        from envcheck.watch.query_run import answer

        code = answer(query_gpu, query_apps, fmt, tuple(ids), every_s, times, sys.stdout)
        raise typer.Exit(code)
    from envcheck.render.style import style_for
    from envcheck.watch.stream import Plan, choose_form, stream

    style = style_for(sys.stdout, os.environ)
    if ascii_only:
        style = style.ascii()
    if replay is not None:
        from envcheck.watch.replay import replay as play

        form = choose_form(fmt, tty=sys.stdout.isatty(), quiet=False)
        play(replay, form, sys.stdout, style, speed)
        return

    quiet = record is not None or prometheus is not None
    plan = Plan(
        form=choose_form(fmt, tty=sys.stdout.isatty() and times is None, quiet=quiet),
        interval_s=every_s or 1.0,
        times=times,
        select=tuple(ids),
        record=record,
        prometheus=prometheus,
        fail_if=tuple(fail_if),
    )
    raise typer.Exit(stream(plan, sys.stdout, style))


@app.command(
    name="run",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
def run(
    command: list[str] = typer.Argument(
        metavar="-- COMMAND [ARGUMENT]...", help="What to run; its options stay its own."
    ),
    json_file: str | None = typer.Option(
        None, "--json", metavar="FILE", help="Also write the summary to this file."
    ),
) -> None:
    """Run a command and print what it did to the GPUs.

    Exits with the command's own code.
    """
    from envcheck.watch.run import run as run_command

    raise typer.Exit(run_command(command, json_file=json_file))


@app.command(name="report")
def report(
    file: Path = typer.Argument(metavar="FILE", help="A recording made with --record."),
    html: str = typer.Option(..., metavar="FILE", help="Where to write the page; - is stdout."),
) -> None:
    """Write one self-contained HTML page about a recording.

    Timelines, gaps, Xids, processes.
    """
    from envcheck.watch.report import write

    write(file, html)


@app.command(name="pick")
def pick(
    count: int = typer.Option(1, "-n", min=1, metavar="COUNT", help="How many GPUs."),
    free_memory: str | None = typer.Option(
        None, metavar="SIZE", help="At least so much free memory, such as 20GiB; may be shared."
    ),
    max_util: float = typer.Option(
        5.0, min=0, max=100, metavar="PERCENT", help="Idle is up to this utilisation."
    ),
    index: bool = typer.Option(
        False,
        "--index",
        help="Print indices, which hold under CUDA_DEVICE_ORDER=PCI_BUS_ID.",
    ),
    ignore: list[str] = typer.Option(
        [], metavar="CODE", help="Take a GPU in spite of these findings of `doctor`."
    ),
) -> None:
    """Print healthy, idle GPUs for CUDA_VISIBLE_DEVICES.

    Without --free-memory a GPU is idle only when no process computes on it. Exit codes: 0 printed,
    1 there are too few.
    """
    from envcheck.pick import Wish
    from envcheck.pick import pick as pick_gpus
    from envcheck.watch.units import parse_size

    wish = Wish(
        count=count,
        free_memory_bytes=parse_size(free_memory) if free_memory else None,
        max_utilization_percent=max_util,
    )
    choice = pick_gpus(wish, ignore=ignore)
    if choice.unavailable:
        print(f"envcheck: {choice.unavailable}", file=sys.stderr)
        raise typer.Exit(3)
    if len(choice.picked) < count:
        print(f"envcheck: {len(choice.picked)} of {count} GPUs fit", file=sys.stderr)
        for words in choice.rejected:
            print(f"envcheck: {words}", file=sys.stderr)
        raise typer.Exit(1)
    ids = [str(one.index) if index and not one.mig else one.uuid for one in choice.picked]
    print(",".join(ids))
