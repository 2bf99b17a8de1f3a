"""The table of detectron2's own `collect_env`, from facts instead of imports, and what was found.

Its rows have the same names, so that it can be pasted where that one is asked for.
"""

import posixpath
from collections.abc import Iterator

from envcheck.facts import (
    Companion,
    Cuda,
    Environment,
    Extension,
    Extensions,
    Missing,
    PythonEnv,
    Snapshot,
    TorchBuild,
    Why,
    absent,
    or_none,
)
from envcheck.finding import words
from envcheck.render.extension import PACKAGE, architectures, cuda_compiler, package_rows
from envcheck.render.style import Style, plain
from envcheck.render.summary import summary
from envcheck.render.text import judged
from envcheck.report import Report

CV2 = ("opencv-python", "opencv-python-headless", "opencv-contrib-python",
       "opencv-contrib-python-headless", "opencv", "py-opencv", "libopencv")  # fmt: skip
LIBRARIES = ("nvidia-cudnn", "nvidia-nccl")  # of torch's pins: "nvidia-cudnn-cu12"

Rows = Iterator[tuple[str, str]]


def render(report: Report, style: Style) -> str:
    """The table, what torch was built with, then findings and verdict; ends in a newline."""
    proofs = summary(Snapshot(trials=report.snapshot.trials))
    told = (*table(report.snapshot), *proofs)
    rows = [(plain(name), plain(value)) for name, value in told]
    left, right = (max(len(row[side]) for row in rows) for side in (0, 1))
    line = f"{'-' * left}  {'-' * right}"
    body = [f"{style.paint(name.ljust(left), 'bold')}  {value}" for name, value in rows]
    lines = [line, *body, line, *_built_with(report.snapshot.torch), "", *judged(report, style)]
    return "\n".join(lines) + "\n"


def table(snapshot: Snapshot) -> Rows:
    """(name, value) of every row, those of detectron2's collect_env first to last."""
    python = snapshot.python
    extension = _extension(snapshot.extensions)
    torch = None if isinstance(snapshot.torch, Missing) else snapshot.torch
    if not isinstance(snapshot.host, Missing):
        yield "sys.platform", words(snapshot.host.platform)
    yield from _interpreter(python)
    yield "numpy", _version(python, "numpy")
    yield from package_rows(extension, torch, snapshot.cuda)
    yield "DETECTRON2_ENV_MODULE", _variable(snapshot, "DETECTRON2_ENV_MODULE") or "<not set>"
    yield from _torch(snapshot)
    yield from _gpus(snapshot)
    yield from _cuda(snapshot.cuda)
    yield from _cuda_versions(snapshot, extension)
    archs = _variable(snapshot, "TORCH_CUDA_ARCH_LIST")
    if archs:
        yield "TORCH_CUDA_ARCH_LIST", archs
    yield "Pillow", _pinned(python, extension, "pillow", "pillow-simd")
    yield from _torchvision(snapshot, python)
    yield "fvcore", _pinned(python, extension, "fvcore")
    yield "iopath", _pinned(python, extension, "iopath")
    yield "cv2", _version(python, *CV2)
    yield "setuptools", _version(python, "setuptools")


def _interpreter(python: PythonEnv | Missing) -> Rows:
    if isinstance(python, Missing):
        yield "Python", str(python)
    else:
        yield "Python", f"{words(python.version)} ({words(python.tag)}) @{words(python.executable)}"


def _extension(extensions: Extensions | Missing) -> Extension | Missing:
    packages = extensions if isinstance(extensions, Missing) else extensions.packages
    if isinstance(packages, Missing):
        return packages
    found = (each for each in packages if isinstance(each, Extension) and each.name == PACKAGE)
    return next(found, absent("not installed"))


def _torch(snapshot: Snapshot) -> Rows:
    torch = snapshot.torch
    if isinstance(torch, Missing):
        yield "PyTorch", "not installed" if torch.why is Why.ABSENT else str(torch)
        return
    path = or_none(torch.path)
    broken = or_none(torch.broken)
    where = (f" @{path}" if path else "") + (f" - broken: {broken}" if broken else "")
    yield "PyTorch", f"{words(torch.version)}{where}"
    if isinstance(torch.debug, bool):
        yield "PyTorch debug build", str(torch.debug)
    extensions = snapshot.extensions
    if not isinstance(extensions, Missing) and isinstance(extensions.torch_cxx11_abi, bool):
        yield "torch._C._GLIBCXX_USE_CXX11_ABI", str(extensions.torch_cxx11_abi)


def _gpus(snapshot: Snapshot) -> Rows:
    obstacle = _obstacle(snapshot)
    yield "GPU available", f"No: {obstacle}" if obstacle else "Yes"
    groups: dict[str, list[str]] = {}
    devices = () if isinstance(snapshot.gpus, Missing) else snapshot.gpus.known_devices()
    for gpu in devices:
        arch = f" (arch={gpu.sm})" if isinstance(gpu.sm, str) else ""
        groups.setdefault(f"{words(gpu.name)}{arch}", []).append(str(gpu.index))
    for name, indices in groups.items():
        yield f"GPU {','.join(indices)}", name
    if not isinstance(snapshot.driver, Missing) and isinstance(snapshot.driver.version, str):
        yield "Driver version", words(snapshot.driver.version)


def _obstacle(snapshot: Snapshot) -> str:
    """Why torch would see no GPU; "" when nothing known stands in its way."""
    torch, driver, gpus = snapshot.torch, snapshot.driver, snapshot.gpus
    if isinstance(torch, Missing):
        return "torch is not installed"
    if torch.wants_cuda is False:
        return f"torch {words(torch.version)} is built without CUDA"
    if isinstance(driver, Missing):
        return f"driver {driver}"
    if isinstance(driver.version, Missing):
        return f"driver {driver.version}"
    if isinstance(gpus, Missing) or not gpus.known_devices():
        return f"GPUs {gpus}" if isinstance(gpus, Missing) else "this machine shows no NVIDIA GPU"
    return _hidden(_variable(snapshot, "CUDA_VISIBLE_DEVICES"))


def _hidden(value: str | None) -> str:
    return f"CUDA_VISIBLE_DEVICES is {value!r}" if value is not None and value in ("", "-1") else ""


def _cuda(cuda: Cuda | Missing) -> Rows:
    if isinstance(cuda, Missing):
        return
    nvcc = or_none(cuda.nvcc_path)
    home = or_none(cuda.home)
    if nvcc:
        yield "CUDA_HOME", home or nvcc.removesuffix("/bin/nvcc")
        yield "nvcc", f"{words(cuda.nvcc_version)} @{nvcc}"
    else:
        yield "CUDA_HOME", f"{home} - invalid!" if home else "None"


def _cuda_versions(snapshot: Snapshot, extension: Extension | Missing) -> Rows:
    """Everything that has a CUDA version, and whether it is the same one."""
    found: dict[str, str] = {}
    torch = snapshot.torch
    if not isinstance(torch, Missing) and isinstance(torch.cuda, str):
        found["torch"] = torch.cuda
    files = () if isinstance(extension, Missing) else or_none(extension.files) or ()
    for file in files[:1]:
        if file.uses_cuda and cuda_compiler(file).startswith("CUDA"):
            found[PACKAGE] = cuda_compiler(file).removeprefix("CUDA ")
    vision = _companion(snapshot)
    if vision and isinstance(vision.cuda, str):
        found[vision.name] = vision.cuda
    if not isinstance(snapshot.cuda, Missing) and isinstance(snapshot.cuda.nvcc_version, str):
        found["nvcc"] = snapshot.cuda.nvcc_version
    if len(found) > 1:
        told = ", ".join(f"{name} {version}" for name, version in found.items())
        yield (
            "CUDA versions",
            f"{told}{'' if _agree(tuple(found.values())) else ' - inconsistent!'}",
        )


def _agree(versions: tuple[str, ...]) -> bool:
    """Whether they are the same in what all of them state; "12" and "12.1" are."""
    parts = [version.split(".") for version in versions]
    length = min(map(len, parts))
    return len({tuple(part[:length]) for part in parts}) == 1


def _companion(snapshot: Snapshot) -> Companion | None:
    torch = snapshot.torch
    every = () if isinstance(torch, Missing) else or_none(torch.companions) or ()
    found = (each for each in every if isinstance(each, Companion))
    return next((each for each in found if each.name == "torchvision"), None)


def _torchvision(snapshot: Snapshot, python: PythonEnv | Missing) -> Rows:
    vision = _companion(snapshot)
    copies = () if isinstance(python, Missing) else python.find("torchvision")
    where = f" @{posixpath.dirname(copies[0].path)}/torchvision" if copies else ""
    yield "torchvision", f"{words(vision.version)}{where}" if vision else "Not found"
    packages = None if isinstance(snapshot.extensions, Missing) else snapshot.extensions.packages
    for package in or_none(packages) or ():
        if isinstance(package, Extension) and package.name == "torchvision":
            archs = [architectures(f) for f in or_none(package.files) or () if f.fatbins]
            if archs:
                yield "torchvision arch flags", archs[0]


def _version(python: PythonEnv | Missing, *names: str) -> str:
    if isinstance(python, Missing):
        return str(python)
    found = (dist.version for name in names for dist in python.find(name))
    return next(found, "Not found")


def _pinned(python: PythonEnv | Missing, extension: Extension | Missing, *names: str) -> str:
    """A package's version, and which ones detectron2 accepts."""
    requires = () if isinstance(extension, Missing) else or_none(extension.requires) or ()
    wanted = (pin.specifier for pin in requires if pin.name in names and pin.specifier)
    specifier = next(wanted, "")
    return _version(python, *names) + (f" ({PACKAGE} asks for {specifier})" if specifier else "")


def _variable(snapshot: Snapshot, name: str) -> str | None:
    environment: Environment | Missing = snapshot.environment
    return None if isinstance(environment, Missing) else environment.get(name)


def _built_with(torch: TorchBuild | Missing) -> Iterator[str]:
    """As `torch.__config__.show()` begins, as far as its files tell."""
    if isinstance(torch, Missing) or not isinstance(torch.cuda, str):
        return
    yield "PyTorch built with:"
    yield f"  - CUDA Runtime {torch.cuda}"
    flags = [_gencode(name) for name in (*(or_none(torch.sass) or ()), *(or_none(torch.ptx) or ()))]
    if flags:
        yield f"  - NVCC architecture flags: {';'.join(flags)}"
    for pin in or_none(torch.pins) or ():
        if pin.name.startswith(LIBRARIES):
            name = {"cudnn": "CuDNN", "nccl": "NCCL"}[pin.name.split("-")[1]]
            yield f"  - {name} {pin.specifier.removeprefix('==')}"


def _gencode(name: str) -> str:
    number = name.rpartition("_")[2]
    return f"-gencode;arch=compute_{number},code={name}"
