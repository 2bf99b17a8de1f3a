"""Checks of a package with a compiled module beside the CUDA versions around it. Pure."""

from collections.abc import Iterator

from envcheck.facts import (
    Companion,
    Cuda,
    Environment,
    Extension,
    Gpus,
    Missing,
    PythonEnv,
    TorchBuild,
    Why,
    known,
    or_none,
)
from envcheck.finding import ERROR, NOTE, Evidence, Finding, Remedy, words
from envcheck.kb import Knowledge
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.companion import differ
from envcheck.rules.linkage import cause_of, title
from envcheck.rules.rebuild import rebuild


@rule("EXT011", severity=NOTE, subject="extension")
def cuda_versions_differ(
    extension: Extension,
    torch: TorchBuild,
    python: PythonEnv | Missing,
    gpus: Gpus | Missing,
    environment: Environment | Missing,
    cuda: Cuda | Missing,
    kb: Knowledge,
) -> Iterator[Finding]:
    """The CUDA versions of torch, of a compiled package, of torchvision and of nvcc differ.

    Why: torch, the package and torchvision meet in one process; nvcc matters when one of them is
    compiled again. Minor versions of one major version run together from CUDA 11 on, so this alone
    is a note: what does not run together is an error of its own.

    Confirm: it prints the first two.

        python -c "import torch, detectron2._C as c; print(torch.version.cuda, c.get_cuda_version())"

    Fix: compile the package again with the nvcc of torch's CUDA.

    Sources: https://detectron2.readthedocs.io/en/latest/tutorials/install.html#common-installation-issues
    https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html
    """  # noqa: E501
    row = kb.extensions.find(extension.name)
    wanted = or_none(torch.cuda)
    if row is None or not row.library or wanted is None:
        raise NotApplicable
    versions = {"torch": wanted, **_around(extension, torch, cuda)}
    others = [name for name, version in versions.items() if differ(version, wanted)]
    if not others:
        return
    # Where it cannot be loaded at all, that finding brings the command.
    rebuilt = extension.name in others and not cause_of(extension, torch)
    yield Finding(
        message="CUDA versions are inconsistent: "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + ".",
        evidence=tuple(Evidence(f"{name} CUDA", version, "") for name, version in versions.items()),
        remedy=rebuild(extension, torch, python, gpus, environment, cuda, kb) if rebuilt else None,
    )


def _around(extension: Extension, torch: TorchBuild, cuda: Cuda | Missing) -> dict[str, str]:
    """Known CUDA versions beside torch's; only the major one where a file tells no more."""
    found = {}
    for file in or_none(extension.files) or ():
        runtime = file.cudart if file.cudart and file.cudart.isdecimal() else ""
        if file.cuda_compiler or runtime:
            found[extension.name] = file.cuda_compiler or runtime
            break
    for companion in or_none(torch.companions) or ():
        if isinstance(companion, Companion) and isinstance(companion.cuda, str):
            found[companion.name] = companion.cuda
    if not isinstance(cuda, Missing) and isinstance(cuda.nvcc_version, str):
        found["nvcc"] = cuda.nvcc_version
    return found


@rule("EXT012", severity=ERROR, subject="extension")
def extension_without_torch(extension: Extension, torch: TorchBuild | Missing) -> Iterator[Finding]:
    """A package is linked to torch, and there is no torch.

    Why: torch was removed, or never installed for this interpreter. The import ends with
    `ModuleNotFoundError: No module named 'torch'` or `libc10.so: cannot open shared object file`.

    Confirm: the import fails.

        python -c "import torch"

    Fix: install torch; which build fits, `envcheck doctor` says. Compiled packages have to be
    compiled again unless it is the release they were compiled against.

    Sources: https://pytorch.org/get-started/locally/
    """
    linked = [file for file in known(extension.files) if file.links_torch]
    if not linked:
        raise NotApplicable
    if isinstance(torch, Missing):
        if torch.why is not Why.ABSENT:
            known(torch)
        yield Finding(
            message=f"{title(extension)} is linked to torch, which is not installed.",
            evidence=tuple(Evidence("torch", words(torch), file.path) for file in linked[:1]),
            remedy=Remedy(
                f"Install torch, then compile {extension.name} again against it.",
                ("envcheck doctor --select torch_missing",),
            ),
        )
    elif or_none(torch.broken):
        raise NotApplicable  # torch_broken says it
