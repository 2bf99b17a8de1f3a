"""`envcheck doctor`."""

import gc

from envcheck.cli import options
from envcheck.cli.options import FailOn, For, Format
from envcheck.cli.output import finish


def doctor(
    python: options.Python = None,
    purpose: options.Purpose = For.run,
    sysroot: options.Sysroot = None,
    snapshot: options.SnapshotFile = None,
    report: options.ReportFile = None,
    plan: options.PlanFile = None,
    image: options.ImageFile = None,
    part: options.Part = "",
    gpu: options.Gpu = [],  # noqa: B006 - typer hands over a list of its own
    driver: options.DriverVersion = None,
    fmt: options.Printed = Format.text,
    output: options.Output = None,
    fail_on: options.Threshold = FailOn.error,
    select: options.Select = [],  # noqa: B006
    ignore: options.Ignore = [],  # noqa: B006
    exit_zero: options.ExitZero = False,
    timeout: options.Timeout = 10.0,
    verbose: options.Verbose = False,
) -> None:
    """Check whether driver, GPU, CUDA and torch fit together. Never imports torch.

    Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 wrong usage or unusable input,
    3 this machine could not be checked.
    """
    gc.disable()  # a short run that frees next to nothing

    from envcheck.doctor import examine
    from envcheck.finding import Severity

    judged = examine(
        python=python,
        purpose=purpose.value,
        sysroot=sysroot,
        snapshot=snapshot,
        report=report,
        plan=plan,
        image=image,
        part=part,
        gpu=gpu,
        driver=driver,
        select=select,
        ignore=ignore,
        fail_on=Severity(fail_on.value),
        timeout=timeout,
    )
    finish(judged, fmt, verbose=verbose, exit_zero=exit_zero, output=output)
