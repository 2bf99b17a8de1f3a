"""Plays `import torch` for the loader: which libraries it loads, in which order, from where.

Reads torch's own start-up code as text and never runs it. Must not know what is good.
"""

import re
from collections.abc import Iterator

from envcheck.binaries import BinaryError
from envcheck.binaries.process import Process
from envcheck.facts import Missing
from envcheck.probes.host import Host

EXTENSION = re.compile(r"_C\.(?:cpython-|abi3|so)")
# Opened by name when they are first used; they bring cuSOLVER and NVRTC.
LATER = ("libtorch_cuda_linalg.so", "libcaffe2_nvrtc.so")
CUDNN = re.compile(r"libcudnn\.so\.\d+")

Preload = tuple[str, str]  # a package of nvidia's and a pattern: ("cublas", "libcublas.so.*[0-9]")


def start_torch(
    process: Process, host: Host, package: str, path: tuple[str, ...], cuda: str
) -> None:
    """Loads what importing and first using this torch loads, into `process`.

    `path` is sys.path, where torch looks for CUDA packages that its libraries do not find.
    """
    text = host.read(f"{package}/__init__.py")
    start = "" if isinstance(text, Missing) else text
    global_deps = f"{package}/lib/libtorch_global_deps.so"
    if host.is_file(global_deps):
        if _load(process, global_deps):
            _preload(process, host, always_preloaded(start, cuda), path, cuda)
        else:
            _preload(process, host, preload_table(start), path, cuda)
            _load(process, global_deps)
    for file in _extension(host, package):
        _load(process, file)
    for name in LATER:
        if host.is_file(f"{package}/lib/{name}"):
            _load(process, f"{package}/lib/{name}")
    _open_cudnn(process, host)


def _load(process: Process, path: str) -> bool:
    try:
        return process.load(path)
    except BinaryError:
        return False


def _extension(host: Host, package: str) -> Iterator[str]:
    for path in host.glob(f"{package}/_C*.so"):
        if EXTENSION.match(path.rpartition("/")[2]):
            yield path


def preload_table(start: str) -> list[Preload]:
    """The CUDA packages torch/__init__.py knows to load by path, in its order."""
    return re.findall(r"[\"'](\w+)[\"']\s*[:,]\s*[\"'](lib\w+\.so\.[^\"'\s]*)[\"']", start)


def always_preloaded(start: str, cuda: str) -> list[Preload]:
    """Those of them it loads although nothing was missing: newer releases, against shadowing."""
    before, mark, block = start.partition('open("/proc/self/maps")')
    if not mark:
        return []
    only = re.search(r"version\.cuda (?:not )?in \[([^\]]*)\]", before[-600:])
    if only and f'"{cuda}"' not in only.group(1):
        return []
    calls = re.findall(r"_preload_cuda_\w+\(([^)]*)\)", block.partition("except ")[0])
    named = [call for call in calls if call.strip()]
    return preload_table("\n".join(named)) if named else preload_table(start) if calls else []


def _preload(
    process: Process, host: Host, wanted: list[Preload], path: tuple[str, ...], cuda: str
) -> None:
    major = cuda.partition(".")[0]
    folders = [folder for folder in path if host.is_dir(f"{folder}/nvidia")]
    for room, pattern in wanted:
        for file in (
            file
            for folder in folders
            for where in (room, f"cu{major}")
            for file in host.glob(f"{folder}/nvidia/{where}/lib/{pattern}")
        ):
            _load(process, file)
            break


def _open_cudnn(process: Process, host: Host) -> None:
    """cuDNN opens its parts by name when they are first used, and they are found as it would."""
    for name, found in list(process.found.items()):
        if not CUDNN.fullmatch(name) or found.path is None:
            continue
        folder, _, file = found.path.rpartition("/")
        for part in host.glob(f"{folder}/libcudnn_*{file.partition('libcudnn')[2]}"):
            try:
                process.open(part.rpartition("/")[2], found.path)
            except BinaryError:
                continue
