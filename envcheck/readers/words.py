"""What versions and names in reports mean: torch builds, GPUs, operating systems.

What the text itself does not say is looked up in the knowledge base, and its source says so.
"""

import re

from envcheck.facts import (
    NOT_ASKED,
    Companion,
    Distribution,
    Gpu,
    Host,
    Missing,
    Symptom,
    TorchBuild,
)
from envcheck.kb import Knowledge, Sm

KB = "knowledge base"
RELEASE = re.compile(r"(\d{1,3}\.\d{1,3}(?:\.\d{1,3})?)(?:\+(cu\d{2,3}|cpu|cxx11\.abi))?")
DRIVER = re.compile(r"\b(\d{3}\.\d{2,3}(?:\.\d{1,2})?)\b")
_LOCAL = re.compile(r"\+cu(\d{2,3})")
_OS = (  # how reports name systems → ID of os-release
    ("ubuntu", "ubuntu"), ("debian", "debian"), ("red hat", "rhel"), ("rocky", "rocky"),
    ("centos", "centos"), ("almalinux", "almalinux"), ("fedora", "fedora"), ("amazon", "amzn"),
    ("arch linux", "arch"), ("opensuse", "opensuse"), ("suse", "sles"), ("pop!_os", "pop"),
    ("linux mint", "linuxmint"), ("manjaro", "manjaro"), ("alpine", "alpine"),
)  # fmt: skip


def gpu(index: int, name: str, kb: Knowledge, **fields: object) -> Gpu:
    """A GPU by its name; its compute capability where the name says which product it is."""
    known = kb.gpu_by_name(name).gpu if name else None
    fields.setdefault("sm", known.sm if known else NOT_ASKED)
    return Gpu(index=index, name=name or NOT_ASKED, **fields)  # type: ignore[arg-type]


def minor(version: str) -> str:
    """ "10.1.243" → "10.1"."""
    return ".".join(version.split(".")[:2])


def cuda_of(version: str) -> "str | None | Missing":
    """The CUDA that a version's local part names: "2.4.0+cu121" → "12.1", "+cpu" → None."""
    match = _LOCAL.search(version)
    if match:
        return f"{match[1][:-1]}.{match[1][-1]}"
    return None if version.endswith("+cpu") else NOT_ASKED


def torch_build(
    version: str, cuda: "str | None | Missing", platform: str, source: str, kb: Knowledge
) -> TorchBuild:
    """A torch build by what a text says of it; its GPU code is that of the release's wheel."""
    from envcheck.kb.versions import minor as kb_minor

    sources = {"*": source}
    sass = ptx = partial = NOT_ASKED  # type: tuple[str, ...] | Missing
    if isinstance(cuda, Missing):
        cuda = cuda_of(version)
    if isinstance(cuda, str):
        cuda = minor(cuda)
    match = RELEASE.fullmatch(version)
    if match and isinstance(cuda, str):
        for build in kb.builds.of(match[1]):
            if build.platform == platform and build.cuda and kb_minor(build.cuda) == cuda:
                sass, ptx, partial = build.sass or NOT_ASKED, build.ptx, build.partial
                sources["sass"] = sources["ptx"] = f"{KB}: the wheel of {match[1]}"
        if isinstance(sass, Missing) and not kb.builds.of(match[1]):
            sass = _at_most(cuda, kb) or NOT_ASKED
            sources["sass"] = f"{KB}: at most what nvcc {cuda} compiles for"
    hip = re.search(r"\+rocm(\w[\w.]*)", version)
    return TorchBuild(
        version=version,
        cuda=None if hip or "+xpu" in version else cuda,
        hip=hip[1] if hip else None,
        xpu="" if "+xpu" in version else None,
        sass=sass,
        ptx=ptx,
        partial=partial,
        sources=sources,
    )


def _at_most(cuda: str, kb: Knowledge) -> tuple[str, ...]:
    """The architectures that a release not in the knowledge base can hold: its nvcc's."""
    known = [Sm.parse(arch.sm) for arch in kb.gpus.archs if not arch.integrated]
    return tuple(sm.sass for sm in known if kb.cuda.nvcc_targets(cuda, sm).compiles)


def companions(distributions: tuple[Distribution, ...]) -> tuple[Companion, ...]:
    """torchvision and torchaudio of a list of packages; their CUDA where the version says it."""
    return tuple(
        Companion(name=dist.name, version=dist.version, cuda=_cuda_of_companion(dist))
        for dist in distributions
        if dist.name in ("torchvision", "torchaudio")
    )


def _cuda_of_companion(dist: Distribution) -> "str | None | Missing":
    return cuda_of_build(dist.build) if dist.build else cuda_of(dist.version)


def cuda_of_build(build: str) -> "str | None | Missing":
    """The CUDA a conda build string names: "py310_cuda12.1_0" → "12.1", "py3.9_cpu_0" → None."""
    match = re.search(r"cu(?:da)?_?(\d{1,2})\.?(\d)", build)
    if match:
        return f"{match[1]}.{match[2]}"
    return None if "cpu" in build else NOT_ASKED


def host(os_name: str, kernel: str, glibc: str, source: str) -> Host:
    """The operating system by its name in a report: "Ubuntu 22.04.4 LTS (x86_64)"."""
    lower = os_name.lower()
    arch = re.search(r"\((x86_64|aarch64|arm64|ppc64le)\)", lower)
    version = re.search(r"\d{1,3}(?:\.\d{1,2})?", os_name)
    platform = (
        "windows" if "windows" in lower else "macos" if re.search(r"mac ?os", lower) else "linux"
    )
    os_id = next((key for word, key in _OS if word in lower), None)
    bits = arch[1] if arch else "x86_64" if platform == "windows" else None
    return Host(
        os_id=os_id or NOT_ASKED,
        os_version=version[0] if version and os_id else NOT_ASKED,
        os_name=os_name or NOT_ASKED,
        kernel=kernel or NOT_ASKED,
        arch={"arm64": "aarch64"}.get(bits, bits) if bits else NOT_ASKED,
        platform=platform,
        glibc=glibc or NOT_ASKED,
        sources={"*": source},
    )


def platform_of(host: "Host | Missing") -> str:
    """The wheel platform of a host; Linux on x86_64 where nothing is said."""
    if isinstance(host, Missing):
        return "linux-x86_64"
    arch = host.arch if isinstance(host.arch, str) else "x86_64"
    return f"{host.platform if isinstance(host.platform, str) else 'linux'}-{arch}"


def inferred(name: str, issue: str, line: str) -> Symptom:
    """A symptom that several fields of a report make together."""
    return Symptom(name, issue, line[:300])
