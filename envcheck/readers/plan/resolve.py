"""A `Draft` → the Snapshot of the machine that it would make, as far as the plan says.

Versions are those an installer would choose: exact ones as written, torch and its companions by
the knowledge base, of other packages nothing is guessed.
"""

import re

from msgspec.structs import replace

from envcheck.facts import (
    NOT_ASKED,
    Companion,
    Container,
    Distribution,
    Environment,
    Host,
    Missing,
    PythonEnv,
    Snapshot,
    TorchBuild,
    absent,
)
from envcheck.facts.plan import BaseImage, GpuAccess, Plan, Wanted
from envcheck.kb import Knowledge
from envcheck.kb.builds import Platform
from envcheck.kb.images import Named
from envcheck.kb.pep440 import within
from envcheck.kb.torch import Release
from envcheck.kb.versions import minor
from envcheck.readers import words
from envcheck.readers.plan.draft import Asked, Draft

COMPANIONS = ("torchvision", "torchaudio")
_EXACT = re.compile(r"={2,3}\s*(\d[\w.!+-]*)")
_INDEX = re.compile(r"(?:/whl/(?:nightly/|test/)?|torch-backend/)(cu\d{2,3}|cpu)\b")
_CONDA_CUDA = ("pytorch-cuda", "cuda-version", "cudatoolkit")
_KEPT = ("NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "LD_LIBRARY_PATH",
         "CUDA_VISIBLE_DEVICES", "TORCH_CUDA_ARCH_LIST", "CUDA_HOME", "PYTHONPATH")  # fmt: skip


def snapshot(draft: Draft, kb: Knowledge, platform: Platform, python: str | None) -> Snapshot:
    """What the plan would install.

    Args:
        platform: of the wheels, "linux-x86_64".
        python: of the machine, where the plan leaves it open and installs into it.
    """
    named = kb.images.named(draft.image[0]) if draft.image else None
    version, version_from = _python(draft, named, python)
    wanted = [_wanted(asked, draft, kb, platform, version) for asked in draft.asked]
    wanted = _companions(wanted, kb)
    if named and "torch" in named.versions and not any(one.name == "torch" for one in wanted):
        assert draft.image is not None
        wanted.append(
            Wanted(
                name="torch",
                specifier=f"=={named.versions['torch']}",
                version=named.versions["torch"],
                cuda=minor(named.versions["cuda"]),
                where=draft.image[1],
            )
        )
    variables = {key: value for key, (value, _) in draft.environment.items() if key in _KEPT}
    return Snapshot(
        origin="plan",
        host=_host(named, draft),
        container=_container(draft),
        environment=Environment(
            variables=variables,
            sources={key: where for key, (_, where) in draft.environment.items() if key in _KEPT},
        )
        if variables
        else NOT_ASKED,
        python=_environment(wanted, version, version_from, platform),
        torch=_torch(wanted, kb, platform),
        plan=Plan(
            files=tuple(draft.files),
            wanted=tuple(wanted),
            base_image=_image(draft, named),
            gpu_access=GpuAccess(asked=draft.gpus[0], service=draft.gpus[1], where=draft.gpus[2])
            if draft.gpus
            else NOT_ASKED,
            capabilities=draft.environment["NVIDIA_DRIVER_CAPABILITIES"][0]
            if "NVIDIA_DRIVER_CAPABILITIES" in draft.environment
            else NOT_ASKED,
            not_read=tuple(dict.fromkeys(draft.not_read)),
            sources={
                "*": draft.files[0] if draft.files else "",
                **(
                    {"capabilities": draft.environment["NVIDIA_DRIVER_CAPABILITIES"][1]}
                    if "NVIDIA_DRIVER_CAPABILITIES" in draft.environment
                    else {}
                ),
            },
        ),
    )


def _python(draft: Draft, named: Named | None, here: str | None) -> tuple[str | None, str]:
    if draft.python:
        return draft.python
    if named is not None and draft.image:
        version = named.versions.get("python") or (named.system.python if named.system else None)
        return version, draft.image[1]
    return (None, "") if draft.image else (here, "this machine")


def _wanted(
    asked: Asked, draft: Draft, kb: Knowledge, platform: Platform, python: str | None
) -> Wanted:
    exact = _EXACT.fullmatch(asked.specifier.strip())
    version: str | Missing = exact[1] if exact and not exact[1].endswith(".*") else NOT_ASKED
    cuda: str | None | Missing = NOT_ASKED
    if asked.name == "torch":
        cuda = _cuda(asked, draft, kb)
        version, cuda = _release(asked, version, cuda, kb, platform, python)
    elif asked.name in COMPANIONS:
        cuda = _cuda(asked, draft, kb)
    return Wanted(
        name=asked.name,
        specifier=asked.specifier,
        version=version,
        cuda=cuda,
        installer=asked.installer,
        locked=asked.locked,
        where=asked.where,
    )


def _cuda(asked: Asked, draft: Draft, kb: Knowledge) -> str | None | Missing:
    """The CUDA variant that is asked for; NOT_ASKED: the default one."""
    for text in (asked.specifier, asked.url):
        found = words.cuda_of(text)
        if not isinstance(found, Missing):
            return found
        if "+cpu" in text:
            return None
    if asked.installer == "conda":
        return _conda_cuda(asked, draft)
    for url in (*asked.indexes, asked.url):
        if match := _INDEX.search(url):
            tag = match[1]
            return None if tag == "cpu" else f"{tag[2:-1]}.{tag[-1]}"
    return NOT_ASKED


def _conda_cuda(asked: Asked, draft: Draft) -> str | None | Missing:
    if asked.build:
        found = words.cuda_of_build(asked.build)
        if not isinstance(found, Missing):
            return found
    for other in draft.asked:
        if other.name == "cpuonly":
            return None
        if other.name in _CONDA_CUDA and (match := re.search(r"\d+\.\d+", other.specifier)):
            return match[0]
    return NOT_ASKED


def _release(
    asked: Asked,
    exact: str | Missing,
    cuda: str | None | Missing,
    kb: Knowledge,
    platform: Platform,
    python: str | None,
) -> tuple[str | Missing, str | None | Missing]:
    """The torch and the CUDA that would come: the newest release that has such a wheel."""
    if asked.locked or asked.url or asked.installer == "conda":
        known = kb.torch.release(exact) if isinstance(exact, str) else None
        if isinstance(cuda, Missing) and known and asked.installer != "conda":
            cuda = _default(known, kb, platform)
        return exact, cuda
    public = asked.specifier.partition("+")[0]
    matching = [
        row for row in reversed(kb.torch.releases) if (not public or within(row.version, public))
    ]
    for row in matching:
        if python is not None and minor(python) not in row.python:
            continue
        if isinstance(cuda, str) and cuda not in row.variants:
            continue
        version = exact if isinstance(exact, str) else row.version
        return version, _default(row, kb, platform) if isinstance(cuda, Missing) else cuda
    if isinstance(exact, str) and not matching:
        return exact, cuda  # a release that is not known here
    why = f"Python {python}" if python else "this CUDA"
    return (exact if isinstance(exact, str) else absent(f"no torch for {why}")), cuda


def _default(row: Release, kb: Knowledge, platform: Platform) -> str | None:
    """The CUDA of what plain `pip install torch` brings on this platform."""
    for build in kb.builds.of(row.version):
        if build.platform == platform and build.default:
            return build.cuda
    return row.cuda if platform == "linux-x86_64" else None


def _companions(wanted: list[Wanted], kb: Knowledge) -> list[Wanted]:
    """torchvision and torchaudio without a version come in the one made for the torch."""
    torch = next((one for one in wanted if one.name == "torch"), None)
    if torch is None or isinstance(torch.version, Missing):
        return wanted
    found = []
    for one in wanted:
        if one.name in COMPANIONS and isinstance(one.version, Missing) and not one.specifier:
            version = kb.torch.pair(one.name, torch.version)
            one = replace(one, version=version or NOT_ASKED)
        found.append(one)
    return found


def _environment(wanted: list[Wanted], version: str | None, where: str, platform: str) -> PythonEnv:
    distributions = tuple(
        Distribution(one.name, _full(one), path=one.where, installer=one.installer)
        for one in wanted
        if isinstance(one.version, str)
    )
    tag = f"cp{version.replace('.', '')}" if version and version.count(".") == 1 else ""
    conda = any(one.installer == "conda" for one in wanted)
    return PythonEnv(
        executable="python",
        chosen_by="the plan",
        version=version or NOT_ASKED,
        implementation="cpython",
        tag=f"{tag}-{tag}" if tag else NOT_ASKED,
        platform=platform,
        manager="conda" if conda else NOT_ASKED,
        distributions=distributions,
        sources={"*": where, "version": where},
    )


def _full(one: Wanted) -> str:
    """The version with its CUDA tag, as it will say itself."""
    version = str(one.version)
    if one.name != "torch" or isinstance(one.cuda, Missing) or "+" in version:
        return version
    return version if one.cuda is None else f"{version}+cu{one.cuda.replace('.', '')}"


def _torch(wanted: list[Wanted], kb: Knowledge, platform: Platform) -> TorchBuild | Missing:
    torch = next((one for one in reversed(wanted) if one.name == "torch"), None)
    if torch is None:
        return NOT_ASKED
    if isinstance(torch.version, Missing):
        return NOT_ASKED  # there is no such wheel, which is for a check of plans to say
    build = words.torch_build(_full(torch), torch.cuda, platform, torch.where, kb)
    return replace(
        build,
        installer=torch.installer,
        companions=tuple(
            Companion(name=one.name, version=one.version, cuda=one.cuda)
            for one in wanted
            if one.name in COMPANIONS and isinstance(one.version, str)
        ),
    )


def _host(named: Named | None, draft: Draft) -> Host | Missing:
    """The system inside the image, where its name says it."""
    if named is None or named.system is None or draft.image is None:
        return NOT_ASKED
    system = named.system
    return Host(
        glibc=system.glibc or (absent(system.libc) if system.libc != "glibc" else NOT_ASKED),
        sources={"*": draft.image[1]},
    )


def _container(draft: Draft) -> Container | Missing:
    if draft.image is None:
        return NOT_ASKED
    given = draft.environment
    where = draft.image[1]
    return Container(
        runtime="docker",
        visible_devices=given["NVIDIA_VISIBLE_DEVICES"][0]
        if "NVIDIA_VISIBLE_DEVICES" in given
        else NOT_ASKED,
        driver_capabilities=given["NVIDIA_DRIVER_CAPABILITIES"][0]
        if "NVIDIA_DRIVER_CAPABILITIES" in given
        else NOT_ASKED,
        sources={"*": where},
    )


def _image(draft: Draft, named: Named | None) -> BaseImage | None:
    if draft.image is None:
        return None
    cuda = named.versions.get("cuda") if named else None
    system = named.system if named else None
    return BaseImage(
        name=draft.image[0],
        cuda=minor(cuda) if cuda else NOT_ASKED,
        libc=system.libc if system else NOT_ASKED,
        where=draft.image[1],
    )
