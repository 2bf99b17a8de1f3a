"""The installed torch and its companions, from files only. Must not import them, nor judge them."""

import re
from collections.abc import Iterator

from envcheck.binaries import BinaryError
from envcheck.binaries.source import FileSource
from envcheck.facts import (
    CodeLibrary,
    Companion,
    Missing,
    Pin,
    PythonEnv,
    TorchBuild,
    absent,
    failed,
)
from envcheck.probes.host import Host
from envcheck.probes.interpreter import Interpreter
from envcheck.probes.requirements import requirements, split, wanted

COMPANIONS = ("torchvision", "torchaudio")
# torch's own requirements that must match exactly what it was compiled against
PINNED = re.compile(r"nvidia-|triton\b|pytorch-triton\b")


def read_torch(
    host: Host, interpreter: Interpreter | Missing, python: PythonEnv | Missing
) -> TorchBuild | Missing:
    """The torch that `import torch` would find first on the patient's path."""
    if isinstance(interpreter, Missing):
        return interpreter
    if isinstance(python, Missing):
        return python
    package = _package(host, interpreter.path, "torch")
    dists = python.find("torch")
    if package is None:
        if dists:  # metadata without the package: an interrupted install or removal
            return TorchBuild(
                version=dists[0].version,
                broken=f"{dists[0].path} is there, the torch package is not",
                sources={"*": dists[0].path},
            )
        return absent(f"torch is not installed for {interpreter.executable}")
    file = f"{package}/version.py"
    text = host.read(file)
    compiled_for = _compiled_for(host, package)
    broken = _broken(host, package, text, compiled_for, interpreter)
    if isinstance(text, Missing):
        version: str | Missing = dists[0].version if dists else text
        text = ""
        cuda: str | Missing | None = failed(f"{file} cannot be read")
    else:
        found = _constant(text, "__version__")
        version = found if isinstance(found, str) else failed(f"{file} states no version")
        cuda = _constant(text, "cuda")
    libraries = tuple(_code_libraries(host, f"{package}/lib"))
    main = [library for library in libraries if library.name.startswith("libtorch_cuda")]
    sass, partial, ptx = _architectures(main, cuda)
    return TorchBuild(
        version=version,
        path=package,
        cuda=cuda,
        hip=_constant(text, "hip"),
        xpu=_constant(text, "xpu"),
        debug=_debug(text),
        installer=dists[0].installer if dists else absent("no metadata"),
        compiled_for=compiled_for,
        sass=sass,
        partial=partial,
        ptx=ptx,
        libraries=libraries,
        pins=_pins(host, python, interpreter),
        companions=tuple(_companions(host, interpreter, python)),
        broken=broken,
        sources={
            "*": file,
            "sass": f"{package}/lib/libtorch_cuda*.so",
            "partial": f"{package}/lib/libtorch_cuda*.so",
            "ptx": f"{package}/lib/libtorch_cuda*.so",
            "pins": dists[0].path if dists else "",
            "installer": dists[0].path if dists else "",
            "broken": package,
        },
    )


def _package(host: Host, path: tuple[str, ...], name: str) -> str | None:
    for folder in path:
        package = f"{folder}/{name}"
        if host.is_file(f"{package}/__init__.py") or host.is_file(f"{package}/version.py"):
            return package
    return None


def _compiled_for(host: Host, package: str) -> tuple[str, ...]:
    """The ABIs in the names of torch/_C.cpython-311-x86_64-linux-gnu.so, as wheel tags: "cp311"."""
    names = (path.rsplit("/", 1)[1] for path in host.glob(f"{package}/_C.cpython-*.so"))
    return tuple("cp" + name.split("-")[1].partition(".")[0] for name in names)


def _broken(
    host: Host,
    package: str,
    version_file: str | Missing,
    compiled_for: tuple[str, ...],
    interpreter: Interpreter,
) -> str | None:
    if not host.is_file(f"{package}/__init__.py"):
        return f"{package}/__init__.py is not there"
    if isinstance(version_file, Missing):
        return str(version_file)
    if not host.glob(f"{package}/_C*.so") and not host.glob(f"{package}/_C*.pyd"):
        return f"{package}/_C*.so is not there"
    abi = interpreter.tag.rpartition("-")[2]
    if compiled_for and abi not in compiled_for:
        return f"its extension is compiled for {', '.join(compiled_for)}, this Python is {abi}"
    for name in ("libtorch_cpu.so", "libc10.so"):
        path = f"{package}/lib/{name}"
        if host.is_dir(f"{package}/lib") and not host.is_file(path):
            return f"{path} is not there"
    return None


def _constant(text: str, name: str) -> str | None | Missing:
    """The value of `name = 'text'` or `name: Optional[str] = None` in version.py."""
    match = re.search(
        rf"(?m)^{name}\s*(?::[^=\n]*)?=\s*(?:(?P<none>None)|['\"](?P<text>[^'\"\n]*)['\"])", text
    )
    if match is None:
        # Old releases do not write hip, and none before 2.5 wrote xpu: then it is none.
        return None if name in ("hip", "xpu") else absent(f"version.py states no {name}")
    return match.group("text") or None


def _debug(text: str) -> bool | Missing:
    match = re.search(r"(?m)^debug\s*(?::[^=\n]*)?=\s*(True|False)\b", text)
    return match[1] == "True" if match else absent("version.py does not say")


def _code_libraries(host: Host, folder: str) -> Iterator[CodeLibrary]:
    from envcheck.binaries.fatbin import read_gpu_code

    for path in (*host.glob(f"{folder}/libtorch_cuda*.so"), *host.glob(f"{folder}/libc10_cuda.so")):
        try:
            with FileSource(host.locate(path)) as source:
                code = read_gpu_code(source)
        except (BinaryError, OSError):
            continue
        if code.fatbins:
            yield CodeLibrary(
                name=path.rsplit("/", 1)[1],
                fatbins=code.fatbins,
                sass=code.full,
                partial=code.partial,
                ptx=code.ptx_full,
            )


Architectures = tuple[str, ...] | Missing


def _architectures(
    main: list[CodeLibrary], cuda: str | None | Missing
) -> tuple[Architectures, Architectures, Architectures]:
    """Full, partial and PTX architectures of torch itself: of libtorch_cuda, whatever its side
    libraries (linalg: MAGMA) hold. Before 1.13 it came in two halves, _cu and _cpp."""
    if not main:
        none = absent(
            "no GPU code" if cuda is None else "libtorch_cuda*.so has no readable GPU code"
        )
        return none, none, none
    core = [library for library in main if library.name == "libtorch_cuda.so"] or main
    best = max(core, key=lambda library: library.fatbins)
    return best.sass, best.partial, best.ptx


def _requirements(host: Host, python: PythonEnv, name: str) -> list[str]:
    dists = python.find(name)
    return requirements(host, dists[0]) if dists else []


def _pins(host: Host, python: PythonEnv, interpreter: Interpreter) -> tuple[Pin, ...] | Missing:
    lines = _requirements(host, python, "torch")
    if not lines:
        return absent("torch's metadata states no requirements")
    pins = []
    for line in lines:
        if not PINNED.match(line):
            continue
        name, specifier = split(line)
        found = python.find(name)
        installed = found[0].version if found else None
        # Markers only matter for what is not simply there: packaging is slow to import.
        if f"=={installed}" == specifier or wanted(line, interpreter):
            pins.append(Pin(name, specifier, installed))
    return tuple(pins)


def _companions(host: Host, interpreter: Interpreter, python: PythonEnv) -> Iterator[Companion]:
    for name in COMPANIONS:
        package = _package(host, interpreter.path, name)
        if package is None:
            continue
        text = host.read(f"{package}/version.py")
        stated = None if isinstance(text, Missing) else _constant(text, "__version__")
        dists = python.find(name)
        version = stated if isinstance(stated, str) else dists[0].version if dists else None
        pin = next(
            (
                match.group(1).strip(" ()")
                for line in _requirements(host, python, name)
                if (match := re.match(r"torch\s*(\(?[=<>!~][^;]*)", line))
            ),
            None,
        )
        yield Companion(
            name=name,
            version=version or absent(f"{package} states no version"),
            cuda=_companion_cuda(host, package, version or ""),
            torch_pin=pin or absent("its metadata asks for no torch version"),
        )


def _companion_cuda(host: Host, package: str, version: str) -> str | None | Missing:
    """The CUDA of a companion: its version's local part, else the runtime its extension links."""
    local = version.partition("+")[2]
    match = re.fullmatch(r"cu(\d+)(\d)", local)
    if match:
        return f"{match.group(1)}.{match.group(2)}"
    if local == "cpu" or local.startswith(("rocm", "xpu")):
        return None
    from envcheck.binaries.elf import read_elf

    for path in (*host.glob(f"{package}/_C*.so"), *host.glob(f"{package}/lib/*.so")):
        try:
            with FileSource(host.locate(path)) as source:
                needed = read_elf(source).needed
        except (BinaryError, OSError):
            continue
        for library in needed:
            runtime = re.match(r"libcudart\.so\.(\d+)", library)
            if runtime:
                return runtime.group(1)  # only the major version is in the name
        return None
    return absent("no compiled extension")
