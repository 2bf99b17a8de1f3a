"""The matrix: which torch build runs on which GPU. Filters and judges, knows no output format."""

import re
from collections.abc import Sequence
from typing import Literal, get_args

import msgspec

from envcheck import compat
from envcheck.errors import UsageError
from envcheck.kb import Knowledge, Sm, SmError, order
from envcheck.kb.builds import Build, Platform
from envcheck.kb.gpus import Arch

PLATFORMS: tuple[Platform, ...] = get_args(Platform)
_CUDA = re.compile(r"cu(\d\d)(\d)|(\d{1,2})(?:\.(\d{1,2}))?")
How = Literal["native", "binary", "ptx", "partial", "no"]


class Family(msgspec.Struct, frozen=True):
    """Columns of one GPU family: ("Ampere", ("8.0", "8.6"))."""

    name: str
    sms: tuple[str, ...]


class Row(msgspec.Struct, frozen=True):
    """A build, and how it runs on each column's GPUs: "partial" when only some kernels do."""

    build: Build
    cells: dict[str, How]


class Table(msgspec.Struct, frozen=True):
    """The builds of one platform, the newest release and CUDA first."""

    platform: str
    families: tuple[Family, ...]
    rows: tuple[Row, ...]


def select(
    kb: Knowledge,
    *,
    torch: str | None = None,
    cuda: str | None = None,
    platform: str | None = None,
    sms: Sequence[str] = (),
    gpus: Sequence[str] = (),
    kind: str | None = None,
) -> tuple[Build, ...]:
    """The builds that fit every filter given.

    Args:
        torch: "2.4.0", "2.4", "2.4.*" or a PEP 440 specifier.
        cuda: "12.1", "cu121", "12", or "cpu".
        sms: compute capabilities, "9.0" or "sm_90", that the build must run on, all of them.
        gpus: the same by product name, "H100".

    Raises:
        UsageError: a filter that cannot be understood, or a GPU that is not known.
    """
    wanted = [_sm(text, kb) for text in sms] + [_sm_of(name, kb) for name in gpus]
    releases = _releases(torch, {row.torch for row in kb.builds})
    return tuple(
        row
        for row in kb.builds
        if row.torch in releases
        and (cuda is None or _has_cuda(row, cuda))
        and platform in (None, row.platform)
        and kind in (None, row.kind)
        and all(cell(row, arch, kb) in ("native", "binary", "ptx") for arch in wanted)
    )


def tables(builds: Sequence[Build], kb: Knowledge) -> tuple[Table, ...]:
    """A table for each platform that has builds, its columns every compute capability that one of
    its builds has something for.
    """
    newest_first = sorted(
        builds, key=lambda b: (order(b.torch), order(b.cuda or "0")), reverse=True
    )
    return tuple(
        _table(platform, same, kb)
        for platform in PLATFORMS
        if (same := [build for build in newest_first if build.platform == platform])
    )


def _table(platform: str, builds: Sequence[Build], kb: Knowledge) -> Table:
    archs = [arch for arch in kb.gpus.archs if not _old_name(arch)]
    rows = [Row(build, {arch.sm: cell(build, arch, kb) for arch in archs}) for build in builds]
    families: dict[str, list[str]] = {}
    for arch in archs:
        if any(row.cells[arch.sm] != "no" for row in rows):
            families.setdefault(arch.family, []).append(arch.sm)
    return Table(
        platform, tuple(Family(name, tuple(sms)) for name, sms in families.items()), tuple(rows)
    )


def _old_name(arch: Arch) -> bool:
    return arch.same_as is not None and order(arch.same_as) > order(arch.sm)


def cell(build: Build, arch: Arch, kb: Knowledge) -> How:
    """How a build runs on the GPUs of an architecture, as `compat.runs` judges it."""
    if arch.integrated and build.platform != "linux-aarch64":
        return "no"  # there is no such board
    verdict = compat.runs(build.sass, build.ptx, arch.sm, cuda=build.cuda, kb=kb)
    if verdict.how == "no" and any(Sm.parse(p).plain.dotted == arch.sm for p in build.partial):
        return "partial"
    return verdict.how


def pythons(build: Build) -> str:
    """ "3.8–3.12, 3.13t": the Python versions there are wheels for."""
    plain = [text for text in build.python if not text.endswith("t")]
    ends = list(dict.fromkeys((plain[0], plain[-1]))) if plain else []
    return ", ".join(["–".join(ends), *(t for t in build.python if t.endswith("t"))]).strip(", ")


def _releases(torch: str | None, known: set[str]) -> set[str]:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    if torch is None:
        return known
    text = torch.strip().removeprefix("torch")
    if text[:1].isdigit():  # "2.4" means the series, as people say it
        text = "==" + (text if text.count(".") > 1 or text.endswith("*") else f"{text}.*")
    try:
        specifier = SpecifierSet(text)
    except InvalidSpecifier as error:
        raise UsageError(f"--torch {torch}: write 2.4.0, 2.4.* or '>=2.4,<2.6'") from error
    return {release for release in known if release in specifier}


def _has_cuda(build: Build, cuda: str) -> bool:
    text = cuda.strip().lower()
    if text == "cpu":
        return build.cuda is None
    match = _CUDA.fullmatch(text)
    if match is None:
        raise UsageError(f"--cuda {cuda}: write 12.1, cu121, 12 or cpu")
    major, minor = match[1] or match[3], match[2] or match[4]
    have = (build.cuda or "").split(".")
    return have[0] == major and minor in (None, *have[1:2])


def _sm(text: str, kb: Knowledge) -> Arch:
    try:
        arch = kb.gpus.arch(Sm.parse(text).plain.dotted)
    except SmError as error:
        raise UsageError(str(error)) from error
    if arch is None:
        raise UsageError(f"compute capability {text} is not known")
    return arch


def _sm_of(name: str, kb: Knowledge) -> Arch:
    match = kb.gpu_by_name(name)
    if match.gpu is None:
        near = ", ".join(match.suggestions)
        hint = f"; did you mean {near}?" if near else "; give its compute capability with --sm"
        raise UsageError(
            f"GPU {name!r} is {'ambiguous' if match.how == 'ambiguous' else 'not known'}{hint}"
        )
    return _sm(match.gpu.sm, kb)
