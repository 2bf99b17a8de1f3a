"""Checks of CUDA toolkits, which matter when something is compiled. Pure."""

from collections.abc import Iterator

from envcheck.facts import (
    Cuda,
    Environment,
    Gpu,
    Gpus,
    Host,
    Missing,
    Purpose,
    PythonEnv,
    TorchBuild,
    Why,
    absent,
    known,
    or_none,
)
from envcheck.finding import ERROR, NOTE, WARNING, Evidence, Finding, Remedy, seen, words
from envcheck.kb import Knowledge, Sm, SmError, order
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.common import gpu_names, visible
from envcheck.rules.install_cuda import ARCHIVE, best_toolkit, older_compiler, set_home, toolkit_of
from envcheck.rules.versions import ordered


@rule("CUD001", severity=WARNING, subject="cuda")
def cuda_home_malformed(cuda: Cuda, purpose: Purpose) -> Iterator[Finding]:
    """CUDA_HOME is not the folder of one CUDA toolkit.

    Why: builds take `$CUDA_HOME/bin/nvcc`. A variable extended like PATH (`:/usr/local/cuda`), a
    list of folders, the path of nvcc itself or a folder that is gone give `No such file or
    directory: ':/usr/local/cuda/bin/nvcc'`.

    Confirm: it prints nvcc's version.

        "$CUDA_HOME/bin/nvcc" --version

    Fix: set it to one folder that holds bin/nvcc, or unset it.

    Sources: https://pytorch.org/docs/stable/cpp_extension.html
    """
    home = known(cuda.home)
    if home is None:
        raise NotApplicable
    problem = _malformed(home)
    severity = ERROR if purpose == "build" else WARNING
    if problem is None and not _is_toolkit(home, cuda):
        problem = "there is no CUDA toolkit"
        severity = ERROR if purpose == "build" else NOTE  # unused, and harmless, at run time
    if problem:
        yield Finding(
            severity=severity,
            message=f"{cuda.source('home') or 'CUDA_HOME'} is {home!r}: {problem}.",
            evidence=seen(cuda, "home", "nvcc_path"),
            remedy=set_home(best_toolkit(cuda, None), cuda),
        )


def _malformed(home: str) -> str | None:
    if ":" in home or ";" in home:
        return "one folder was expected, not a list"
    if home.rstrip("/").endswith("/nvcc"):
        return "the toolkit's folder was expected, not its compiler"
    if not home.startswith("/"):
        return "an absolute path was expected"
    return None


def _is_toolkit(home: str, cuda: Cuda) -> bool:
    """Whether a toolkit was found there; its folder may have another name, links followed."""
    return isinstance(cuda.nvcc_path, str) or any(
        toolkit.path == home.rstrip("/") or toolkit.origin in ("CUDA_HOME", "CUDA_PATH")
        for toolkit in known(cuda.toolkits)
    )


@rule("CUD002", severity=ERROR, subject="cuda")
def nvcc_toolkit_mismatch(
    cuda: Cuda, torch: TorchBuild, python: PythonEnv | Missing, purpose: Purpose, kb: Knowledge
) -> Iterator[Finding]:
    """nvcc is of another CUDA version than the one torch was built with.

    Why: this matters only while an extension is compiled: torch refuses another major version
    (`The detected CUDA version mismatches the version that was used to compile PyTorch`) and
    accepts another minor one with a warning. Installed wheels bring their own CUDA and need no
    nvcc at all.

    Confirm: compare the two.

        nvcc --version

        python -c "import torch; print(torch.version.cuda)"

    Fix: put a toolkit of torch's version beside the present one and set CUDA_HOME to it, or install
    the torch build for this toolkit's version.

    Sources: https://github.com/pytorch/pytorch/blob/main/torch/utils/cpp_extension.py
    https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html
    """
    wanted = known(torch.cuda)
    if wanted is None:
        raise NotApplicable
    if isinstance(cuda.nvcc_version, Missing) and cuda.nvcc_version.why is Why.ABSENT:
        raise NotApplicable
    here, there = ordered(cuda.nvcc_version), ordered(wanted)
    if here[0] == there[0] and (here == there or kb.cuda.floor(wanted)):
        return  # within one major version torch only warns, from the first with a common floor on
    yield Finding(
        severity=ERROR if purpose == "build" else NOTE,
        message=f"nvcc is CUDA {words(cuda.nvcc_version)}, torch {words(torch.version)} was built"
        f" with {wanted}."
        + ("" if purpose == "build" else " It matters only when extensions are compiled."),
        evidence=(*seen(cuda, "nvcc_path", "nvcc_version"), *seen(torch, "cuda")),
        remedy=toolkit_of(wanted, cuda, python),
    )


@rule("CUD003", severity=ERROR, subject="cuda")
def nvcc_too_old_for_gpu(
    cuda: Cuda,
    gpus: Gpus,
    torch: TorchBuild | Missing,
    environment: Environment | Missing,
    python: PythonEnv | Missing,
    purpose: Purpose,
    kb: Knowledge,
) -> Iterator[Finding]:
    """nvcc cannot compile for this GPU's compute capability.

    Why: an extension build asks nvcc for the architecture of the visible GPU (as far as torch
    itself holds it) unless TORCH_CUDA_ARCH_LIST names others. An older nvcc does not know new
    architectures, a newer one drops old ones: `nvcc fatal : Unsupported gpu architecture`.

    Confirm: the list holds the GPU's.

        nvcc --list-gpu-arch

    Fix: use a toolkit that compiles for the GPU, of the major version torch was built with.

    Sources: https://docs.nvidia.com/cuda/cuda-compiler-driver-nvcc/index.html#gpu-feature-list
    https://github.com/pytorch/pytorch/blob/main/torch/utils/cpp_extension.py
    """
    shown = visible(gpus, environment)
    chosen = None if isinstance(environment, Missing) else environment.get("TORCH_CUDA_ARCH_LIST")
    if not shown or chosen:
        raise NotApplicable
    if isinstance(cuda.nvcc_version, Missing) and cuda.nvcc_version.why is Why.ABSENT:
        raise NotApplicable
    ordered(cuda.nvcc_version)
    release = words(cuda.nvcc_version)
    limit = None if isinstance(torch, Missing) else _newest_of_torch(torch)
    bad: list[Gpu] = []
    needed = ""
    for gpu in shown:
        sm = Sm.parse(known(gpu.sm))
        verdict = kb.cuda.nvcc_targets(release, min(sm, limit) if limit else sm)
        if verdict.compiles is False:
            bad.append(gpu)
            side = "newer" if verdict.how == "too-old" else "older"
            needed = f"CUDA {verdict.cuda} or {side}"
    if bad:
        yield Finding(
            severity=ERROR if purpose == "build" else NOTE,
            message=f"nvcc {release} cannot compile for {gpu_names(tuple(bad))}:"
            f" {needed} is needed.",
            evidence=(
                *seen(cuda, "nvcc_path", "nvcc_version"),
                Evidence(f"gpu{bad[0].index}.sm", words(bad[0].sm), gpus.source("sm")),
            ),
            remedy=toolkit_of(
                None if isinstance(torch, Missing) else or_none(torch.cuda), cuda, python, needed
            ),
        )


def _newest_of_torch(torch: TorchBuild) -> Sm | None:
    """The newest architecture torch holds: builds go no further, whatever the GPU is."""
    found = []
    for name in or_none(torch.sass) or ():
        try:
            found.append(Sm.parse(name).plain)
        except SmError:
            continue
    return max(found, default=None)


@rule("CUD004", severity=ERROR, subject="cuda")
def host_compiler_too_new_for_nvcc(
    cuda: Cuda, host: Host, python: PythonEnv | Missing, purpose: Purpose, kb: Knowledge
) -> Iterator[Finding]:
    """The C++ compiler or glibc is newer than this nvcc accepts.

    Why: nvcc hands host code to g++ or clang and refuses versions newer than itself: `unsupported
    GNU version! gcc versions later than 12 are not supported!`. A newer glibc breaks every host
    compiler, since its headers clash with CUDA's own declarations (`exception specification is
    incompatible`).

    Confirm: compare with the table of the CUDA installation guide.

        c++ --version

        ldd --version

    Fix: install an older compiler beside the present one and name it in CC and CXX, or use a newer
    toolkit.

    Sources: https://docs.nvidia.com/cuda/cuda-installation-guide-linux/#host-compiler-support-policy
    """
    if purpose != "build" or _no_nvcc(cuda):
        raise NotApplicable
    version = words(cuda.nvcc_version)
    ordered(cuda.nvcc_version)
    limits = kb.cuda.nvcc(version)
    if limits is None:
        known(absent(f"the limits of nvcc {version} are not known"))
        return
    compiler = known(cuda.host_compiler)
    limit = limits.gcc if compiler.family == "gcc" else limits.clang
    if limit is not None and ordered(compiler.version)[0] > limit:
        yield Finding(
            message=f"{compiler.path or compiler.family} is {compiler.family} {compiler.version};"
            f" nvcc {version} accepts {compiler.family} {limit} at most.",
            evidence=(
                Evidence("host compiler", compiler.version, cuda.source("host_compiler")),
                *seen(cuda, "nvcc_path", "nvcc_version"),
            ),
            remedy=older_compiler(limit, compiler.family, host, python),
        )
    if limits.glibc and isinstance(host.glibc, str) and ordered(host.glibc) > order(limits.glibc):
        yield Finding(
            message=f"This system has glibc {host.glibc}; nvcc {version} compiles with glibc"
            f" {limits.glibc} at most, whatever the compiler.",
            evidence=(*seen(host, "glibc"), *seen(cuda, "nvcc_path", "nvcc_version")),
            remedy=Remedy(
                f"Use a newer toolkit, {ARCHIVE}, or compile in a container with an older system."
            ),
        )


@rule("CUD005", severity=ERROR, subject="cuda")
def nvcc_missing(
    cuda: Cuda, torch: TorchBuild | Missing, python: PythonEnv | Missing, purpose: Purpose
) -> Iterator[Finding]:
    """Something is to be compiled for CUDA, and no nvcc was found.

    Why: torch's wheels hold the CUDA libraries, not the compiler. An extension build looks for nvcc
    in CUDA_HOME, on PATH and in /usr/local/cuda, and stops with `CUDA_HOME environment variable is
    not set`.

    Confirm: it prints nothing.

        command -v nvcc

    Fix: install the CUDA toolkit of the version torch was built with, or set CUDA_HOME to it.

    Sources: https://developer.nvidia.com/cuda-toolkit-archive
    https://pytorch.org/docs/stable/cpp_extension.html
    """
    if purpose != "build":
        raise NotApplicable
    wanted = None if isinstance(torch, Missing) else or_none(torch.cuda)
    if wanted is None and not isinstance(torch, Missing):
        raise NotApplicable  # an extension of a CPU build is compiled without nvcc
    if not isinstance(cuda.nvcc_path, Missing):
        return
    if not _no_nvcc(cuda):
        known(cuda.nvcc_path)
    yield Finding(
        message="No nvcc was found in CUDA_HOME, on PATH or in /usr/local/cuda.",
        evidence=seen(cuda, "nvcc_path", "home"),
        remedy=toolkit_of(wanted, cuda, python),
    )


def _no_nvcc(cuda: Cuda) -> bool:
    return isinstance(cuda.nvcc_path, Missing) and cuda.nvcc_path.why is Why.ABSENT
