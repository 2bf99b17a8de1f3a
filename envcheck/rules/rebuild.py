"""Remedies that compile an extension again, for the torch and the GPUs of this machine. Pure."""

import shlex

import msgspec

from envcheck.facts import (
    NOT_ASKED,
    CompiledFile,
    Cuda,
    Distribution,
    Environment,
    Extension,
    Gpus,
    Missing,
    PythonEnv,
    TorchBuild,
    Why,
    or_none,
)
from envcheck.finding import Effect, Remedy
from envcheck.kb import Knowledge, VersionError
from envcheck.kb.sm import Sm, SmError
from envcheck.rules.common import visible
from envcheck.rules.companion import pair
from envcheck.rules.install_cuda import best_toolkit
from envcheck.rules.install_packages import install_command

# --no-build-isolation: pip would compile against a torch of its own choice, the newest there is.
# --no-cache-dir: it would take the wheel it compiled for the torch before.
FIRST = "--no-cache-dir --no-build-isolation"
OPTIONS = f"--force-reinstall --no-deps {FIRST}"
BUILD_TOOLS = ("setuptools", "wheel")


def rebuild(
    extension: Extension,
    torch: TorchBuild,
    python: PythonEnv | Missing,
    gpus: Gpus | Missing,
    environment: Environment | Missing,
    cuda: Cuda | Missing,
    kb: Knowledge,
) -> Remedy:
    """Commands that put this package beside this torch."""
    companions = () if isinstance(torch.companions, Missing) else torch.companions
    if extension.name in (getattr(companion, "name", "") for companion in companions):
        return pair(extension.name, torch, python, kb)
    dist = None
    if not isinstance(python, Missing):
        dist = next(iter(python.find(extension.name)), None)
    archs = arch_list(torch, gpus, environment, kb) if torch.wants_cuda else ""
    effects = _effects(extension, torch, archs)
    if dist and dist.installer == "conda":
        command = install_command(python, (extension.name,), like=dist)
        return Remedy("Let conda choose its build for this torch.", (command,), "safe", effects)
    row = kb.extensions.find(extension.name)
    nvcc, home = _nvcc(torch, cuda)
    settings = _settings(torch, home, archs, row.environment if row else ())
    options, requirement = _what(extension, row.install if row else "", dist)
    compile_it = install_command(python, (requirement,), like=dist, options=options)
    commands = [*_prepared(extension, torch, python, dist, kb), " ".join((*settings, compile_it))]
    again = "Compile it again" if _is_here(extension) else "Compile it"
    return Remedy(
        f"{again}, against the torch that is installed.{nvcc}", tuple(commands), "safe", effects
    )


def arch_list(
    torch: TorchBuild, gpus: Gpus | Missing, environment: Environment | Missing, kb: Knowledge
) -> str:
    """TORCH_CUDA_ARCH_LIST of the GPUs a process sees: "8.0;9.0"; torch's own when there are none.

    Those that nvcc of torch's CUDA cannot compile for are left out: it would refuse the whole
    build. Without a GPU and without the list torch's own build tools fail.
    """
    shown = () if isinstance(gpus, Missing) else visible(gpus, environment)
    sms = {Sm.parse(gpu.sm) for gpu in shown if isinstance(gpu.sm, str)}
    if not shown:
        sms = {sm for name in or_none(torch.sass) or () if (sm := _plain(name))}
    cuda = or_none(torch.cuda)
    return ";".join(sm.dotted for sm in sorted(sms) if cuda is None or _compiles(cuda, sm, kb))


def _plain(name: str) -> Sm | None:
    try:
        sm = Sm.parse(name)
    except SmError:
        return None
    return None if sm.suffix else sm


def _compiles(cuda: str, sm: Sm, kb: Knowledge) -> bool:
    try:
        return kb.cuda.nvcc_targets(cuda, sm).compiles is not False
    except VersionError:
        return True


def _nvcc(torch: TorchBuild, cuda: Cuda | Missing) -> tuple[str, str]:
    """What is to be said of nvcc, and the CUDA_HOME that has the right one; "" where it is found.

    torch's build tools refuse an nvcc of another major version than its own CUDA.
    """
    wanted = or_none(torch.cuda)
    if wanted is None:
        return "", ""
    needs = f" It needs a C++ compiler and nvcc of CUDA {wanted}"
    if isinstance(cuda, Missing):
        return f"{needs}.", ""
    here = or_none(cuda.nvcc_version)
    if here == wanted:
        return f"{needs}, which is here.", ""
    toolkit = best_toolkit(cuda, wanted)
    if toolkit:
        return f"{needs}, which is in {toolkit.path}.", toolkit.path
    if here is None:
        gone = isinstance(cuda.nvcc_version, Missing) and cuda.nvcc_version.why is Why.ABSENT
        return f"{needs}{', and there is none here' if gone else ''}.", ""
    if here.partition(".")[0] == wanted.partition(".")[0]:
        return f"{needs}; the {here} that is here will do.", ""
    return f"{needs}; the one that is here is {here}: `envcheck doctor --for build`.", ""


def _settings(torch: TorchBuild, home: str, archs: str, own: tuple[str, ...]) -> tuple[str, ...]:
    """Environment variables of the build, as a shell writes them."""
    if not torch.wants_cuda:
        return ()
    named = (("CUDA_HOME", home), ("TORCH_CUDA_ARCH_LIST", archs))
    return (*(f"{name}={shlex.quote(value)}" for name, value in named if value), *own)


def _is_here(extension: Extension) -> bool:
    return bool(extension.path or extension.folder or or_none(extension.files))


def _what(extension: Extension, install: str, dist: Distribution | None) -> tuple[str, str]:
    """pip's options and the requirement that compile this package."""
    if extension.editable:
        # Without it an older pip calls `setup.py develop`, which a newer setuptools hands back to
        # pip with build isolation: No module named 'torch'. uv knows no other way.
        pep517 = "" if dist and dist.installer == "uv" else " --use-pep517"
        return f"{OPTIONS}{pep517} -e", extension.origin
    if extension.origin:
        return OPTIONS, extension.origin
    if install:
        return OPTIONS if _is_here(extension) else FIRST, install
    version = or_none(extension.version)
    public = version.partition("+")[0] if version else None
    requirement = f"{extension.name}=={public}" if public else extension.name
    return f"{OPTIONS} --no-binary {extension.name}", requirement


def _prepared(
    extension: Extension,
    torch: TorchBuild,
    python: PythonEnv | Missing,
    dist: Distribution | None,
    kb: Knowledge,
) -> list[str]:
    """Commands before the build: its tools, and what an earlier build left in a source tree."""
    commands = []
    lacking = () if isinstance(python, Missing) else _lacking(extension, torch, python, kb)
    if lacking:
        commands.append(install_command(python, lacking, like=dist))
    if extension.origin.startswith("/"):
        left = [f"{extension.origin}/build"]
        if extension.editable:
            left += [file.path for file in or_none(extension.files) or ()]
            left += [file.path for file in extension.damaged]
        commands.append(f"rm -rf {' '.join(map(shlex.quote, left))}")
    return commands


def _lacking(
    extension: Extension, torch: TorchBuild, python: PythonEnv, kb: Knowledge
) -> tuple[str, ...]:
    """What pip needs to compile anything without build isolation, and is not there."""
    guards = (
        *kb.packages.guards_for(extension.name, or_none(extension.version)),
        *kb.packages.guards_for("torch", or_none(torch.version)),
    )
    pins = {guard.package: guard.pin for guard in reversed(guards)}
    return tuple(f"{tool}{pins.get(tool, '')}" for tool in BUILD_TOOLS if not python.find(tool))


def _effects(extension: Extension, torch: TorchBuild, archs: str) -> tuple[Effect, ...]:
    """The package as it will be: one library that fits."""
    sass = tuple(Sm.parse(arch).sass for arch in archs.split(";") if arch)
    cuda = or_none(torch.cuda)
    file = CompiledFile(
        path=next((file.path for file in or_none(extension.files) or ()), extension.name),
        links_torch=True,
        uses_cuda=cuda is not None,
        cudart=cuda.partition(".")[0] if cuda else None,
        fatbins=1 if sass else 0,
        sass=sass,
        missing=(),
        cuda_compiler=cuda or "",
    )
    fits = msgspec.structs.replace(
        extension,
        version=NOT_ASKED if isinstance(extension.version, Missing) else extension.version,
        files=(file,),
        other_python=(),
        damaged=(),
    )
    return (Effect(f"extensions.packages.{extension.name}", fits),)
