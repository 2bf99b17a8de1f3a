"""CUDA toolkits on disk, and the compilers an extension build would run. Must not know torch."""

import posixpath
import re
import shlex
from collections.abc import Iterator

import msgspec

from envcheck.facts import NOT_ASKED, Compiler, Cuda, Missing, Toolkit, absent, failed
from envcheck.probes.host import Host
from envcheck.probes.interpreter import Interpreter

RUN_LIMIT = 2.0  # seconds for a compiler to state its version
USUAL = ("/usr/local/cuda*", "/opt/cuda*")
APT_ROOT = "/usr/lib/nvidia-cuda-toolkit"  # its headers stand in /usr/include
SHARED = ("/usr", "/usr/local", "/")  # where a wrapper called nvcc may stand: no toolkit's own
LAUNCHERS = frozenset(("ccache", "sccache", "distcc"))
NOT_TOLD = absent("no file of the toolkit states its version")

Told = tuple[str | Missing, str]  # a version and where it was read


def read_cuda(host: Host, interpreter: Interpreter | Missing) -> Cuda:
    """Every toolkit once, by its real folder, and the nvcc torch.utils.cpp_extension would take."""
    variable = next((name for name in ("CUDA_HOME", "CUDA_PATH") if host.environ.get(name)), None)
    home = host.environ[variable] if variable else None
    nvcc = _nvcc_of_a_build(host, home)
    version, version_source = _nvcc_version(host, nvcc)
    compiler, compiler_source = _host_compiler(host)
    return Cuda(
        toolkits=tuple(_toolkits(host, variable, interpreter)),
        home=home if home or host.live or host.environ else NOT_ASKED,
        nvcc_path=nvcc,
        nvcc_version=version,
        host_compiler=compiler,
        sources={
            "toolkits": "/usr/local, CUDA_HOME, PATH, apt, conda and pip folders",
            "home": variable or "CUDA_HOME and CUDA_PATH",
            "nvcc_path": variable or "PATH, then /usr/local/cuda",
            "nvcc_version": version_source,
            "host_compiler": compiler_source,
        },
    )


def _nvcc_of_a_build(host: Host, home: str | None) -> str | Missing:
    """As `_find_cuda_home` of torch.utils.cpp_extension: variable, nvcc on PATH, /usr/local/cuda.

    https://github.com/pytorch/pytorch/blob/main/torch/utils/cpp_extension.py
    """
    if not home:
        found = host.which("nvcc")
        if isinstance(found, str):
            return found
        home = "/usr/local/cuda"
    nvcc = f"{home.rstrip('/')}/bin/nvcc"
    return nvcc if host.is_file(nvcc) else absent(f"{nvcc} is not there")


def _nvcc_version(host: Host, nvcc: str | Missing) -> Told:
    """From the files around the real nvcc; it is run only where they do not tell (a wrapper)."""
    if isinstance(nvcc, Missing):
        return nvcc, ""
    version, source = _version(host, _root(host.realpath(nvcc)))
    if not isinstance(version, Missing):
        return version, source
    ran = host.run([nvcc, "--version"], RUN_LIMIT)
    if isinstance(ran, Missing):
        return (version if ran == NOT_ASKED else ran), source
    release = re.search(r"release (\d+\.\d+)", ran.out)
    said = release.group(1) if release else failed(f"{nvcc} --version states no release")
    return said, f"{nvcc} --version"


# ---- toolkits ------------------------------------------------------------------------------


def _toolkits(
    host: Host, variable: str | None, interpreter: Interpreter | Missing
) -> Iterator[Toolkit]:
    seen = set()
    for root, origin in _roots(host, variable, interpreter):
        real = host.realpath(root)
        if real in SHARED or not host.is_dir(real):
            continue
        nvcc = host.is_file(f"{real}/bin/nvcc")
        one = host.realpath(f"{real}/bin/nvcc") if nvcc else real  # Debian shows one nvcc twice
        version, _ = _version(host, real)
        if one not in seen and (nvcc or not isinstance(version, Missing)):
            seen.add(one)
            yield Toolkit(real, version, origin, nvcc)


def _roots(
    host: Host, variable: str | None, interpreter: Interpreter | Missing
) -> Iterator[tuple[str, str]]:
    """Folders that may be toolkits and who names them, the one a build would take first."""
    if variable:
        yield host.environ[variable], variable
    if host.is_dir(APT_ROOT):
        yield APT_ROOT, "apt"
    on_path = host.which("nvcc")
    if isinstance(on_path, str):
        yield _root(host.realpath(on_path)), "PATH"
    for pattern in USUAL:
        for folder in host.glob(pattern):
            yield folder, posixpath.dirname(pattern)
    prefixes = [host.environ.get("CONDA_PREFIX", "")]
    if not isinstance(interpreter, Missing):
        prefixes.append(interpreter.prefix)
        for folder in interpreter.path:  # most of what pip puts there is run-time libraries
            for nvcc in host.glob(f"{folder}/nvidia/cu*/bin/nvcc"):
                yield _root(nvcc), "pip"
    for prefix in prefixes:
        if host.is_dir(f"{prefix}/conda-meta") and host.is_file(f"{prefix}/bin/nvcc"):
            yield prefix, "conda"


def _root(nvcc: str) -> str:
    return posixpath.dirname(posixpath.dirname(nvcc)) or "/"


def _version(host: Host, root: str) -> Told:
    """The toolkit's version, "12.1", as its files state it."""
    for read in (_from_json, _from_text, _from_packages, _from_header):
        version, source = read(host, root)
        if version:
            return version, source
    return NOT_TOLD, root


def _from_json(host: Host, root: str) -> tuple[str, str]:
    path = f"{root}/version.json"
    text = host.read(path)
    try:
        said = msgspec.json.decode(text)["cuda"]["version"] if isinstance(text, str) else ""
    except (msgspec.DecodeError, KeyError, TypeError, RecursionError):
        said = ""
    return _two(str(said)), path


def _from_text(host: Host, root: str) -> tuple[str, str]:
    """version.txt, which toolkits before 11.1 and Debian's have: "CUDA Version 10.2.89"."""
    path = f"{'/usr/lib/cuda' if root == APT_ROOT else root}/version.txt"
    text = host.read(path, 1 << 10)
    return _two(text.partition("CUDA Version ")[2]) if isinstance(text, str) else "", path


def _from_packages(host: Host, root: str) -> tuple[str, str]:
    """What conda, or pip beside its folder `nvidia`, calls the compiler's package."""
    conda, site = f"{root}/conda-meta", posixpath.dirname(posixpath.dirname(root))
    beside_pip = posixpath.basename(posixpath.dirname(root)) == "nvidia"
    for folder in (conda, site) if beside_pip else (conda,):
        names = host.names(folder)
        for name in () if isinstance(names, Missing) else names:
            package = re.match(r"(?:cuda-nvcc|nvidia_cuda_nvcc(?:_cu\d+)?)-(\d+\.\d+)", name)
            if package:
                return package.group(1), f"{folder}/{name}"
    return "", conda


def _from_header(host: Host, root: str) -> tuple[str, str]:
    """CUDA_VERSION of cuda.h: 12010 is 12.1."""
    headers = [f"{'/usr' if root == APT_ROOT else root}/include/cuda.h"]
    for path in (*headers, *host.glob(f"{root}/targets/*/include/cuda.h")):
        text = host.read(path, 1 << 17)
        number = re.search(r"#define CUDA_VERSION (\d{4,6})\b", str(text))
        if number:
            value = int(number.group(1))
            return f"{value // 1000}.{value % 1000 // 10}", path
    return "", headers[0]


def _two(text: str) -> str:
    """Major and minor of a version at the start of a text, or nothing."""
    found = re.match(r"\d{1,3}\.\d{1,3}", text)
    return found.group() if found else ""


# ---- the host compiler ---------------------------------------------------------------------


def _host_compiler(host: Host) -> tuple[Compiler | Missing, str]:
    """$CXX, else c++, else g++ on PATH: the C++ compiler of an extension build."""
    wanted, source = host.environ.get("CXX", ""), "CXX"
    if wanted:
        try:
            words = [w for w in shlex.split(wanted) if posixpath.basename(w) not in LAUNCHERS]
        except ValueError as error:
            return failed(f"CXX={wanted!r}: {error}"), source
        program = words[0] if words else ""
        path = program if "/" in program else host.which(program)
    else:
        path, source = host.which("c++"), "PATH"
        if isinstance(path, Missing):
            path = host.which("g++")
    if isinstance(path, Missing):
        return path, source
    ran = host.run([path, "--version"], RUN_LIMIT, env={**host.environ, "LC_ALL": "C"})
    if isinstance(ran, Missing):
        return ran, source
    line = next(iter(ran.out.splitlines()), "")
    clang = re.search(r"\bclang version (\d+(?:\.\d+)+)", line)
    gcc = re.search(r"\) (\d+(?:\.\d+)+)", line)
    if clang:
        return Compiler("clang", clang.group(1), path), f"{path} --version"
    if gcc:
        return Compiler("gcc", gcc.group(1), path), f"{path} --version"
    return failed(f"{path} --version: {line[:80]!r} names no gcc or clang"), source
