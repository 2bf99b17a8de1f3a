"""Remedies that install torch, worked out for this machine by `envcheck.resolve`. Pure."""

import shlex
from typing import TypeGuard

from envcheck.advice import remedies
from envcheck.facts import (
    Companion,
    Container,
    Driver,
    Gpus,
    Host,
    Missing,
    PythonEnv,
    TorchBuild,
    or_none,
)
from envcheck.finding import Effect, Remedy
from envcheck.install import quoted, wheels
from envcheck.kb import Knowledge, Sm, SmError, VersionError, order
from envcheck.kb.builds import Platform
from envcheck.resolve import COMPANIONS, Card, Judged, Machine, Request, judge

_PLATFORMS: dict[str, Platform] = {
    "linux-x86_64": "linux-x86_64",
    "linux-aarch64": "linux-aarch64",
    "windows-x86_64": "windows-x86_64",
}


def interpreter(python: PythonEnv | Missing) -> str:
    """The patient's interpreter as a shell writes it."""
    executable = None if isinstance(python, Missing) else or_none(python.executable)
    return shlex.quote(executable or "python")


def request_here(
    gpus: Gpus | Missing,
    driver: Driver | Missing,
    python: PythonEnv | Missing,
    host: Host | Missing,
    container: Container | Missing,
    companions: tuple[str, ...] = COMPANIONS,
) -> Request | None:
    """What a build must run on here; what is missing excludes nothing. None: there are no builds
    for such a platform.
    """
    platform = _PLATFORMS.get(_known(python, "platform") or "linux-x86_64")
    if platform is None:
        return None
    devices = () if isinstance(gpus, Missing) else gpus.known_devices()
    return Request(
        machine=Machine(
            gpus=tuple(Card(or_none(gpu.name), gpu.sm) for gpu in devices if _is_sm(gpu.sm)),
            driver=_known(driver, "version"),
            python=_python(python),
            glibc=_number(_known(host, "glibc")),
            platform=platform,
        ),
        wsl=not isinstance(container, Missing) and bool(or_none(container.wsl)),
        companions=companions,
    )


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
    companions = _companions(torch)
    request = request_here(gpus, driver, python, host, container, companions)
    judged = () if request is None else judge(request, kb)
    chosen = next((one for one in judged if one.verdict != "no"), None)
    if request is None or chosen is None:
        return Remedy(_nothing_fits(kb, request, python))
    return Remedy(
        text=f"Install torch {chosen.build.torch} for CUDA {chosen.cuda}, which fits"
        f" {_said(request.machine) or 'current GPUs'}.",
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
    installed = () if isinstance(torch, Missing) else or_none(torch.companions) or ()
    names = {one.name for one in installed if isinstance(one, Companion)}
    return tuple(name for name in COMPANIONS if name in names)


def _pip(chosen: Judged, python: PythonEnv | Missing, kb: Knowledge) -> str:
    wheel = wheels(chosen, kb)
    words = " ".join((*map(quoted, wheel.requirements), *wheel.index))
    return f"{interpreter(python)} -m pip install --upgrade --force-reinstall {words}"


def _effects(chosen: Judged) -> tuple[Effect, ...]:
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


def _nothing_fits(kb: Knowledge, request: Request | None, python: PythonEnv | Missing) -> str:
    if request is None:
        return f"There are no CUDA builds of torch for {_known(python, 'platform')}."
    changes = remedies(request, kb)
    start = f"No torch build fits {_said(request.machine)} together"
    if not changes:
        return f"{start}: build torch from source, or use other GPUs."
    return f"{start}. What would help: {'; or '.join(changes)}."


def _said(machine: Machine) -> str:
    parts = [f"sm_{card.sm.replace('.', '')}" for card in dict.fromkeys(machine.gpus)]
    parts += [f"driver {machine.driver}"] if machine.driver else []
    parts += [f"Python {machine.python}"] if machine.python else []
    return ", ".join(dict.fromkeys(parts))


def _known(fact: Driver | Host | PythonEnv | Missing, field: str) -> str | None:
    value = None if isinstance(fact, Missing) else getattr(fact, field)
    return value if isinstance(value, str) else None


def _python(python: PythonEnv | Missing) -> str | None:
    """ "3.13", and "3.13t" for a free-threaded one."""
    version, tag = _known(python, "version"), _known(python, "tag") or ""
    if version is None:
        return None
    return ".".join(version.split(".")[:2]) + ("t" if tag.endswith("t") else "")


def _number(version: str | None) -> str | None:
    """A version that can be compared; None for any other text."""
    try:
        return version if version and order(version) else None
    except VersionError:
        return None


def _is_sm(text: str | Missing) -> TypeGuard[str]:
    try:
        return isinstance(text, str) and bool(Sm.parse(text))
    except SmError:
        return False
