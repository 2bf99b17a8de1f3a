"""`envcheck smoke`."""

from enum import Enum

import typer

from envcheck.cli.options import FailOn, Format, Output
from envcheck.cli.output import finish

app = typer.Typer(
    help="Prove by running it that torch and the video models work here.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

PYTHON = typer.Option(
    None, "--python", metavar="PATH", help="The interpreter to prove; as for doctor."
)
DEVICE = typer.Option("all", metavar="DEVICE", help="cpu, cuda:N or all.")
FORMAT = typer.Option(Format.text, "--format", help="How to print the report.")
FAIL_ON = typer.Option(FailOn.error, help="Exit with 1 from this severity on.")
SELECT = typer.Option([], metavar="CODE", help="Only these codes, names or prefixes.")
IGNORE = typer.Option([], metavar="CODE", help="Not these codes, names or prefixes.")
EXIT_ZERO = typer.Option(False, "--exit-zero", help="Exit with 0 whatever is found.")
VERBOSE = typer.Option(False, "--verbose", "-v", help="Also what could not be judged.")


class Precision(str, Enum):
    fp32 = "fp32"
    tf32 = "tf32"
    fp16 = "fp16"
    bf16 = "bf16"


@app.command()
def torch(
    python: str | None = PYTHON,
    device: str = DEVICE,
    timeout: float = typer.Option(
        180.0, min=0.1, metavar="SECONDS", help="Time limit of the proofs on each device."
    ),
    fmt: Format = FORMAT,
    output: Output = None,
    fail_on: FailOn = FAIL_ON,
    select: list[str] = SELECT,
    ignore: list[str] = IGNORE,
    exit_zero: bool = EXIT_ZERO,
    verbose: bool = VERBOSE,
) -> None:
    """Prove torch's operators, and a GPU's memory and speed.

    Each operator is compared with float64.

    Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 wrong usage or unusable input,
    3 nothing could be proved, or the proofs were interrupted.
    """
    from envcheck.finding import Severity
    from envcheck.smoke.check import check_torch
    from envcheck.smoke.run import on_stderr

    report = check_torch(
        python=python,
        device=device,
        timeout=timeout,
        progress=on_stderr,
        fail_on=Severity(fail_on.value),
        select=select,
        ignore=ignore,
    )
    finish(report, fmt, verbose=verbose, exit_zero=exit_zero, output=output)


@app.command()
def slowfast(
    model: str = typer.Option(
        "slowfast_r50", metavar="NAME", help="The model; a wrong name lists them."
    ),
    python: str | None = PYTHON,
    device: str = DEVICE,
    precision: Precision = typer.Option(
        Precision.fp32, help="Of the full-size forward pass, and of the golden run beside fp32."
    ),
    batch: int = typer.Option(1, min=1, metavar="N", help="Clips at a time."),
    video: str | None = typer.Option(
        None, metavar="FILE", help="A video to classify, in the place of the one shipped."
    ),
    labels: str | None = typer.Option(
        None, metavar="FILE", help="Class names, one a line or JSON; default: Kinetics-400."
    ),
    checkpoint: str | None = typer.Option(
        None, metavar="FILE", help="Weights (.pyth); code in the file is never run."
    ),
    train_step: bool = typer.Option(False, "--train-step", help="Also one training step."),
    timeout: float = typer.Option(
        300.0, min=0.1, metavar="SECONDS", help="Time limit of the proofs on each device."
    ),
    fmt: Format = FORMAT,
    output: Output = None,
    fail_on: FailOn = FAIL_ON,
    select: list[str] = SELECT,
    ignore: list[str] = IGNORE,
    exit_zero: bool = EXIT_ZERO,
    verbose: bool = VERBOSE,
) -> None:
    """Prove a video model, from the file to the named classes.

    The models are pytorchvideo's own.

    Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 wrong usage or unusable input,
    3 nothing could be proved, or the proofs were interrupted.
    """
    from envcheck.finding import Severity
    from envcheck.smoke.check import check_slowfast
    from envcheck.smoke.jobs import wish
    from envcheck.smoke.run import on_stderr

    report = check_slowfast(
        python=python,
        device=device,
        wish=wish(
            model,
            precision=precision.value,
            batch=batch,
            video=video,
            labels=labels,
            checkpoint=checkpoint,
            train_step=train_step,
        ),
        timeout=timeout,
        progress=on_stderr,
        fail_on=Severity(fail_on.value),
        select=select,
        ignore=ignore,
    )
    finish(report, fmt, verbose=verbose, exit_zero=exit_zero, output=output)


@app.command()
def pyslowfast(
    repo: str = typer.Option(..., metavar="DIR", help="A checkout of PySlowFast."),
    cfg: str | None = typer.Option(
        None,
        metavar="FILE",
        help="The configuration whose model is built: a file, or its name below the checkout's"
        " configs. Default: Kinetics/SLOWFAST_4x16_R50.yaml.",
    ),
    python: str | None = PYTHON,
    device: str = DEVICE,
    timeout: float = typer.Option(
        300.0, min=0.1, metavar="SECONDS", help="Time limit of the proofs on each device."
    ),
    fmt: Format = FORMAT,
    output: Output = None,
    fail_on: FailOn = FAIL_ON,
    select: list[str] = SELECT,
    ignore: list[str] = IGNORE,
    exit_zero: bool = EXIT_ZERO,
    verbose: bool = VERBOSE,
) -> None:
    """Prove a PySlowFast checkout: imports, one model built and run. Names the patches it needs.

    The checkout's code is run, in a process of its own; nothing in it is written.

    Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 wrong usage or unusable input,
    3 nothing could be proved, or the proofs were interrupted.
    """
    from envcheck.finding import Severity
    from envcheck.smoke.check import check_pyslowfast
    from envcheck.smoke.pyslowfast import checkout
    from envcheck.smoke.run import on_stderr

    report = check_pyslowfast(
        checkout(repo, cfg),
        python=python,
        device=device,
        timeout=timeout,
        progress=on_stderr,
        fail_on=Severity(fail_on.value),
        select=select,
        ignore=ignore,
    )
    finish(report, fmt, verbose=verbose, exit_zero=exit_zero, output=output)
