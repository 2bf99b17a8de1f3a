"""`compat`: options, and with `--here` this machine, become a Request; what was judged an Answer.

Must not know how the answer is printed.
"""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

import msgspec
from msgspec.structs import replace

from envcheck.errors import UsageError
from envcheck.kb import Knowledge, Sm, SmError, VersionError, minor, order
from envcheck.kb.builds import Platform
from envcheck.kb.pep440 import within
from envcheck.resolve.advice import exclusions, remedies
from envcheck.resolve.install import Conda, Install, Wheels, conda, install, wheels
from envcheck.resolve.judge import How, Judged, Verdict, best, candidates
from envcheck.resolve.request import Card, Machine, Request

SCHEMA_VERSION = 1
_DEFAULT: Final = "linux-x86_64"
_ARM: Final = "linux-aarch64"
_PYTHON = re.compile(r"(?:cp|python|py)?(\d)\.?(\d{1,2})(?:\.\d+\w*)?(t?)")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One build: `how` tells how its code runs on the GPUs, whatever else excludes it."""

    torch: str  # "2.4.0"
    cuda: str  # "12.1"
    platform: Platform
    verdict: Verdict
    how: How
    reasons: tuple[str, ...]
    install: Install


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What `compat --format json` prints."""

    schema_version: int = SCHEMA_VERSION
    request: Machine
    builds: tuple[Row, ...]  # the best first
    best: Row | None  # None: nothing is known to run


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, what installs its best build, and what would help where there is none."""

    answer: Answer
    wheels: Wheels | None
    conda: Conda | None
    exclusions: tuple[str, ...]
    remedies: tuple[str, ...]


def ask(
    kb: Knowledge,
    *,
    gpu: Sequence[str] = (),
    sm: Sequence[str] = (),
    driver: str | None = None,
    python: str | None = None,
    glibc: str | None = None,
    platform: Platform | None = None,
    torch: str | None = None,
    cuda: str | None = None,
    here: Request | None = None,
) -> Request:
    """What the options ask; what they leave open is taken from `here`, this machine.

    Raises:
        UsageError: an option that makes no sense, alone or with the others.
    """
    cards = tuple(card(name, kb) for name in gpu) + tuple(_bare(text, kb) for text in sm)
    local = here.machine if here else Machine()
    if not cards and not local.gpus:
        found = "this machine has no NVIDIA GPU that answers: " if here else ""
        raise UsageError(
            f"{found}name the GPU with --gpu or --sm" + ("" if here else ", or --here")
        )
    machine = Machine(
        gpus=cards or local.gpus,
        driver=known_driver(driver, kb) if driver else local.driver,
        python=_python(python) if python else local.python,
        glibc=_number("--glibc", glibc) if glibc else local.glibc,
        platform=_platform(platform, cards, here, kb),
    )
    if machine.platform == "windows-x86_64":
        if glibc:
            raise UsageError("--glibc says nothing about windows-x86_64: leave it out")
        machine = replace(machine, glibc=None)
    same_platform = here is not None and machine.platform == here.machine.platform
    request = Request(
        machine=machine,
        torch=_specifier(torch) if torch else None,
        cuda=minor(_number("--cuda", cuda)) if cuda else None,
        wsl=same_platform and here is not None and here.wsl,
    )
    _check_builds(request, torch, kb)
    return request


def find(
    request: Request, judged: tuple[Judged, ...], kb: Knowledge, extra: tuple[str, ...] = ()
) -> Found:
    """The answer made of judged builds. `extra`: packages beside torch whose clashes are minded."""
    rows = tuple(_row(one, request, kb, extra) for one in judged)
    chosen = best(judged)
    return Found(
        answer=Answer(request=request.machine, builds=rows, best=rows[0] if chosen else None),
        wheels=wheels(chosen, kb, extra) if chosen else None,
        conda=conda(chosen, request, kb, extra) if chosen else None,
        exclusions=() if chosen else exclusions(judged, request),
        remedies=() if chosen else remedies(request, kb),
    )


def beside(names: Sequence[str], kb: Knowledge) -> tuple[str, ...]:
    """Packages that are to be installed beside torch and have known clashes.

    Raises:
        UsageError: no clash of such a package is known.
    """
    known = sorted({guard.subject for guard in kb.packages.guards} - {"torch"})
    for name in names:
        if name not in known:
            raise UsageError(
                f"--with {name}: no clash of it is known; known are {', '.join(known)}"
            )
    return tuple(names)


def _row(one: Judged, request: Request, kb: Knowledge, extra: tuple[str, ...]) -> Row:
    return Row(
        torch=one.build.torch,
        cuda=one.cuda,
        platform=one.build.platform,
        verdict=one.verdict,
        how=one.how,
        reasons=one.reasons,
        install=install(one, request, kb, extra),
    )


def card(name: str, kb: Knowledge) -> Card:
    """The GPU of that name.

    Raises:
        UsageError: no such GPU is known, or several are called so.
    """
    match = kb.gpu_by_name(name)
    if match.gpu is not None:
        return Card(match.gpu.name, match.gpu.sm)
    if match.how == "ambiguous":
        raise UsageError(
            f"--gpu {name}: several GPUs are called so: {', '.join(match.suggestions)}"
        )
    near = f": did you mean {', '.join(match.suggestions)}?" if match.suggestions else ""
    raise UsageError(f"--gpu {name}: no such GPU is known{near or '; --sm takes its capability'}")


def _bare(text: str, kb: Knowledge) -> Card:
    try:
        sm = Sm.parse(text).plain.dotted
    except SmError as error:
        raise UsageError(f"--sm {error}") from error
    if kb.gpus.arch(sm) is None:
        known = [arch.sm for arch in kb.gpus.archs]
        near = get_close_matches(sm, known, n=3, cutoff=0) or known
        raise UsageError(f"--sm {sm}: no such compute capability is known; near: {', '.join(near)}")
    return Card(None, sm)


def known_driver(text: str, kb: Knowledge) -> str:
    """A driver version as it is written.

    Raises:
        UsageError: no version, or older than every branch known.
    """
    version = _number("--driver", text)
    if kb.drivers.branch_of(version) is None:
        oldest = kb.drivers.branches[0].branch
        raise UsageError(
            f"--driver {text}: older than every branch known ({oldest}); a driver's version is like"
            f" {kb.drivers.branches[-1].last or oldest}, CUDA versions go with --cuda"
        )
    return version


def _python(text: str) -> str:
    match = _PYTHON.fullmatch(text.strip().lower())
    if match is None:
        raise UsageError(f"--python {text}: not a Python version such as 3.11 or 3.13t")
    return f"{match[1]}.{match[2]}{match[3]}"


def _number(option: str, text: str) -> str:
    try:
        order(text)
    except VersionError as error:
        raise UsageError(f"{option} {error}") from error
    return text.strip()


def _platform(
    wanted: Platform | None, cards: tuple[Card, ...], here: Request | None, kb: Knowledge
) -> Platform:
    """The platform asked for, or this machine's; with an Arm CPU the only one there is."""
    arm = [card for card in cards if _is_arm(card, kb)]
    if arm and wanted not in (None, _ARM):
        raise UsageError(f"--platform {wanted}: {arm[0]} is on {_ARM} only")
    if wanted is None and here is not None and not arm:
        return here.machine.platform
    return wanted or (_ARM if arm else _DEFAULT)


def _is_arm(card: Card, kb: Knowledge) -> bool:
    if card.name is None:
        arch = kb.gpus.arch(card.sm)
        return arch is not None and arch.integrated
    gpu = kb.gpu_by_name(card.name).gpu
    return gpu is not None and gpu.arm


def _specifier(text: str) -> str:
    """ "2.4" and "2.4.*" → "==2.4.*", "2.4.0+cu121" → "==2.4.0", ">=2.3,<2.5" as it is."""
    plain = text.strip().partition("+")[0]
    spec = plain
    if re.fullmatch(r"\d+(\.\d+)?", plain):
        spec = f"=={plain}.*"
    elif re.fullmatch(r"\d[\d.]*(\.\*)?", plain):
        spec = f"=={plain}"
    from packaging.specifiers import InvalidSpecifier

    try:
        within("0", spec)
    except InvalidSpecifier as error:
        raise UsageError(f'--torch {text}: write 2.4.0, "2.4.*" or ">=2.3,<2.5"') from error
    return spec


def _check_builds(request: Request, torch: str | None, kb: Knowledge) -> None:
    """Refuses a torch or a CUDA of which there is no build, and two that do not go together."""
    if candidates(request, kb):
        return
    platform = request.machine.platform
    releases = candidates(replace(request, cuda=None), kb)
    if not releases:
        known = list(dict.fromkeys(b.torch for b in candidates(_open(request), kb)))
        near = get_close_matches((torch or "").strip("=<>~!.* "), known, n=3, cutoff=0.5)
        hint = f"near: {', '.join(near)}" if near else f"known are {known[0]} to {known[-1]}"
        raise UsageError(f"--torch {torch}: no CUDA build for {platform} is known; {hint}")
    cudas = sorted({build.cuda or "" for build in releases}, key=order)
    what = f"torch {torch}" if torch else "torch"
    raise UsageError(
        f"--cuda {request.cuda}: there is no build of {what} for it on {platform};"
        f" there are {', '.join(cudas)}"
    )


def _open(request: Request) -> Request:
    return replace(request, torch=None, cuda=None)
