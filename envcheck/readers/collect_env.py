"""torch's own `collect_env` report, in every layout since 1.4, and vLLM's padded one.

A label ends the value before it, wherever it stands: reports are often pasted as one line.
"""

import re

import msgspec

from envcheck.facts import (
    NOT_ASKED,
    Container,
    Cuda,
    Distribution,
    Driver,
    Environment,
    Gpus,
    Missing,
    PythonEnv,
    Snapshot,
    Symptom,
    Symptoms,
    TorchBuild,
    absent,
)
from envcheck.kb import Knowledge
from envcheck.readers import packages, words

SOURCE = "torch's collect_env"
LONGEST = 128 << 10  # characters of one report
_LABELS = {
    "torch": "PyTorch version",
    "debug": "Is debug build",
    "cuda": "CUDA used to build PyTorch",
    "rocm": "ROCM used to build PyTorch",
    "xpu": "XPU used to build PyTorch",
    "os": "OS",
    "gcc": "GCC version",
    "clang": "Clang version",
    "cmake": "CMake version",
    "libc": "Libc version",
    "msvc": "MSVC",
    "python": "Python version",
    "platform": "Python platform",
    "available": "Is CUDA available",
    "nvcc": "CUDA runtime version",
    "lazy": "CUDA_MODULE_LOADING set to",
    "gpus": "GPU models and configuration",
    "driver": "Nvidia driver version",
    "cudnn": "cuDNN version",
    "xpu_available": "Is XPU available",
    "hip": "HIP runtime version",
    "miopen": "MIOpen runtime version",
    "xnnpack": "Is XNNPACK available",
    "libraries": "Versions of relevant libraries",
    "cpu": "CPU",
}
_NAMES = {label.lower(): key for key, label in _LABELS.items()}
_LABEL = re.compile(
    r"(?<![\w.])(" + "|".join(sorted(_NAMES, key=len, reverse=True)) + r")[ \t]{0,60}:",
    re.IGNORECASE,
)
_FIRST = ("pytorch version", "cuda used to build", "is cuda available")
_SECTION = re.compile(r"={8,}")
_GPU = re.compile(r"\bGPU (\d{1,3}): ?")
_VARIABLE = re.compile(
    r"^((?:CUDA|NVIDIA|LD|NCCL|PYTORCH|TORCH)_[A-Z_]{1,40})=(\S{0,1000})$", re.MULTILINE
)
_NOTHING = ("", "n/a", "could not collect", "none", "no cuda")


def read(text: str, kb: Knowledge) -> Snapshot:
    """The facts of the first report in the text; an empty Snapshot when there is none."""
    values = fields(text)
    if not {"torch", "cuda", "available"} & set(values) or len(values) < 3:
        return Snapshot()
    host = words.host(
        _known(values, "os"), _kernel(values), _glibc(values), SOURCE
    ) if "os" in values or "platform" in values else NOT_ASKED  # fmt: skip
    torch = _torch(values, words.platform_of(host), kb)
    listed = packages.of_report(text)
    if isinstance(torch, TorchBuild):
        torch = _with_packages(torch, listed)
    driver, gpus = _driver(values), _gpus(values, kb)
    symptoms = _symptoms(values, torch, gpus)
    kernel = _kernel(values).lower()
    return Snapshot(
        origin="report",
        host=host,
        container=Container(wsl=2 if "wsl2" in kernel else 1 if "microsoft" in kernel else 0)
        if kernel
        else NOT_ASKED,
        environment=_environment(text, symptoms),
        driver=driver,
        gpus=gpus,
        cuda=_cuda(values),
        python=_python(values, listed),
        torch=torch,
        symptoms=symptoms,
    )


def fields(text: str) -> dict[str, str]:
    """What stands behind each label, the first of its kind; a label ends the value before it."""
    lower = text.lower()
    starts = [at for at in map(lower.find, _FIRST) if at >= 0]
    if not starts:
        return {}
    before = lower.rfind("system info", max(0, starts[0] - 2000), starts[0])  # vLLM begins there
    first = starts[0] if before < 0 else before
    region = text[first : first + LONGEST]
    marks = list(_LABEL.finditer(region))
    values: dict[str, str] = {}
    for place, mark in enumerate(marks):
        end = marks[place + 1].start() if place + 1 < len(marks) else len(region)
        key = _NAMES[mark[1].lower()]
        value = _SECTION.split(region[mark.end() : end], maxsplit=1)[0].strip()
        if key not in ("gpus", "cudnn", "libraries"):
            value = value.split("\n", 1)[0].strip()
        values.setdefault(key, value)
    return values


def _known(values: dict[str, str], key: str) -> str:
    """The value, or "" where the report has none."""
    value = values.get(key, "")
    return "" if value.lower() in _NOTHING else value


def _torch(values: dict[str, str], platform: str, kb: Knowledge) -> "TorchBuild | Missing":
    if "torch" not in values:
        return NOT_ASKED
    match = re.match(r"\d[\w.+-]{2,80}", _known(values, "torch"))
    if match is None:
        said = values["torch"][:80]
        return absent(f"PyTorch version: {said}") if said == "N/A" else NOT_ASKED
    cuda: str | None | Missing = NOT_ASKED
    hip, xpu = _known(values, "rocm"), _known(values, "xpu")
    said = values.get("cuda", "")
    version = re.match(r"\d{1,2}\.\d{1,2}", said)
    if version:
        cuda = version[0]
    elif said.lower() in ("none", "could not collect"):  # both: the build says of itself: no CUDA
        cuda = None
    build = words.torch_build(match[0], cuda, platform, SOURCE, kb)
    changes: dict[str, object] = {}
    if hip or build.hip:
        changes = {"hip": hip or build.hip, "cuda": None}
    if xpu or build.xpu is not None:
        changes = {"xpu": xpu or "yes", "cuda": None}
    return _replaced(build, **changes)


def _replaced(build: TorchBuild, **changes: object) -> TorchBuild:
    return msgspec.structs.replace(build, **changes)


def _with_packages(torch: TorchBuild, listed: tuple[Distribution, ...]) -> TorchBuild:
    mine = next((dist for dist in listed if dist.name == "torch"), None)
    return _replaced(
        torch,
        companions=words.companions(listed) if listed else NOT_ASKED,
        installer=mine.installer if mine else NOT_ASKED,
    )


def _driver(values: dict[str, str]) -> "Driver | Missing":
    match = words.DRIVER.search(_known(values, "driver"))
    if match is None:
        return NOT_ASKED
    return Driver(version=match[1], module_version=match[1], nvml="ok", sources={"*": SOURCE})


def _gpus(values: dict[str, str], kb: Knowledge) -> "Gpus | Missing":
    if "gpus" not in values:
        return NOT_ASKED
    said = values["gpus"]
    parts = _GPU.split(said)
    devices = []
    for index, name in zip(parts[1::2], parts[2::2], strict=False):
        line = name.split("\n", 1)[0]
        devices.append(words.gpu(int(index), re.split(r"\s*[(`]", line, maxsplit=1)[0].strip(), kb))
    if not devices and said.lower() not in ("could not collect", "no cuda"):
        return NOT_ASKED  # "N/A", AMD's and Intel's names, or cut off
    if not devices and (values.get("available", "") != "False" or _known(values, "driver")):
        return NOT_ASKED  # nvidia-smi did not answer, and something else did
    return Gpus(devices=tuple(devices), sources={"*": SOURCE, "sm": words.KB})


def _cuda(values: dict[str, str]) -> "Cuda | Missing":
    match = re.match(r"\d{1,2}\.\d{1,2}", _known(values, "nvcc"))
    if match is None:
        return NOT_ASKED
    return Cuda(nvcc_version=match[0], sources={"*": f"{SOURCE}: CUDA runtime version"})


def _python(values: dict[str, str], listed: tuple[Distribution, ...]) -> PythonEnv:
    said = _known(values, "python")
    match = re.match(r"\d\.\d{1,2}(?:\.\d{1,2})?", said)
    conda = "conda" in said.lower()
    return PythonEnv(
        executable="python",
        chosen_by="the report",
        version=match[0] if match else NOT_ASKED,
        implementation="cpython" if match else NOT_ASKED,
        manager="conda" if conda else NOT_ASKED,
        distributions=listed or NOT_ASKED,
        sources={"*": SOURCE},
    )


def _environment(text: str, symptoms: Symptoms) -> "Environment | Missing":
    """Variables of vLLM's report. A list of GPUs is left out where torch could use CUDA."""
    found: dict[str, str] = dict(_VARIABLE.findall(text[: LONGEST * 2]))
    if symptoms.cuda_available is True:
        found.pop("CUDA_VISIBLE_DEVICES", None)
    return Environment(variables=found, sources={"*": SOURCE}) if found else NOT_ASKED


def _kernel(values: dict[str, str]) -> str:
    match = re.match(r"Linux-(.+?)-(?:x86_64|aarch64)?-?with", _known(values, "platform"))
    return match[1] if match else ""


def _glibc(values: dict[str, str]) -> str:
    """The C library's version; before Python 3.8 it was read from the interpreter's file."""
    match = re.match(r"glibc-(\d\.\d{1,2})", _known(values, "libc"))
    old = re.match(r"(?:2|3\.[0-7])(?:\.|\b(?!\.))", _known(values, "python"))
    return match[1] if match and not old else ""


def _symptoms(
    values: dict[str, str], torch: "TorchBuild | Missing", gpus: "Gpus | Missing"
) -> Symptoms:
    """What fields of the report say together, where none says it alone."""
    said = values.get("available", "").lower()
    available = {"true": True, "yes": True, "false": False, "no": False}.get(said.split(" ")[0])
    found: list[Symptom] = []
    nothing = isinstance(gpus, Gpus) and not gpus.devices
    build = torch if isinstance(torch, TorchBuild) else None
    linux = (
        "windows" not in values.get("os", "").lower() and "mac" not in values.get("os", "").lower()
    )
    if nothing and available is False and build is not None:
        if build.wants_cuda and _known(values, "nvcc"):
            line = "Nvidia driver version: " + values.get("driver", "")
            found.append(words.inferred("driver_not_loaded", "report-no-driver", line))
        # Wheels from the vendor's CPU index say "+cpu": whoever took one meant it.
        untagged = isinstance(build.version, str) and "+" not in build.version
        other = isinstance(build.hip, str) or isinstance(build.xpu, str)
        if build.cuda is None and untagged and linux and not other:
            line = "GPU models and configuration: " + values.get("gpus", "")
            found.append(words.inferred("no_gpu_on_this_machine", "report-no-gpu", line))
    return Symptoms(
        symptoms=tuple(found),
        cuda_available=NOT_ASKED if available is None else available,
        sources={"*": SOURCE},
    )
