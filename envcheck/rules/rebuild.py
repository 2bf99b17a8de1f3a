"""Remedies that compile an extension again, for the torch and the GPUs of this machine. Pure."""

import shlex

from envcheck.facts import (
    Environment,
    Extension,
    Gpus,
    Missing,
    PythonEnv,
    TorchBuild,
    or_none,
)
from envcheck.finding import Effect, Remedy
from envcheck.kb import Knowledge, VersionError
from envcheck.kb.sm import Sm
from envcheck.rules.common import visible
from envcheck.rules.companion import pair
from envcheck.rules.install import interpreter
from envcheck.rules.install_packages import install_command

# --no-build-isolation: pip would compile against a torch of its own choice, the newest there is.
# --no-cache-dir: it would take the wheel it compiled for the torch before.
OPTIONS = "--force-reinstall --no-deps --no-cache-dir --no-build-isolation"
BUILD_TOOLS = ("setuptools", "wheel")


def rebuild(
    extension: Extension,
    torch: TorchBuild,
    python: PythonEnv | Missing,
    gpus: Gpus | Missing,
    environment: Environment | Missing,
    kb: Knowledge,
) -> Remedy:
    """Commands that put this package beside this torch."""
    companions = () if isinstance(torch.companions, Missing) else torch.companions
    if extension.name in (getattr(companion, "name", "") for companion in companions):
        return pair(extension.name, torch, python, kb)
    dist = None
    if not isinstance(python, Missing):
        dist = next(iter(python.find(extension.name)), None)
    effects = (Effect(f"extensions.packages.{extension.name}.files", ()),)
    if dist and dist.installer == "conda":
        command = install_command(python, (extension.name,), like=dist)
        return Remedy("Let conda choose its build for this torch.", (command,), "safe", effects)
    row = kb.extensions.find(extension.name)
    settings = _settings(torch, gpus, environment, row.environment if row else (), kb)
    options, requirement = _what(extension, row.install if row else "")
    compile_it = install_command(python, (requirement,), like=dist, options=options)
    commands = [" ".join((*settings, compile_it))]
    lacking = () if isinstance(python, Missing) else _lacking(python)
    if lacking:
        commands.insert(0, f"{interpreter(python)} -m pip install {' '.join(lacking)}")
    cuda = or_none(torch.cuda)
    nvcc = f" It needs a C++ compiler and nvcc of CUDA {cuda}." if cuda else ""
    return Remedy(
        f"Compile it again, against the torch that is installed.{nvcc}",
        tuple(commands),
        "safe",
        effects,
    )


def arch_list(
    cuda: str | None, gpus: Gpus | Missing, environment: Environment | Missing, kb: Knowledge
) -> str:
    """TORCH_CUDA_ARCH_LIST of the GPUs a process sees: "8.0;9.0"; "" when none is known.

    Those that nvcc of this CUDA cannot compile for are left out: it would refuse the whole build.
    """
    shown = () if isinstance(gpus, Missing) else visible(gpus, environment)
    sms = sorted({Sm.parse(gpu.sm) for gpu in shown if isinstance(gpu.sm, str)})
    return ";".join(sm.dotted for sm in sms if cuda is None or _compiles(cuda, sm, kb))


def _compiles(cuda: str, sm: Sm, kb: Knowledge) -> bool:
    try:
        return kb.cuda.nvcc_targets(cuda, sm).compiles is not False
    except VersionError:
        return True


def _settings(
    torch: TorchBuild,
    gpus: Gpus | Missing,
    environment: Environment | Missing,
    own: tuple[str, ...],
    kb: Knowledge,
) -> tuple[str, ...]:
    """Environment variables of the build, as a shell writes them."""
    if not torch.wants_cuda:
        return ()
    archs = arch_list(or_none(torch.cuda), gpus, environment, kb)
    return ((f"TORCH_CUDA_ARCH_LIST={shlex.quote(archs)}",) if archs else ()) + own


def _what(extension: Extension, install: str) -> tuple[str, str]:
    """pip's options and the requirement that compile this package."""
    if extension.editable:
        return f"{OPTIONS} -e", extension.origin
    if extension.origin:
        return OPTIONS, extension.origin
    if install:
        return OPTIONS, install
    version = or_none(extension.version)
    public = version.partition("+")[0] if version else None
    requirement = f"{extension.name}=={public}" if public else extension.name
    return f"{OPTIONS} --no-binary {extension.name}", requirement


def _lacking(python: PythonEnv) -> tuple[str, ...]:
    """What pip needs to compile anything without build isolation, and is not there."""
    return tuple(tool for tool in BUILD_TOOLS if not python.find(tool))
