"""Remedies for CUDA toolkits and host compilers, worked out for this machine. Pure."""

import shlex

from envcheck.facts import Cuda, Host, Missing, PythonEnv, Toolkit, or_none
from envcheck.finding import Effect, Remedy, words
from envcheck.kb import minor

ARCHIVE = "https://developer.nvidia.com/cuda-toolkit-archive"


def best_toolkit(cuda: Cuda, version: str | None) -> Toolkit | None:
    """A toolkit on this machine that can compile: of that version, or of any for None."""
    whole = [toolkit for toolkit in or_none(cuda.toolkits) or () if toolkit.nvcc is True]
    if version is None:
        return whole[0] if whole else None
    return next(
        (t for t in whole if isinstance(t.version, str) and minor(t.version) == minor(version)),
        None,
    )


def set_home(toolkit: Toolkit | None, cuda: Cuda) -> Remedy:
    if toolkit is None:
        variable = cuda.source("home")
        names = variable if variable in ("CUDA_HOME", "CUDA_PATH") else "CUDA_HOME"
        return Remedy(
            "Unset it; no toolkit is needed to run torch.",
            (f"unset {names}",),
            "safe",
            (Effect("cuda.home", None),),
        )
    return _use(toolkit)


def _use(toolkit: Toolkit) -> Remedy:
    folder = shlex.quote(toolkit.path)
    return Remedy(
        f"Use the toolkit in {toolkit.path}.",
        (f"export CUDA_HOME={folder}", 'export PATH="$CUDA_HOME/bin:$PATH"'),
        "safe",
        (
            Effect("cuda.home", toolkit.path),
            Effect("cuda.nvcc_path", f"{toolkit.path}/bin/nvcc"),
            Effect("cuda.nvcc_version", or_none(toolkit.version)),
        ),
    )


def toolkit_of(
    version: str | None, cuda: Cuda, python: PythonEnv | Missing, needed: str = ""
) -> Remedy:
    """Use the toolkit of torch's version that is here, or install one."""
    here = best_toolkit(cuda, version) if version else None
    if here and here.version != cuda.nvcc_version:
        return _use(here)
    wanted = needed or (f"CUDA {version}" if version else "the CUDA version of your torch")
    if version and not needed and not isinstance(python, Missing) and python.manager == "conda":
        prefix = shlex.quote(words(python.prefix))
        return Remedy(
            f"Install the compiler of {wanted} into the conda environment.",
            (f"conda install -p {prefix} -c nvidia cuda-toolkit={minor(version)}",),
            "safe",
            (Effect("cuda.nvcc_version", minor(version)),),
        )
    return Remedy(
        f"Install the toolkit of {wanted} beside what is there, {ARCHIVE} (the toolkit only, not"
        " its driver), and set CUDA_HOME to its folder."
    )


def older_compiler(limit: int, family: str, host: Host, python: PythonEnv | Missing) -> Remedy:
    name, plus = ("gcc", "g++") if family == "gcc" else ("clang", "clang++")
    if family == "gcc" and not isinstance(python, Missing) and python.manager == "conda":
        return Remedy(
            f"Install gcc {limit} into the conda environment and activate it again.",
            (
                f"conda install -p {shlex.quote(words(python.prefix))} -c conda-forge"
                f" gxx_linux-64={limit}",
            ),
            "safe",
        )
    use = f"export CC={name}-{limit} CXX={plus}-{limit} NVCC_PREPEND_FLAGS='-ccbin {plus}-{limit}'"
    if host.os_id in ("ubuntu", "debian"):
        packages = f"{name}-{limit}" + (f" {plus}-{limit}" if family == "gcc" else "")
        return Remedy(
            f"Install {name} {limit} beside the present one and let the build use it.",
            (f"sudo apt-get install {packages}", use),
            "root",
        )
    return Remedy(f"Install {name} {limit} and let the build use it.", (use,))
