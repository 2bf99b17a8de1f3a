"""`envcheck compat`."""

import os
import sys
from enum import Enum

import typer


class Format(str, Enum):
    text = "text"
    json = "json"
    requirements = "requirements"
    environment = "environment.yml"
    ansible = "ansible"
    versions = "versions"


class Platform(str, Enum):
    linux_x86_64 = "linux-x86_64"
    linux_aarch64 = "linux-aarch64"
    windows_x86_64 = "windows-x86_64"


def compat(
    gpu: list[str] = typer.Option(
        [], metavar="NAME", help='A GPU: "H100", "RTX 4090". Repeat it for a mixed box.'
    ),
    sm: list[str] = typer.Option(
        [], metavar="SM", help="A GPU by compute capability: 9.0. May be repeated."
    ),
    driver: str | None = typer.Option(None, metavar="VERSION", help="535.104.05"),
    python: str | None = typer.Option(None, metavar="VERSION", help="3.11, or 3.13t."),
    glibc: str | None = typer.Option(None, metavar="VERSION", help="2.31"),
    platform: Platform | None = typer.Option(
        None, help="Default: linux-x86_64; linux-aarch64 for Jetson and Grace."
    ),
    torch: str | None = typer.Option(
        None, metavar="SPEC", help='Only these releases: 2.4.0, "2.4.*", ">=2.3,<2.5".'
    ),
    cuda: str | None = typer.Option(None, metavar="VERSION", help="Only builds for this CUDA."),
    here: bool = typer.Option(
        False, "--here", help="Take from this machine what the other options leave open."
    ),
    beside: list[str] = typer.Option(
        [], "--with", metavar="PACKAGE", help="Mind its known clashes: detectron2. May be repeated."
    ),
    check_index: bool = typer.Option(
        False, "--check-index", help="Ask the package index whether that very wheel is there."
    ),
    offline: bool = typer.Option(
        False, "--offline", help="With --check-index: only what was asked before."
    ),
    fmt: Format = typer.Option(Format.text, "--format", help="How to print the answer."),
    every: bool = typer.Option(False, "--all", help="Show every build in the text."),
) -> None:
    """Find the torch build for a GPU, driver and Python.

    And the command that installs it. The machine need not be at hand.

    Exit codes: 0 a build runs, 1 none does, 2 wrong usage.
    """
    from envcheck.errors import UsageError
    from envcheck.kb import load
    from envcheck.render.compat import FORMATS, advice
    from envcheck.render.style import style_for
    from envcheck.resolve.judge import judge
    from envcheck.resolve.whatif import ask, find
    from envcheck.resolve.whatif import beside as minded

    kb = load()
    local = None
    if here:
        from envcheck.resolve.here import request_of_this_machine

        local = request_of_this_machine(kb)
    request = ask(
        kb,
        gpu=gpu,
        sm=sm,
        driver=driver,
        python=python,
        glibc=glibc,
        platform=platform.value if platform else None,
        torch=torch,
        cuda=cuda,
        here=local,
    )
    judged = judge(request, kb)
    if check_index:
        from envcheck.resolve.published import Indexes, check

        judged = check(judged, request, kb, Indexes(offline=offline))
    elif offline:
        raise UsageError("--offline goes with --check-index: nothing else asks anybody")
    found = find(request, judged, kb, minded(beside, kb))
    sys.stdout.write(FORMATS[fmt.value](found, style_for(sys.stdout, os.environ, verbose=every)))
    sys.stdout.flush()
    if found.answer.best is None and fmt is not Format.text:
        sys.stderr.write(advice(found, style_for(sys.stderr, os.environ)))
    raise typer.Exit(0 if found.answer.best else 1)
