"""Remedies that install torch, worked out for this machine by `envcheck.resolve`. Pure.

What works them out is imported when a remedy is wanted: a healthy machine never pays for it.
"""

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

from envcheck.facts import (
    Companion,
    Container,
    Driver,
    Gpus,
    Host,
    Missing,
    PythonEnv,
    Snapshot,
    TorchBuild,
    or_none,
)
from envcheck.finding import Effect, Remedy
from envcheck.kb import Knowledge

if TYPE_CHECKING:
    from envcheck.resolve.judge import Judged
    from envcheck.resolve.request import Machine, Request


def interpreter(python: PythonEnv | Missing) -> str:
    """The patient's interpreter as a shell writes it."""
    executable = None if isinstance(python, Missing) else or_none(python.executable)
    return shlex.quote(executable or "python")


def install_torch(
    kb: Knowledge,
    gpus: Gpus | Missing,
    driver: Driver | Missing,
    python: PythonEnv | Missing,
    host: Host | Missing,
    container: Container | Missing,
    torch: TorchBuild | Missing,
) -> Remedy:
    """The best torch build for every GPU here, this driver and this Python, together with the
    companions that are installed now, which would not fit another torch.
    """
    request, fitting = _fitting(kb, gpus, driver, python, host, container, torch)
    if request is None or not fitting:
        return Remedy(_nothing_fits(kb, request, python))
    return _installed(fitting[0], request.machine, python, kb)


def install_torch_like(
    wanted: Callable[["Judged"], bool], snapshot: Snapshot, kb: Knowledge
) -> Remedy | None:
    """As `install_torch`, of the builds that are as wanted; None when none of them fits."""
    s = snapshot
    request, fitting = _fitting(kb, s.gpus, s.driver, s.python, s.host, s.container, s.torch)
    chosen = next((one for one in fitting if wanted(one)), None)
    if request is None or chosen is None:
        return None
    return _installed(chosen, request.machine, s.python, kb)


def _fitting(
    kb: Knowledge,
    gpus: Gpus | Missing,
    driver: Driver | Missing,
    python: PythonEnv | Missing,
    host: Host | Missing,
    container: Container | Missing,
    torch: TorchBuild | Missing,
) -> tuple["Request | None", list["Judged"]]:
    """The builds that nothing here excludes, the best first. None: there are none for this
    platform.
    """
    from envcheck.resolve.judge import judge
    from envcheck.resolve.request import request_of

    companions = _companions(torch)
    request = request_of(gpus, driver, python, host, container, companions)
    judged = () if request is None else judge(request, kb)
    return request, [one for one in judged if one.verdict != "no"]


def _installed(
    chosen: "Judged", machine: "Machine", python: PythonEnv | Missing, kb: Knowledge
) -> Remedy:
    return Remedy(
        text=f"Install torch {chosen.build.torch} for CUDA {chosen.cuda}, which fits"
        f" {_said(machine) or 'current GPUs'}.",
        commands=(_pip(chosen, python, kb),),
        safety="safe",
        effects=_effects(chosen),
    )


def repair_torch(torch: TorchBuild, python: PythonEnv | Missing) -> Remedy:
    """The same torch again, over what is left of it."""
    version = or_none(torch.version)
    public = version.partition("+")[0] if version else None
    spec = f"torch=={public}" if public else "torch"
    return Remedy(
        text="Install the same version again over it.",
        commands=(f"{interpreter(python)} -m pip install --force-reinstall --no-deps {spec}",),
        safety="safe",
        effects=(Effect("torch.broken", None),),
    )


def _companions(torch: TorchBuild | Missing) -> tuple[str, ...]:
    """The companions installed now that are compiled against torch."""
    from envcheck.resolve.request import COMPANIONS

    installed = () if isinstance(torch, Missing) else or_none(torch.companions) or ()
    names = {one.name for one in installed if isinstance(one, Companion)}
    return tuple(name for name in COMPANIONS if name in names)


def _pip(chosen: "Judged", python: PythonEnv | Missing, kb: Knowledge) -> str:
    from envcheck.resolve.install import quoted, wheels

    wheel = wheels(chosen, kb)
    words = " ".join((*map(quoted, wheel.requirements), *wheel.index))
    return f"{interpreter(python)} -m pip install --upgrade --force-reinstall {words}"


def _effects(chosen: "Judged") -> tuple[Effect, ...]:
    """What the Snapshot says once the build and its companions are installed."""
    build, tag = chosen.build, f"+cu{chosen.cuda.replace('.', '')}"
    effects = [
        Effect("torch.version", f"{build.torch}{tag}"),
        Effect("torch.cuda", chosen.cuda),
        Effect("torch.sass", build.sass),
        Effect("torch.ptx", build.ptx),
    ]
    for name, version in chosen.companions.items():
        path = f"torch.companions.{name}"
        effects += [
            Effect(f"{path}.version", f"{version}{tag}"),
            Effect(f"{path}.cuda", chosen.cuda),
            Effect(f"{path}.torch_pin", f"=={build.torch}"),
        ]
    return tuple(effects)


def _nothing_fits(kb: Knowledge, request: "Request | None", python: PythonEnv | Missing) -> str:
    from envcheck.resolve.advice import remedies

    if request is None:
        platform = None if isinstance(python, Missing) else or_none(python.platform)
        return f"There are no CUDA builds of torch for {platform}."
    changes = remedies(request, kb)
    start = f"No torch build fits {_said(request.machine)} together"
    if not changes:
        return f"{start}: build torch from source, or use other GPUs."
    return f"{start}. What would help: {'; or '.join(changes)}."


def _said(machine: "Machine") -> str:
    parts = [f"sm_{card.sm.replace('.', '')}" for card in dict.fromkeys(machine.gpus)]
    parts += [f"driver {machine.driver}"] if machine.driver else []
    parts += [f"Python {machine.python}"] if machine.python else []
    return ", ".join(dict.fromkeys(parts))
