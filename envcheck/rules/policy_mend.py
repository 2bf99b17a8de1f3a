"""What can be done about a requirement that is not met, where that is known. Pure.

A remedy is offered only when the machine would then be what was asked for.
"""

import re
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from envcheck.compat import cuda_for_driver
from envcheck.facts import (
    Clause,
    Distribution,
    Gpus,
    Missing,
    PythonEnv,
    Requirement,
    Snapshot,
    or_none,
)
from envcheck.finding import Effect, Remedy
from envcheck.kb import Knowledge
from envcheck.rules.host import larger_shm_of_container
from envcheck.rules.install import install_torch_like, interpreter
from envcheck.rules.install_driver import newer_driver
from envcheck.rules.install_packages import install_command
from envcheck.rules.mend import on_host

if TYPE_CHECKING:
    from envcheck.resolve.judge import Judged

Mend = Callable[[Requirement, Any, Snapshot, Knowledge], Remedy | None]
MIB, GIB = 1 << 20, 1 << 30
NEARLY = 0.94  # of the memory asked for: a card sold as 80 GB has 79.6 GiB, one as 16 GB has 15.0
LEAST = (">=", ">", "==", "~=")
_PLAIN = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,5}", re.ASCII)  # what drivers and CUDA are called


def mend(requirement: Requirement, value: Any, snapshot: Snapshot, kb: Knowledge) -> Remedy | None:
    """What makes the machine meet a requirement; None when nothing is known."""
    exact = _exact(requirement, value)
    if exact:
        return exact
    if requirement.path.startswith("python.distributions."):
        return _package(requirement, value, snapshot)
    known = MENDS.get(requirement.path)
    return known(requirement, value, snapshot, kb) if known else None


def _exact(requirement: Requirement, value: Any) -> Remedy | None:
    """`python == 3.11` means 3.11.0 only, which few people mean."""
    for clause in requirement.clauses:
        want = clause.value
        if (
            requirement.compared == "version"
            and clause.operator == "=="
            and isinstance(want, str)
            and isinstance(value, str)
            and value.startswith(f"{want}.")
        ):
            return Remedy(
                f"{value} is not {want}: where any {want} will do, ask for"
                f" {requirement.subject} == {want}.*"
            )
    return None


def _package(requirement: Requirement, value: Any, snapshot: Snapshot) -> Remedy:
    python, name = snapshot.python, requirement.path.split(".")[2]
    found = () if isinstance(python, Missing) else python.find(name)
    like = found[0] if found else None
    if Clause("==", None) in requirement.clauses:
        return Remedy(f"Remove {name}.", (_removal(python, name, like),), "safe")
    conda = like is not None and like.installer == "conda"
    spec = ",".join(_spec(clause, conda=conda) for clause in requirement.clauses if clause.value)
    exact = [str(clause.value) for clause in requirement.clauses if clause.operator == "=="]
    certain = like is not None and len(exact) == 1 and "*" not in exact[0]
    return Remedy(
        f"Install {name}{spec}; packages beside it may need another version of it, which"
        " `pip check` tells.",
        (install_command(python, (f"{name}{spec}",), like=like),),
        "safe",
        (Effect(requirement.path, exact[0]),) if certain else (),
    )


def _spec(clause: Clause, *, conda: bool) -> str:
    text = str(clause.value)
    if conda and clause.operator == "==" and text.endswith(".*"):
        return f"={text.removesuffix('.*')}"
    return f"{clause.operator}{text}"


def _removal(python: PythonEnv | Missing, name: str, like: Distribution | None) -> str:
    prefix = None if isinstance(python, Missing) else or_none(python.prefix)
    if like and like.installer == "conda" and prefix:
        return f"conda remove -p {shlex.quote(prefix)} {name}"
    if like and like.installer == "uv":
        return f"uv pip uninstall --python {interpreter(python)} {name}"
    return f"{interpreter(python)} -m pip uninstall -y {name}"


def _torch(requirement: Requirement, value: Any, snapshot: Snapshot, kb: Knowledge) -> Remedy:
    from envcheck.policy.meet import met

    def wanted(one: "Judged") -> bool:
        number = f"{one.build.torch}+cu{one.cuda.replace('.', '')}"
        return met(requirement, one.cuda if requirement.path == "torch.cuda" else number) is True

    found = install_torch_like(wanted, snapshot, kb)
    return found or Remedy(
        f"No torch build that is {requirement.text} fits this machine: `envcheck compat --here`"
        " lists what does."
    )


def _driver(
    requirement: Requirement, value: Any, snapshot: Snapshot, kb: Knowledge
) -> Remedy | None:
    needed = _least(requirement, value)
    return None if needed is None else _newer_driver(requirement, needed, snapshot, kb)


def _driver_for_cuda(
    requirement: Requirement, value: Any, snapshot: Snapshot, kb: Knowledge
) -> Remedy | None:
    cuda = _least(requirement, value)
    toolkit = kb.cuda.toolkit(cuda) if cuda else None
    return None if toolkit is None else _newer_driver(requirement, toolkit.linux, snapshot, kb)


def _newer_driver(
    requirement: Requirement, needed: str, snapshot: Snapshot, kb: Knowledge
) -> Remedy | None:
    """A driver of at least that version, when it is what was asked for and not too new for it."""
    from envcheck.policy.meet import met

    s = snapshot
    remedy = newer_driver(kb, s.gpus, s.host, s.driver, needed)
    after = {effect.path: effect.value for effect in remedy.effects}
    if "driver.version" in after:
        cuda = cuda_for_driver(after["driver.version"], kb=kb)
        after |= {"driver.cuda": cuda} if cuda else {}
        if met(requirement, after.get(requirement.path)) is not True:
            return None
    effects = tuple(Effect(path, value) for path, value in after.items())
    return on_host(msgspec.structs.replace(remedy, effects=effects), s.container)


def _least(requirement: Requirement, value: Any) -> str | None:
    """The version it must at least have, when what is there is older or there is none."""
    from envcheck.policy.values import version

    texts = [str(c.value).removesuffix(".*") for c in requirement.clauses if c.operator in LEAST]
    if not texts or not all(_PLAIN.fullmatch(text) for text in texts):
        return None
    least = max(texts, key=version)
    return least if not isinstance(value, str) or version(value) < version(least) else None


def _shm(requirement: Requirement, value: Any, snapshot: Snapshot, kb: Knowledge) -> Remedy | None:
    needed = _least_bytes(requirement)
    if needed is None or not isinstance(value, int) or value >= needed:
        return None
    whole, unit = (-(-needed // GIB), "g") if needed % GIB == 0 else (-(-needed // MIB), "m")
    around = snapshot.container
    runtime = None if isinstance(around, Missing) else or_none(around.runtime)
    if runtime:
        return larger_shm_of_container(runtime, f"{whole}{unit}")
    return Remedy(
        "Mount it again with that size; it takes memory only for what is written there.",
        (f"sudo mount -o remount,size={whole}{unit} /dev/shm",),
        "root",
        (Effect("host.shm_bytes", whole * (GIB if unit == "g" else MIB)),),
    )


def _least_bytes(requirement: Requirement) -> int | None:
    sizes = [c.value for c in requirement.clauses if c.operator in (">=", ">", "==")]
    return max((size for size in sizes if isinstance(size, int)), default=None)


def _count(
    requirement: Requirement, value: Any, snapshot: Snapshot, kb: Knowledge
) -> Remedy | None:
    """More GPUs than a process sees, where a variable hides them."""
    from envcheck.policy.meet import met

    gpus, environment = snapshot.gpus, snapshot.environment
    if not isinstance(gpus, Gpus) or isinstance(environment, Missing):
        return None
    hidden = environment.get("CUDA_VISIBLE_DEVICES")
    if hidden is None or met(requirement, len(gpus.known_devices())) is not True:
        return None
    return Remedy(
        f"CUDA_VISIBLE_DEVICES={hidden} hides {len(gpus.known_devices()) - value} of"
        f" {len(gpus.known_devices())} GPUs: unset it where it is set (shell profile, job script,"
        " container).",
        ("unset CUDA_VISIBLE_DEVICES",),
        "safe",
    )


def _gpu_memory(
    requirement: Requirement, value: Any, snapshot: Snapshot, kb: Knowledge
) -> Remedy | None:
    needed = _least_bytes(requirement)
    if needed is None or not isinstance(value, int) or not NEARLY * needed <= value < needed:
        return None
    return Remedy(
        "A card sold with so much memory shows a little less, the driver's and ECC's part: ask"
        f" for {requirement.subject} >= {value // GIB}GiB."
    )


def _python(requirement: Requirement, value: Any, snapshot: Snapshot, kb: Knowledge) -> Remedy:
    spec = ",".join(_spec(clause, conda=False) for clause in requirement.clauses if clause.value)
    return Remedy(
        "Make an environment with such a Python, install into it, and name it with --python.",
        (f"uv venv --python {shlex.quote(spec)} .venv-preflight",) if spec else (),
    )


def _disk(requirement: Requirement, value: Any, snapshot: Snapshot, kb: Knowledge) -> Remedy:
    folder = shlex.quote(requirement.key)
    if isinstance(value, Missing):
        return Remedy(f"Make or mount {requirement.key}.")
    return Remedy(
        "Free or add space; this shows what takes most.",
        (f"du -xh --max-depth=1 {folder} 2>/dev/null | sort -h | tail",),
    )


MENDS: dict[str, Mend] = {
    "disk": _disk,
    "driver.cuda": _driver_for_cuda,
    "driver.version": _driver,
    "gpu.count": _count,
    "gpu.memory_bytes": _gpu_memory,
    "host.shm_bytes": _shm,
    "python.version": _python,
    "torch.cuda": _torch,
    "torch.version": _torch,
}
