"""Checks of torchvision and torchaudio against the torch beside them. Pure."""

from collections.abc import Iterator

from envcheck.facts import Companion, Missing, PythonEnv, TorchBuild, known, or_none
from envcheck.finding import ERROR, Effect, Evidence, Finding, Remedy, seen, words
from envcheck.kb import Knowledge
from envcheck.kb.pep440 import violates
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.install import interpreter


@rule("TCH006", severity=ERROR, subject="torch")
def torchvision_mismatch(
    torch: TorchBuild, companion: Companion, python: PythonEnv | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """torchvision was compiled against another torch than the one installed.

    Why: torchvision's operators are C++ linked to one torch release. With another they are not
    registered (`operator torchvision::nms does not exist`) or the import fails with an undefined
    symbol.

    Confirm: pip names the conflict.

        python -m pip check

    Fix: install the torchvision that belongs to this torch.

    Sources: https://github.com/pytorch/vision#installation
    """
    yield from _unpaired("torchvision", torch, companion, python, kb)


@rule("TCH007", severity=ERROR, subject="torch")
def torchvision_cuda_mismatch(
    torch: TorchBuild, companion: Companion, python: PythonEnv | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """torchvision and torch are a pair, but built for different CUDA versions.

    Why: both wheels must come from one index. torchvision compares its CUDA major version with
    torch's when it is imported and refuses; a CPU torchvision beside a CUDA torch imports, and its
    operators fail on the GPU (`Could not run 'torchvision::nms' with arguments from the 'CUDA'
    backend`).

    Confirm: the parts behind the plus sign differ.

        python -c "import torch, torchvision; print(torch.__version__, torchvision.__version__)"

    Fix: install both from the same index.

    Sources: https://github.com/pytorch/vision/blob/main/torchvision/extension.py
    """
    yield from _other_cuda("torchvision", torch, companion, python, kb)


@rule("TCH008", severity=ERROR, subject="torch")
def torchaudio_mismatch(
    torch: TorchBuild, companion: Companion, python: PythonEnv | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """torchaudio was compiled against another torch than the one installed.

    Why: torchaudio's extension is linked to one torch release; with another its import fails with
    an undefined symbol.

    Confirm: pip names the conflict.

        python -m pip check

    Fix: install the torchaudio that belongs to this torch.

    Sources: https://pytorch.org/audio/stable/installation.html
    """
    yield from _unpaired("torchaudio", torch, companion, python, kb)


@rule("TCH009", severity=ERROR, subject="torch")
def torchaudio_cuda_mismatch(
    torch: TorchBuild, companion: Companion, python: PythonEnv | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """torchaudio and torch are a pair, but built for different CUDA versions.

    Why: torchaudio compares its CUDA version with torch's when it is imported and refuses to load
    (`Detected that PyTorch and TorchAudio were compiled with different CUDA versions`).

    Confirm: the parts behind the plus sign differ.

        python -c "import torch, torchaudio; print(torch.__version__, torchaudio.__version__)"

    Fix: install both from the same index.

    Sources: https://pytorch.org/audio/stable/installation.html
    """
    yield from _other_cuda("torchaudio", torch, companion, python, kb)


def _unpaired(
    name: str,
    torch: TorchBuild,
    companion: Companion,
    python: PythonEnv | Missing,
    kb: Knowledge,
) -> Iterator[Finding]:
    if companion.name != name:
        raise NotApplicable
    version, torch_version = known(companion.version), known(torch.version)
    pairs = _pinned(companion, torch_version)
    if pairs is None:
        pairs = kb.torch.fits(name, version.partition("+")[0], torch_version.partition("+")[0])
    if pairs is not False:
        return
    pin = or_none(companion.torch_pin)
    wanted = f" {name} {version} is made for torch {pin}." if pin else ""
    yield Finding(
        message=f"{name} {version} does not belong to torch {torch_version}.{wanted}",
        evidence=_both(torch, companion),
        remedy=pair(name, torch, python, kb),
    )


def _other_cuda(
    name: str,
    torch: TorchBuild,
    companion: Companion,
    python: PythonEnv | Missing,
    kb: Knowledge,
) -> Iterator[Finding]:
    if companion.name != name or isinstance(torch.hip, str) or isinstance(torch.xpu, str):
        raise NotApplicable
    ours, theirs = known(torch.cuda), known(companion.cuda)
    if ours == theirs or (ours and theirs and not differ(ours, theirs)):
        return
    if ours is None and name == "torchvision" and theirs is None:
        return
    yield Finding(
        message=f"{name} {words(companion.version)} is built for {_cuda(theirs)},"
        f" torch {words(torch.version)} for {_cuda(ours)}.",
        evidence=(*_both(torch, companion), *seen(torch, "cuda")),
        remedy=pair(name, torch, python, kb),
    )


def differ(one: str, other: str) -> bool:
    """Whether two CUDA versions differ in what both state; "12" and "12.1" do not."""
    return any(a != b for a, b in zip(one.split("."), other.split("."), strict=False))


def _cuda(version: str | None) -> str:
    return f"CUDA {version}" if version else "the CPU only"


def _pinned(companion: Companion, torch_version: str) -> bool | None:
    """Whether the companion's own metadata accepts this torch; None when it does not say."""
    pin = or_none(companion.torch_pin)
    return None if pin is None or "==" not in pin else not violates(torch_version, pin)


def _both(torch: TorchBuild, companion: Companion) -> tuple[Evidence, ...]:
    return (
        *seen(torch, "version"),
        Evidence(f"{companion.name}.version", words(companion.version), torch.source("version")),
        Evidence(f"{companion.name}.torch_pin", words(companion.torch_pin), "its metadata"),
    )


def pair(name: str, torch: TorchBuild, python: PythonEnv | Missing, kb: Knowledge) -> Remedy:
    """Installs the release of torchvision or torchaudio that was made for this torch."""
    version = (or_none(torch.version) or "").partition("+")[0]
    partner = kb.torch.pair(name, version)
    if partner is None:
        return Remedy(
            f"Install the {name} that belongs to this torch, or another torch with its {name}."
        )
    cuda = or_none(torch.cuda)
    return Remedy(
        f"Install {name} {partner}, from the index torch came from.",
        (
            f"{interpreter(python)} -m pip install --force-reinstall --no-deps {name}=={partner}"
            f" --index-url {kb.torch.index_url(cuda)}",
        ),
        "safe",
        (Effect(f"torch.companions.{name}.version", partner),),
    )
