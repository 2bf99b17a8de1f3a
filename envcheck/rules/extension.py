"""Checks of compiled extensions against the torch and the GPUs they are to run with. Pure.

One finding a package, of the most precise cause: `linkage.cause_of` decides which.
"""

from collections.abc import Iterator

from envcheck.facts import (
    Cuda,
    Driver,
    Environment,
    Extension,
    Extensions,
    Gpus,
    Missing,
    PythonEnv,
    TorchBuild,
    known,
    or_none,
)
from envcheck.finding import ERROR, NOTE, Evidence, Finding, gpu_subject, words
from envcheck.kb import Knowledge
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.common import gpu_names, visible
from envcheck.rules.linkage import (
    abi_name,
    abi_words,
    cause_of,
    evidence,
    families,
    other_cuda,
    runs_on,
    short,
    title,
    torch_runs_on,
    unresolved,
)
from envcheck.rules.rebuild import rebuild

SHOWN = 3  # files named as evidence


@rule("EXT001", severity=ERROR, subject="extension")
def extension_built_for_other_torch(
    extension: Extension,
    torch: TorchBuild,
    python: PythonEnv | Missing,
    gpus: Gpus | Missing,
    environment: Environment | Missing,
    cuda: Cuda | Missing,
    kb: Knowledge,
) -> Iterator[Finding]:
    """A compiled extension needs functions that the installed torch does not have.

    Why: torch's C++ interface changes with every release, and an extension is linked to the names
    of the release it was compiled against. With another one its import ends with
    `ImportError: … undefined symbol: _ZN3c10…`, or it crashes when the function is first called.

    Confirm: import it; the error names the first symbol, mangled, and `c++filt` makes it readable.

        python -c "import torch, detectron2._C"

    Fix: compile the extension again against the torch that is installed, or install the release of
    it, or the torch, that belong together. Without `--no-build-isolation` pip compiles against a
    torch of its own choice.

    Sources: https://pytorch.org/docs/stable/cpp_extension.html
    """
    if cause_of(extension, torch) == "other torch":
        yield Finding(
            message=f"{title(extension)} was compiled against another torch than"
            f" {words(torch.version)}: {unresolved(extension)}.{abi_words(extension)}",
            evidence=evidence(extension),
            remedy=rebuild(extension, torch, python, gpus, environment, cuda, kb),
        )


@rule("EXT002", severity=ERROR, subject="extension")
def cxx11_abi_mismatch(
    extension: Extension,
    extensions: Extensions,
    torch: TorchBuild,
    python: PythonEnv | Missing,
    gpus: Gpus | Missing,
    environment: Environment | Missing,
    cuda: Cuda | Missing,
    kb: Knowledge,
) -> Iterator[Finding]:
    """A compiled extension and torch were built with different C++ ABIs of std::string.

    Why: libstdc++ has two std::string types, chosen when compiling with `_GLIBCXX_USE_CXX11_ABI`.
    The names of functions that take one differ, so torch's are not found:
    `undefined symbol: …Ss…` or `…St7__cxx1112basic_string…`. Torch's own wheels changed from the
    old to the new one, and conda's builds have long had the new one. In a mangled name `Ss` stands
    for the old std::string, as in `parseSchemaOrNameERKSsb`.

    Confirm: torch prints True for the new ABI; envcheck prints the extension's.

        python -c "import torch; print(torch.compiled_with_cxx11abi_name())"

        envcheck inspect detectron2

    Fix: compile the extension again: torch.utils.cpp_extension then sets the ABI of the torch that
    is installed.

    Sources: https://gcc.gnu.org/onlinedocs/libstdc++/manual/using_dual_abi.html
    https://pytorch.org/docs/stable/cpp_extension.html
    """
    if cause_of(extension, torch) == "abi":
        ours = known(extensions.torch_cxx11_abi)
        yield Finding(
            message=f"{title(extension)} was compiled with the {abi_name(not ours)}, torch"
            f" {words(torch.version)} with the {abi_name(ours)}: {unresolved(extension)}."
            f"{abi_words(extension)}",
            evidence=(
                *evidence(extension),
                Evidence("torch.cxx11_abi", words(ours), extensions.source("torch_cxx11_abi")),
            ),
            remedy=rebuild(extension, torch, python, gpus, environment, cuda, kb),
        )


@rule("EXT003", severity=ERROR, subject="extension")
def extension_arch_missing(
    extension: Extension,
    torch: TorchBuild,
    gpus: Gpus,
    driver: Driver | Missing,
    environment: Environment | Missing,
    python: PythonEnv | Missing,
    cuda: Cuda | Missing,
    kb: Knowledge,
) -> Iterator[Finding]:
    """A compiled extension holds no GPU code that this GPU runs.

    Why: an extension is compiled for the GPUs that were visible then, or for those
    `TORCH_CUDA_ARCH_LIST` named: moved to another machine, or built in an image without a GPU, it
    imports and its first kernel ends with `no kernel image is available for execution on the
    device`. Only a note when some libraries or kernels of the package fit: many packages have
    kernels for one architecture only and do without them elsewhere.

    Confirm: envcheck prints the architectures the file holds.

        envcheck inspect detectron2

    Fix: compile it again with `TORCH_CUDA_ARCH_LIST` naming the compute capability of every GPU it
    is to run on.

    Sources: https://pytorch.org/docs/stable/cpp_extension.html
    https://docs.nvidia.com/cuda/cuda-c-programming-guide/#binary-compatibility
    """
    files = [file for file in known(extension.files) if file.fatbins]
    known_sm = [gpu for gpu in visible(gpus, environment) if isinstance(gpu.sm, str)]
    # A GPU that torch itself has no code for is arch_not_in_build's to tell.
    shown = [gpu for gpu in known_sm if torch_runs_on(gpu, torch, kb)]
    if not files or not shown or torch.wants_cuda is False or cause_of(extension, torch):
        raise NotApplicable
    version = None if isinstance(driver, Missing) else or_none(driver.version)
    groups = families(files)
    unfit = [
        (group, gpu)
        for group in groups
        for gpu in shown
        if not runs_on(group, gpu, torch, version, kb)
    ]
    if not unfit:
        return
    bad = tuple(dict.fromkeys(gpu for _, gpu in unfit))
    every = all((group, gpu) in unfit for group in groups for gpu in bad)
    in_part = any(runs_on(group, gpu, torch, version, kb, in_part=True) for group, gpu in unfit)
    whole = every and not in_part
    lacking = tuple(dict.fromkeys(file for group, _ in unfit for file in group))
    holds = tuple(dict.fromkeys(arch for file in lacking for arch in (*file.sass, *file.ptx)))
    yield Finding(
        subject=gpu_subject(gpu.index for gpu in bad),
        severity=ERROR if whole else NOTE,
        message=f"{title(extension)} has {'no code' if whole else 'kernels without code'} for"
        f" {gpu_names(bad)}: {short(lacking[0])} holds {words(holds)}.",
        evidence=tuple(
            Evidence(short(file), words((*file.sass, *file.ptx, *file.partial)), file.path)
            for file in lacking[:SHOWN]
        ),
        remedy=rebuild(extension, torch, python, gpus, environment, cuda, kb),
    )


@rule("EXT004", severity=ERROR, subject="extension")
def extension_built_without_cuda(
    extension: Extension,
    torch: TorchBuild,
    gpus: Gpus,
    environment: Environment | Missing,
    python: PythonEnv | Missing,
    cuda: Cuda | Missing,
    kb: Knowledge,
) -> Iterator[Finding]:
    """A package that has CUDA kernels was compiled without them.

    Why: setup scripts ask `torch.cuda.is_available()`. In an image build, or on a login node, it is
    False, and they compile the CPU code alone without a word. The import works; the first
    operation on the GPU ends with `Not compiled with GPU support` or `not implemented for CUDA`.

    Confirm: envcheck prints no GPU code and no CUDA runtime for its libraries.

        envcheck inspect detectron2

    Fix: compile it again where nvcc is, and force the CUDA part with the variable its setup script
    reads, mostly `FORCE_CUDA=1`.

    Sources: https://github.com/facebookresearch/detectron2/blob/main/setup.py
    https://github.com/open-mmlab/mmcv/blob/main/setup.py
    """
    files = known(extension.files)
    paired = (getattr(each, "name", "") for each in or_none(torch.companions) or ())
    if extension.name in paired or not torch.wants_cuda or not visible(gpus, environment):
        raise NotApplicable
    if cause_of(extension, torch) or kb.extensions.find(extension.name) is None:
        raise NotApplicable
    if files and not any(file.uses_cuda for file in files):
        yield Finding(
            message=f"{title(extension)} was compiled without its CUDA kernels: no GPU code, no"
            f" CUDA runtime, and torch {words(torch.version)} is a CUDA build.",
            evidence=tuple(
                Evidence(short(file), "no GPU code", file.path) for file in files[:SHOWN]
            ),
            remedy=rebuild(extension, torch, python, gpus, environment, cuda, kb),
        )


@rule("EXT005", severity=ERROR, subject="extension")
def extension_built_for_other_cuda(
    extension: Extension,
    torch: TorchBuild,
    python: PythonEnv | Missing,
    gpus: Gpus | Missing,
    environment: Environment | Missing,
    cuda: Cuda | Missing,
    kb: Knowledge,
) -> Iterator[Finding]:
    """A compiled extension is linked to another CUDA major version than torch, or torch has none.

    Why: torch brings the CUDA runtime of its own major version. An extension built for another asks
    for a library that is not there (`libcudart.so.11.0: cannot open shared object file`), or loads
    a second runtime whose structures differ. Beside a CPU build of torch it is `libc10_cuda.so`
    that is not there.

    Confirm: compare the runtime it is linked to with torch's.

        envcheck inspect detectron2

        python -c "import torch; print(torch.version.cuda)"

    Fix: compile it again with the nvcc of torch's CUDA, or install the wheel made for it.

    Sources: https://docs.nvidia.com/cuda/cuda-c-best-practices-guide/#cuda-compatibility-and-upgrades
    """
    paired = (getattr(each, "name", "") for each in or_none(torch.companions) or ())
    if extension.name in paired:  # torchvision_cuda_mismatch says it better
        raise NotApplicable
    if cause_of(extension, torch) == "other cuda":
        linked = [file for file in known(extension.files) if other_cuda(file, torch)]
        stated = (file.cuda_compiler or file.cudart for file in linked)
        runtime = next((version for version in stated if version not in (None, "static")), "")
        own = or_none(torch.cuda)
        yield Finding(
            message=f"{title(extension)} is linked to CUDA{f' {runtime}' if runtime else ''}, torch"
            f" {words(torch.version)} is built for {f'CUDA {own}' if own else 'no CUDA'}.",
            evidence=tuple(
                Evidence(f"{short(file)}.cudart", words(file.cudart), file.path)
                for file in linked[:SHOWN]
            ),
            remedy=rebuild(extension, torch, python, gpus, environment, cuda, kb),
        )
