"""`envcheck smoke ffmpeg`."""

from typing import Annotated

import typer

from envcheck.cli.options import (
    ExitZero,
    FailOn,
    Format,
    Ignore,
    Output,
    Printed,
    Select,
    Threshold,
)
from envcheck.cli.output import finish

Program = Annotated[
    str | None,
    typer.Option(
        "--ffmpeg", metavar="PATH", help="The program: a path or a name. Default: PATH's ffmpeg."
    ),
]
Device = Annotated[str, typer.Option(metavar="DEVICE", help="cpu, cuda:N or all.")]
Timeout = Annotated[
    float,
    typer.Option(
        min=0.1, metavar="SECONDS", help="Time limit of the proofs on the CPU and on each GPU."
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Also what could not be judged.")]


def ffmpeg(
    program: Program = None,
    device: Device = "all",
    timeout: Timeout = 60.0,
    fmt: Printed = Format.text,
    output: Output = None,
    fail_on: Threshold = FailOn.error,
    select: Select = [],  # noqa: B006 - typer hands over a list of its own
    ignore: Ignore = [],  # noqa: B006
    exit_zero: ExitZero = False,
    verbose: Verbose = False,
) -> None:
    """Prove FFmpeg: its codecs, and every GPU's NVENC and NVDEC.

    A synthetic clip is decoded, scaled and encoded, and its frames compared with what they should
    be. Without a GPU the software part runs, and the report says why the rest could not.

    Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 wrong usage or unusable input,
    3 nothing could be proved.
    """
    from envcheck.finding import Severity
    from envcheck.smoke.check_ffmpeg import check_ffmpeg
    from envcheck.smoke.run import on_stderr

    report = check_ffmpeg(
        program=program,
        device=device,
        timeout=timeout,
        progress=on_stderr,
        fail_on=Severity(fail_on.value),
        select=select,
        ignore=ignore,
    )
    finish(report, fmt, verbose=verbose, exit_zero=exit_zero, output=output)
