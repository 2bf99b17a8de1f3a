"""The command table. Each command imports what it needs when it runs."""

import typer

from envcheck.cli import (
    builds,
    compat,
    dataset,
    detectron2,
    doctor,
    explain,
    fix,
    fleet,
    gpu_watch,
    inspect,
    mcp,
    models,
    plans,
    preflight,
    smoke,
    smoke_ffmpeg,
    snapshot,
)

app = typer.Typer(
    name="envcheck",
    help="Is this GPU machine fit for PyTorch, and if not, why and which command mends it.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command(name="doctor")(doctor.doctor)
app.command(name="preflight")(preflight.preflight)
app.command(name="explain")(explain.explain)
app.command(name="inspect")(inspect.inspect)
app.command(name="detectron2")(detectron2.detectron2)
app.command(name="snapshot")(snapshot.snapshot)
app.command(name="diff")(snapshot.diff)
app.command(name="compat")(compat.compat)
app.command(name="plans")(plans.plans)
app.command(name="fix")(fix.fix)
app.command(name="fleet")(fleet.fleet)
app.command(name="mcp")(mcp.mcp)
app.add_typer(builds.builds, name="builds")
app.add_typer(gpu_watch.app, name="gpu-watch")
smoke.app.command(name="ffmpeg")(smoke_ffmpeg.ffmpeg)
app.add_typer(smoke.app, name="smoke")
app.add_typer(dataset.app, name="dataset")
app.add_typer(models.app, name="models")


@app.callback(invoke_without_command=False)
def root(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    """Options of every command."""
