"""What the dynamic loader would load for the patient: torch's CUDA libraries, libcuda, libstdc++.

Follows the loader's rules over ELF headers and runs nothing. Must not judge what it finds.
"""

import re

import msgspec

from envcheck.binaries import BinaryError
from envcheck.binaries.elf import read_elf
from envcheck.binaries.errors import OpenFailed
from envcheck.binaries.loader import Found
from envcheck.binaries.process import Process
from envcheck.binaries.source import FileSource
from envcheck.binaries.symbols import SymbolTable
from envcheck.binaries.versions import needed_versions, newest, provided_versions
from envcheck.facts import NOT_ASKED, Library, Loader, Missing, TorchBuild, absent, failed, or_none
from envcheck.probes.host import Host
from envcheck.probes.interpreter import Interpreter
from envcheck.probes.libraries import ELF64, library_folders
from envcheck.probes.torch_start import start_torch

LIBCUDA = "libcuda.so.1"
LIBSTDCXX = "libstdc++.so.6"
# CUDA libraries that torch is linked to; the driver's own (libcuda, libnvidia-ml) are not of them.
CUDA_LIBRARY = re.compile(
    r"lib(?:cublas|cudnn|cudart|cufft|curand|cusolver|cusparse|cupti|cufile|nccl|nvJitLink|nvrtc"
    r"|nvToolsExt|nvshmem)"
)
# Where a driver, a toolkit or a cuda-compat package puts libcuda, besides the system's folders.
COPIES = (
    "/usr/lib/wsl/lib",
    "/usr/local/cuda*/compat",
    "/usr/local/cuda*/lib64/stubs",
    "/usr/lib/nvidia*",
    "/usr/lib/*/nvidia/current",
    "/usr/local/nvidia/lib64",
    "/run/opengl-driver/lib",
)
TORCH_CODE = ("libc10.so", "libtorch_cpu.so", "libtorch_cuda*.so", "libtorch_python.so")
PROGRAMS = ("/bin/sh", "/usr/bin/env")  # whose search stands for any program's
# Packages whose name is not that of their library.
MAX_LACKS = 8  # symbols named of those a library lacks; one is enough to fail
ROOMS = {"cudart": "cuda_runtime", "nvrtc": "cuda_nvrtc", "cupti": "cuda_cupti"}


class Files:
    """The files of a host, for the search."""

    def __init__(self, host: Host) -> None:
        self.is_file, self.is_dir, self.realpath = host.is_file, host.is_dir, host.realpath
        self._locate = host.locate

    def open(self, path: str) -> FileSource:
        try:
            return FileSource(self._locate(path))
        except OSError as error:
            raise OpenFailed(error) from error


def read_loader(
    host: Host, interpreter: Interpreter | Missing, torch: TorchBuild | Missing
) -> Loader | Missing:
    """What a process of the patient would load, and what it would without LD_LIBRARY_PATH."""
    if not isinstance(interpreter, Missing) and not interpreter.platform.startswith("linux"):
        return absent(f"{interpreter.platform} has another loader")
    program = _program(host, interpreter)
    if program is None:
        return absent("no program whose libraries could be looked for")
    try:
        return _read_loader(host, program, interpreter, torch)
    except BinaryError as error:  # the program's own libraries, or a search path of absurd length
        return failed(f"{program}: {error}")


def _read_loader(
    host: Host, program: str, interpreter: Interpreter | Missing, torch: TorchBuild | Missing
) -> Loader:
    files = Files(host)
    asked = host.live or bool(host.environ)
    library_path = host.environ.get("LD_LIBRARY_PATH", "")
    entries = tuple(entry for entry in re.split("[:;]", library_path) if entry)
    process = Process(files, program, library_path)
    plain = Process(files, program) if entries else None
    preloaded = host.environ.get("LD_PRELOAD", "").replace(":", " ").split()
    for each in (process, plain) if plain else (process,):
        _preload(each, preloaded)
    versions = Versions(host)
    libcuda = _opened(LIBCUDA, process, plain, versions)
    package = None if isinstance(torch, Missing) else or_none(torch.path)
    if package is not None and not isinstance(interpreter, Missing):
        cuda = (None if isinstance(torch, Missing) else or_none(torch.cuda)) or ""
        for each in (process, plain) if plain else (process,):
            start_torch(each, host, package, interpreter.path, cuda)
    libraries, lost = _cuda_libraries(files, process, plain, versions)
    libstdcxx = _opened(LIBSTDCXX, process, plain, versions)
    glibcxx, glibc = _needs(files, host, package)
    unread = torch if isinstance(torch, Missing) else absent("torch's folder was not found")
    return Loader(
        ld_library_path=entries if asked else NOT_ASKED,
        ld_preload=tuple(preloaded) if asked else NOT_ASKED,
        libcuda=libcuda,
        libcuda_copies=_copies(host, interpreter, entries, versions),
        libraries=libraries if package else unread,
        not_found=lost if package else unread,
        libstdcxx=libstdcxx,
        libstdcxx_glibcxx=_provided(files, libstdcxx),
        glibcxx_needed=glibcxx if package else unread,
        glibc_needed=glibc if package else unread,
        sources={
            "*": "the loader's search order, over ELF headers",
            "ld_library_path": "LD_LIBRARY_PATH",
            "ld_preload": "LD_PRELOAD",
            "libcuda_copies": "the system's library folders, toolkits and LD_LIBRARY_PATH",
            "libstdcxx_glibcxx": "its symbol versions",
            "glibcxx_needed": f"symbol versions of {package}/lib",
            "glibc_needed": f"symbol versions of {package}/lib",
        },
    )


def _program(host: Host, interpreter: Interpreter | Missing) -> str | None:
    """The interpreter; where that is a script or not known, any program without an RPATH."""
    mine: tuple[str, ...] = () if isinstance(interpreter, Missing) else (interpreter.executable,)
    for path in (*mine, *PROGRAMS):
        try:
            with Files(host).open(path) as source:
                if read_elf(source).dynamic:
                    return path
        except BinaryError:
            continue
    return None


def _preload(process: Process, names: list[str]) -> None:
    """What LD_PRELOAD names comes first; the loader passes over what it cannot read."""
    for name in names:
        try:
            if "/" in name:
                process.load(name)
            else:
                process.open(name)
        except BinaryError:
            continue


# ---- libraries as facts -----------------------------------------------------------------------


def _cuda_libraries(
    files: Files, process: Process, plain: Process | None, versions: "Versions"
) -> tuple[tuple[Library, ...], tuple[str, ...]]:
    names = [name for name in process.found if CUDA_LIBRARY.match(name)]
    libraries: list[Library] = []
    lost: list[str] = []
    for name in names:
        found = process.found[name]
        library = _library(found, plain, versions)
        if library is None:
            lost.append(name)
        elif library.meant:
            lacks = _lacks(files, found.needed_by, library)
            libraries.append(msgspec.structs.replace(library, lacks=lacks))
        else:
            libraries.append(library)
    return tuple(libraries), tuple(lost)


def _lacks(files: Files, asker: str, library: Library) -> tuple[str, ...] | Missing:
    """Symbols that the file which asks for the library would find in the one meant only."""
    try:
        with files.open(asker) as source:
            wanted = SymbolTable(read_elf(source)).undefined().strong
        with files.open(library.path) as source:
            lost = SymbolTable(read_elf(source)).missing(wanted)
        with files.open(library.meant) as source:
            meant = SymbolTable(read_elf(source))
            return tuple(name for name in lost if meant.defines(name))[:MAX_LACKS]
    except BinaryError as error:
        return failed(f"symbols of {library.path}: {error}")


def _opened(
    name: str, process: Process, plain: Process | None, versions: "Versions"
) -> Library | Missing:
    """The library of that name in the process, or what a bare dlopen by the program gives."""
    bare = name not in process.found
    for each in (process, plain) if plain else (process,):
        if name not in each.found:
            each.open(name)
    library = _library(process.found[name], plain, versions)
    if library is None:
        return absent(f"the loader finds no {name}")
    return msgspec.structs.replace(library, wanted_by="") if bare else library


def _library(found: Found, plain: Process | None, versions: "Versions") -> Library | None:
    if found.path is None:
        return None
    path, version = versions.of(found.path)
    meant, meant_version = "", version
    without = plain.found.get(found.name) if plain else None
    if without and without.path:
        meant, meant_version = versions.of(without.path)
    changed = bool(meant) and meant != path
    return Library(
        name=found.name,
        path=path,
        via=found.via,
        wanted_by=found.needed_by.rpartition("/")[2],
        meant=meant if changed else "",
        version=version,
        meant_version=meant_version if changed else NOT_ASKED,
    )


class Versions:
    """Real paths and versions of libraries, from file names and pip's metadata."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._names: dict[str, tuple[str, ...]] = {}

    def of(self, path: str) -> tuple[str, str | Missing]:
        """The real file, and the version its name states ("libcudnn.so.9.1.0") or its package."""
        real = self._host.realpath(path)
        number = re.search(r"\.so\.(\d+(?:\.\d+)+)$", real)
        if number:
            return real, number.group(1)
        return real, self._of_package(real) or absent(f"{real} states no version")

    def _of_package(self, path: str) -> str | None:
        """Version of the nvidia-* package a library in site-packages/nvidia/ROOM/lib is from."""
        place = re.fullmatch(r"(.*)/nvidia/(\w+)/lib/lib([A-Za-z]+)[^/]*", path)
        if not place:
            return None
        site, room, stem = place.groups()
        if re.fullmatch(r"cu\d+", room):  # one folder for all packages of a CUDA release
            room = ROOMS.get(stem) or stem.lower().removesuffix("lt")
        if site not in self._names:
            names = self._host.names(site)
            self._names[site] = () if isinstance(names, Missing) else names
        wanted = re.compile(rf"nvidia_{room}(?:_cu\d+)?-(\d[\d.]*)\.dist-info")
        found = (match for name in self._names[site] if (match := wanted.fullmatch(name)))
        first = next(found, None)
        return first.group(1) if first else None


def _copies(
    host: Host,
    interpreter: Interpreter | Missing,
    entries: tuple[str, ...],
    versions: Versions,
) -> tuple[Library, ...]:
    """Every file called libcuda.so.1 in the places where one may lie, each real file once."""
    folders = [*library_folders(host), *(entry for entry in entries if entry.startswith("/"))]
    if not isinstance(interpreter, Missing):
        folders += [f"{interpreter.prefix}/lib", f"{interpreter.prefix}/cuda-compat"]
    for pattern in COPIES:
        folders += host.glob(pattern)
    found: dict[str, Library] = {}
    for folder in dict.fromkeys(folders):
        path = f"{folder}/{LIBCUDA}"
        if host.read_bytes(path, len(ELF64)) == ELF64:
            real, version = versions.of(path)
            found.setdefault(real, Library(LIBCUDA, real, version=version))
    return tuple(found.values())


# ---- symbol versions --------------------------------------------------------------------------


def _provided(files: Files, libstdcxx: Library | Missing) -> str | Missing:
    if isinstance(libstdcxx, Missing):
        return libstdcxx
    try:
        with files.open(libstdcxx.path) as source:
            versions = provided_versions(read_elf(source))
    except BinaryError as error:
        return failed(f"{libstdcxx.path}: {error}")
    return newest(versions, "GLIBCXX") or failed(f"{libstdcxx.path} defines no GLIBCXX version")


def _needs(files: Files, host: Host, package: str | None) -> tuple[str | Missing, str | Missing]:
    """The newest GLIBCXX and GLIBC versions that torch's own libraries ask for."""
    versions: list[str] = []
    for pattern in TORCH_CODE if package else ():
        for path in host.glob(f"{package}/lib/{pattern}"):
            try:
                with files.open(path) as source:
                    for names in needed_versions(read_elf(source)).values():
                        versions += names
            except BinaryError:
                continue
    none = absent(f"no library in {package}/lib states what it needs")
    return newest(versions, "GLIBCXX") or none, newest(versions, "GLIBC") or none
