"""Options that several commands share, each said once. Must not know what a command does."""

from enum import Enum
from typing import Annotated

import typer


class Format(str, Enum):
    text = "text"
    concise = "concise"
    json = "json"
    github = "github"
    markdown = "markdown"
    html = "html"
    junit = "junit"
    sarif = "sarif"
    nagios = "nagios"


class FailOn(str, Enum):
    error = "error"
    warning = "warning"
    note = "note"


class For(str, Enum):
    run = "run"
    build = "build"


Python = Annotated[
    str | None,
    typer.Option(
        "--python",
        metavar="PATH",
        help="The interpreter to examine: a path, a name or an environment's folder."
        " Default: the active venv's or conda environment's, else the first python3 on PATH.",
    ),
]
Purpose = Annotated[
    For, typer.Option("--for", help="What the machine is for: 'build' also judges the compilers.")
]
Sysroot = Annotated[
    str | None,
    typer.Option(
        metavar="DIR", help="Examine another root (image, chroot, mounted disk); runs nothing."
    ),
]
SnapshotFile = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Judge a saved report or snapshot (JSON); '-' reads stdin."),
]
ReportFile = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Judge pasted text: torch's or detectron2's collect_env, nvidia-smi, package lists,"
        " error messages around them; '-' reads stdin.",
    ),
]
PlanFile = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Judge what a Dockerfile, compose.yaml, requirements.txt, environment.yml,"
        " pyproject.toml, uv.lock or pylock.toml would install, on this machine, on --snapshot's"
        " or on --gpu and --driver.",
    ),
]
ImageFile = Annotated[
    str | None,
    typer.Option(
        metavar="PATH",
        help="Judge a container image without an engine: an OCI layout or archive, or what"
        " `docker save` wrote; on the same hosts as --plan.",
    ),
]
Part = Annotated[
    str, typer.Option(metavar="NAME", help="With --plan: a stage, or a compose file's service.")
]
Gpu = Annotated[
    list[str],
    typer.Option(metavar="NAME", help='With --plan, --image: the host\'s GPU, "RTX 5090".'),
]
DriverVersion = Annotated[
    str | None,
    typer.Option("--driver", metavar="VERSION", help="With --plan, --image: the host's driver."),
]
Printed = Annotated[Format, typer.Option("--format", help="How to print the report.")]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write the report there, whole or not at all, and print the text.",
    ),
]
Threshold = Annotated[FailOn, typer.Option(help="Exit with 1 from this severity on.")]
Select = Annotated[
    list[str], typer.Option(metavar="CODE", help="Only these codes, names or prefixes.")
]
Ignore = Annotated[
    list[str], typer.Option(metavar="CODE", help="Not these codes, names or prefixes.")
]
ExitZero = Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 whatever is found.")]
Timeout = Annotated[
    float, typer.Option(min=0.1, metavar="SECONDS", help="Time limit of the whole examination.")
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Also what could not be judged, and the time each probe took.",
    ),
]
