"""detectron2's `collect_env` table: two columns, names at the left.

Its architecture lists come from cuobjdump's file names, with a dot between any two digits.
"""

import re

import msgspec

from envcheck.facts import (
    NOT_ASKED,
    CompiledFile,
    Cuda,
    Distribution,
    Driver,
    Extension,
    Extensions,
    Gpu,
    Gpus,
    Host,
    Missing,
    PythonEnv,
    Snapshot,
    Symptom,
    Symptoms,
    TorchBuild,
)
from envcheck.kb import Knowledge, Sm, SmError
from envcheck.readers import words

SOURCE = "detectron2's collect_env"
COMPATIBLE = 11  # from this CUDA on, the minor versions of one major version share a runtime
_ROWS = (
    "sys.platform", "python", "numpy", "detectron2 cuda compiler", "detectron2 compiler",
    "detectron2 arch flags", "detectron2._c", "detectron2_env_module", "detectron2", "compiler",
    "cuda compiler", "pytorch debug build", "pytorch", "gpu available", "cuda available",
    "driver version", "cuda_home", "nvcc", "torch_cuda_arch_list", "pillow",
    "torchvision arch flags", "torchvision", "fvcore", "iopath", "cv2", "cuda runtime",
)  # fmt: skip
_ROW = re.compile(
    "(" + "|".join(re.escape(row) for row in sorted(_ROWS, key=len, reverse=True)) + r")\s+(\S.*)",
    re.IGNORECASE,
)
_GPU = re.compile(r"GPU ([\d,]{1,60})\s+(\S.*)")
_ARCH = re.compile(r"\(arch=([\d.]+)\)")
_FLAG = re.compile(r"(?:sm_)?(\d[\d.]*)([af]?)(\+PTX)?")
_BROKEN = ("failed to import", "not built correctly")  # of the row detectron2._C
_PLUS = re.compile(r"- (CUDA Runtime) (\d{1,2}\.\d{1,2})|(code=sm_\d{2,3}a?)")
_TORCH = re.compile(r"(\d[\w.+-]{2,80})(?:\s+@.*)?")


def read(text: str, kb: Knowledge) -> Snapshot:
    """The facts of the first table in the text; an empty Snapshot when there is none."""
    if "DETECTRON2_ENV_MODULE" not in text and "detectron2" not in text.lower():
        return Snapshot()
    rows, gpus = _table(text, kb)
    if len(rows) < 5 or "pytorch" not in rows:
        return Snapshot()
    torch = _torch(rows, text, kb)
    available = rows.get("gpu available", rows.get("cuda available", "")).lower()[:4].strip()
    listed = _distributions(rows)
    version = re.match(r"\d\.\d{1,2}(?:\.\d{1,2})?", rows.get("python", ""))
    return Snapshot(
        origin="report",
        host=Host(platform="linux" if rows.get("sys.platform") == "linux" else NOT_ASKED),
        driver=_driver(rows),
        gpus=Gpus(devices=gpus, sources={"*": SOURCE}) if gpus else NOT_ASKED,
        cuda=_cuda(rows),
        python=PythonEnv(
            executable="python",
            chosen_by="the report",
            version=version[0] if version else NOT_ASKED,
            implementation="cpython" if version else NOT_ASKED,
            manager="conda" if "conda" in rows.get("python", "").lower() else NOT_ASKED,
            distributions=listed or NOT_ASKED,
            sources={"*": SOURCE},
        ),
        torch=torch if isinstance(torch, Missing)
        else msgspec.structs.replace(torch, companions=words.companions(listed)),
        extensions=_extensions(rows),
        symptoms=Symptoms(
            symptoms=_symptoms(rows, torch),
            cuda_available={"true": True, "yes": True, "fals": False, "no": False}.get(
                available, NOT_ASKED
            ),
            sources={"*": SOURCE},
        ),
    )  # fmt: skip


def _table(text: str, kb: Knowledge) -> tuple[dict[str, str], tuple[Gpu, ...]]:
    rows: dict[str, str] = {}
    gpus: list[Gpu] = []
    for line in text.split("\n"):
        if len(line) > 2000:
            continue
        if match := _GPU.fullmatch(line):
            arch = _ARCH.search(match[2])
            name = match[2].partition(" (arch=")[0].strip()
            for index in match[1].split(","):
                if index.isdecimal() and len(gpus) < 64:
                    fields = {"sm": _dotted(arch[1])} if arch and _dotted(arch[1]) else {}
                    gpus.append(words.gpu(int(index), name, kb, **fields))
        elif match := _ROW.fullmatch(line):
            rows.setdefault(match[1].lower(), match[2])
    return rows, tuple(gpus)


def _torch(rows: dict[str, str], text: str, kb: Knowledge) -> "TorchBuild | Missing":
    match = _TORCH.match(rows["pytorch"])
    if match is None:
        return NOT_ASKED
    runtime, codes = None, []
    for found in _PLUS.finditer(text):
        if found[1]:
            runtime = runtime or found[2]
        else:
            codes.append(found[3].partition("=")[2])
    cuda = words.cuda_of(match[1])
    if isinstance(cuda, Missing) and runtime:
        cuda = runtime
    build = words.torch_build(match[1], cuda, "linux-x86_64", SOURCE, kb)
    if codes:  # its own configuration, better than what is known of the release
        sass = tuple(dict.fromkeys(codes))
        build = msgspec.structs.replace(build, sass=sass, sources={"*": SOURCE})
    return build


def _driver(rows: dict[str, str]) -> "Driver | Missing":
    match = words.DRIVER.search(rows.get("driver version", ""))
    if match is None:
        return NOT_ASKED
    return Driver(version=match[1], module_version=match[1], nvml="ok", sources={"*": SOURCE})


def _cuda(rows: dict[str, str]) -> "Cuda | Missing":
    if "cuda_home" not in rows and "nvcc" not in rows:
        return NOT_ASKED
    said = rows.get("cuda_home", "")
    home = None if said in ("None", "") else re.split(r"\s+- |\s{2,}", said)[0]
    nvcc = re.search(r"release (\d{1,2}\.\d{1,2})", rows.get("nvcc", ""))
    return Cuda(
        home=home if said else NOT_ASKED,
        nvcc_version=nvcc[1] if nvcc else NOT_ASKED,
        sources={"*": SOURCE, "home": "CUDA_HOME"},
    )


def _extensions(rows: dict[str, str]) -> "Extensions | Missing":
    """detectron2's own library: what it was compiled with and for."""
    compiler = rows.get("detectron2 cuda compiler", rows.get("cuda compiler", ""))
    flags = rows.get("detectron2 arch flags", "")
    if not compiler and not flags:
        return NOT_ASKED
    if any(words in rows.get("detectron2._c", "") for words in _BROKEN):
        return NOT_ASKED  # of such a library the table says nothing: its compilers are the system's
    cuda = re.search(r"(\d{1,2})\.\d{1,2}", compiler)
    sass, ptx = _architectures(flags)
    without = "not available" in compiler.lower()
    file = CompiledFile(
        path="detectron2/_C.so",
        links_torch=True,
        cudart=cuda[1] if cuda else None,
        uses_cuda=bool(cuda or sass or not without),
        fatbins=1 if sass or ptx else 0,
        sass=sass,
        ptx=ptx,
        missing=(),
        cuda_compiler=cuda[0] if cuda else "",
    )
    version = re.match(r"\d[\w.+]{0,40}", rows.get("detectron2", ""))
    extension = Extension(
        name="detectron2", version=version[0] if version else NOT_ASKED, files=(file,)
    )
    return Extensions(packages=(extension,), sources={"*": SOURCE})


def _symptoms(rows: dict[str, str], torch: "TorchBuild | Missing") -> tuple[Symptom, ...]:
    """The nvcc that compiled detectron2, or that would, against the CUDA of torch."""
    if isinstance(torch, Missing) or not isinstance(torch.cuda, str):
        return ()
    named = rows.get("detectron2 cuda compiler", rows.get("cuda compiler", ""))
    said = rows.get("detectron2._c", "") + rows.get("detectron2", "")
    failed = any(words in said for words in _BROKEN)
    compiler = re.search(r"(\d{1,2})\.\d{1,2}", named or (rows.get("nvcc", "") if failed else ""))
    if compiler is None or compiler[0] == torch.cuda:
        return ()
    major = torch.cuda.partition(".")[0]
    if compiler[1] == major and int(major) >= COMPATIBLE:
        return ()
    line = f"CUDA compiler {compiler[0]}, PyTorch {rows['pytorch'][:60]}"
    names = ("nvcc_toolkit_mismatch", "extension_built_for_other_cuda")
    return tuple(words.inferred(name, "report-compiler-differs", line) for name in names)


def _architectures(flags: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Machine code and PTX of a list such as "8.0, 9.0a, 12.0+PTX"."""
    sass: list[str] = []
    ptx: list[str] = []
    if "/" in flags or "cuobjdump" in flags:
        return (), ()
    for flag in re.split(r"[,;\s]+", flags):
        match = _FLAG.fullmatch(flag)
        dotted = _dotted(match[1]) if match else ""
        if match and dotted:
            number = dotted.replace(".", "") + match[2]
            (ptx if match[3] else sass).append(f"{'compute' if match[3] else 'sm'}_{number}")
    return tuple(sass), tuple(ptx)


def _dotted(flag: str) -> str:
    """ "sm_60", "6.0" → "6.0"; "1.2.0" was sm_120. "" when it is no architecture."""
    digits = flag.removeprefix("sm_").replace(".", "")
    try:
        return Sm.parse(f"sm_{digits}").plain.dotted
    except SmError:
        return ""


def _distributions(rows: dict[str, str]) -> tuple[Distribution, ...]:
    names = ("pytorch", "torchvision", "numpy", "pillow", "fvcore", "iopath", "detectron2")
    found = []
    for name in names:
        match = _TORCH.match(rows.get(name, ""))
        if match:
            found.append(Distribution({"pytorch": "torch"}.get(name, name), match[1]))
    return tuple(found)
