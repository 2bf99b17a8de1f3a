"""Checks of the torch build against GPU and driver, and of its companions. Pure."""

from collections.abc import Iterator

from envcheck import compat
from envcheck.facts import (
    Container,
    Driver,
    Environment,
    Gpus,
    Host,
    Missing,
    PythonEnv,
    TorchBuild,
    Why,
    known,
    or_none,
)
from envcheck.finding import (
    ERROR,
    WARNING,
    Evidence,
    Finding,
    Remedy,
    gpu_subject,
    seen,
    words,
)
from envcheck.kb import Knowledge
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.common import gpu_names, visible
from envcheck.rules.install import install_torch, repair_torch


@rule("TCH001", severity=WARNING, subject="torch")
def torch_missing(
    torch: TorchBuild | Missing,
    python: PythonEnv,
    gpus: Gpus | Missing,
    driver: Driver | Missing,
    host: Host | Missing,
    container: Container | Missing,
    kb: Knowledge,
) -> Iterator[Finding]:
    """torch is not installed for the Python that was examined.

    Why: without torch there is nothing to judge against the GPU. Often it is installed, but for
    another interpreter than the one that was found.

    Confirm: the interpreter examined is named in the evidence; compare it with the one you start
    your program with.

        python -c "import sys; print(sys.executable)"

    Fix: examine the right interpreter with `envcheck doctor --python PATH`, or install torch into
    this one.

    Sources: https://pytorch.org/get-started/locally/
    """
    if not isinstance(torch, Missing):
        return
    if torch.why is not Why.ABSENT:
        known(torch)
    yield Finding(
        message=f"torch is not installed for {words(python.executable)}"
        f" (chosen by {words(python.chosen_by)}).",
        evidence=seen(python, "executable", "chosen_by"),
        remedy=install_torch(kb, gpus, driver, python, host, container, torch),
    )


@rule("TCH002", severity=ERROR, subject="torch")
def torch_broken(torch: TorchBuild, python: PythonEnv) -> Iterator[Finding]:
    """torch is only half installed: files that belong to it are gone.

    Why: an interrupted install, a full disk or a removal that stopped midway leaves a torch that
    cannot be imported, or that Python takes for an empty namespace package.

    Confirm: import it; the error names the missing file.

        python -c "import torch"

    Fix: install the same version again over it.

    Sources: https://pip.pypa.io/en/stable/cli/pip_install/
    """
    problem = known(torch.broken)
    if problem:
        yield Finding(
            message=f"torch {words(torch.version)} is half installed: {problem}.",
            evidence=seen(torch, "version", "broken"),
            remedy=repair_torch(torch, python),
        )


@rule("TCH003", severity=ERROR, subject="torch", decisive=True)
def arch_not_in_build(
    torch: TorchBuild,
    gpus: Gpus,
    environment: Environment | Missing,
    driver: Driver | Missing,
    python: PythonEnv | Missing,
    host: Host | Missing,
    container: Container | Missing,
    kb: Knowledge,
) -> Iterator[Finding]:
    """The torch build holds no code for this GPU's compute capability.

    Why: a CUDA program holds machine code (SASS) for some architectures. A GPU runs code of its
    own major version and the same or a lower minor version, and nothing else; only PTX could be
    compiled for a newer GPU, and release builds of torch hold none. `torch.cuda.is_available()` is
    True all the same, and the first kernel fails with `no kernel image is available for execution
    on the device`.

    Confirm: compare the two.

        nvidia-smi --query-gpu=name,compute_cap --format=csv

        python -c "import torch; print(torch.cuda.get_arch_list())"

    Fix: install a build that holds the architecture; `envcheck doctor` prints the command. Old GPUs
    need an older CUDA variant of torch, new ones a newer.

    Sources: https://docs.nvidia.com/cuda/cuda-c-programming-guide/#binary-compatibility
    https://github.com/pytorch/pytorch/blob/main/RELEASE.md
    """
    if torch.wants_cuda is False:
        raise NotApplicable
    shown = visible(gpus, environment)
    if not shown:
        raise NotApplicable
    sass, ptx = known(torch.sass), or_none(torch.ptx) or ()
    judged = [
        (gpu, _runs(torch, sass, ptx, gpu.sm, kb)) for gpu in shown if isinstance(gpu.sm, str)
    ]
    if not judged:
        known(shown[0].sm)
    bad = tuple(gpu for gpu, verdict in judged if not verdict.runs)
    if not bad:
        return
    all_bad = len(bad) == len(judged)
    reason = next(verdict.reason for _, verdict in judged if not verdict.runs)
    yield Finding(
        subject=gpu_subject(gpu.index for gpu in bad),
        severity=ERROR if all_bad else WARNING,
        message=f"torch {words(torch.version)} has no code for {gpu_names(bad)}: {reason}."
        + ("" if all_bad else " The other GPUs can run it."),
        evidence=(
            *seen(torch, "version", "sass", "ptx"),
            *(Evidence(f"gpu{gpu.index}.sm", words(gpu.sm), gpus.source("sm")) for gpu in bad[:1]),
        ),
        remedy=install_torch(kb, gpus, driver, python, host, container, torch),
    )


def _runs(
    torch: TorchBuild, sass: tuple[str, ...], ptx: tuple[str, ...], sm: str, kb: Knowledge
) -> compat.CodeVerdict:
    partial = or_none(torch.partial) or ()
    return compat.runs(sass, ptx, sm, cuda=or_none(torch.cuda), partial=partial, kb=kb)


@rule("TCH004", severity=ERROR, subject="torch", decisive=True)
def cpu_only_build(
    torch: TorchBuild,
    gpus: Gpus,
    driver: Driver | Missing,
    python: PythonEnv | Missing,
    host: Host | Missing,
    container: Container | Missing,
    kb: Knowledge,
) -> Iterator[Finding]:
    """torch is a CPU build on a machine that has an NVIDIA GPU.

    Why: `torch.cuda.is_available()` is False and everything runs on the CPU, whatever driver and
    toolkit are installed. Resolvers choose the CPU build when the CUDA one does not fit: conda
    without a CUDA pin, an index without wheels for this Python, Windows and some ARM wheels.

    Confirm: it prints None.

        python -c "import torch; print(torch.version.cuda)"

    Fix: install a CUDA build over it. Naming the same version without its CUDA variant changes
    nothing, since pip finds the requirement satisfied.

    Sources: https://pytorch.org/get-started/locally/
    """
    if not gpus.devices or _not_given(container, driver):
        raise NotApplicable
    if known(torch.cuda) is None and torch.hip is None and torch.xpu is None:
        yield Finding(
            message=f"torch {words(torch.version)} is a CPU build, and this machine has"
            f" {gpu_names(gpus.known_devices()) or 'an NVIDIA GPU'}.",
            evidence=seen(torch, "version", "cuda"),
            remedy=install_torch(kb, gpus, driver, python, host, container, torch),
        )


def _not_given(container: Container | Missing, driver: Driver | Missing) -> bool:
    """A container sees its host's GPUs on the bus, whether or not it was given any."""
    inside = not isinstance(container, Missing) and isinstance(container.runtime, str)
    return inside and not (isinstance(driver, Driver) and driver.nvml == "ok")


@rule("TCH005", severity=WARNING, subject="torch")
def library_without_arch(
    torch: TorchBuild, gpus: Gpus, environment: Environment | Missing
) -> Iterator[Finding]:
    """One of torch's side libraries holds no code for a GPU that torch itself supports.

    Why: torch keeps some kernels in libraries of their own, `libtorch_cuda_linalg.so` (MAGMA) being
    the largest. They are built for their own list of architectures: torch works, and
    `torch.linalg` fails with `no kernel image is available`.

    Confirm: envcheck prints both lists; or run a decomposition.

        python -c "import torch; torch.linalg.eig(torch.rand(64, 64, device='cuda'))"

    Fix: use a torch release whose library has the architecture, or choose cuSOLVER with
    `torch.backends.cuda.preferred_linalg_library("cusolver")` where it has the operation.

    Sources: https://pytorch.org/docs/stable/backends.html#torch.backends.cuda.preferred_linalg_library
    """
    if torch.wants_cuda is False:
        raise NotApplicable
    shown = [gpu for gpu in visible(gpus, environment) if isinstance(gpu.sm, str)]
    if not shown:
        raise NotApplicable
    sass, ptx = known(torch.sass), or_none(torch.ptx) or ()
    for library in known(torch.libraries):
        if not library.sass or library.name == "libtorch_cuda.so":
            continue
        bad = tuple(
            gpu
            for gpu in shown
            if compat.runs(sass, ptx, str(gpu.sm)).runs
            and not compat.runs((*library.sass, *library.partial), library.ptx, str(gpu.sm)).runs
        )
        if bad:
            yield Finding(
                subject=gpu_subject(gpu.index for gpu in bad),
                message=f"{library.name} of torch {words(torch.version)} has code for"
                f" {words(library.sass)}, none that {gpu_names(bad)} runs.",
                evidence=(
                    Evidence(library.name, words(library.sass), torch.source("sass")),
                    *seen(torch, "sass"),
                ),
                remedy=Remedy(
                    "Avoid what this library does (MAGMA linear algebra), or take a torch release"
                    " whose library has the architecture."
                ),
            )
