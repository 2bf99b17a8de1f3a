"""Which torch builds run on these GPUs with this driver and Python, the best one first.

Pure: facts (real or what-if) and knowledge in, judged builds out. Must not know probes, nor how a
build is installed (`envcheck.resolve.install`).
"""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Literal

import msgspec

from envcheck import compat
from envcheck.kb import Knowledge, order
from envcheck.kb.builds import Build
from envcheck.kb.pep440 import within
from envcheck.resolve.request import Card, Request

Verdict = Literal["runs", "no", "unknown"]
How = Literal["native", "binary", "ptx", "no", "unknown"]
Constraint = Literal["gpu", "driver", "python", "glibc", "index"]

_HOW: dict[How, int] = {"native": 0, "binary": 1, "unknown": 2, "ptx": 3, "no": 4}
_VERDICT: dict[Verdict, int] = {"runs": 2, "unknown": 1, "no": 0}
_TAG_GLIBC = re.compile(r"manylinux_(\d+)_(\d+)_\w+")


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One build and whether it runs. `how` is about its code alone, whatever else excludes it."""

    build: Build
    cuda: str
    verdict: Verdict
    how: How
    driver: compat.DriverVerdict | None  # None: no driver is known, or none that counts
    reasons: tuple[str, ...]
    excluded: frozenset[Constraint]
    companions: Mapping[str, str]  # of those asked for, the releases that pair with it


def judge(request: Request, kb: Knowledge) -> tuple[Judged, ...]:
    """Every CUDA build asked about, the best first.

    What runs comes first; then the newest torch; of one release the build that has all companions,
    that `pip install torch` brings, whose CUDA the driver serves by itself, with the newest CUDA.
    """
    judge = _Judge(request, kb)
    return tuple(sorted(map(judge.judge, candidates(request, kb)), key=rank, reverse=True))


def best(judged: tuple[Judged, ...]) -> Judged | None:
    """The build to install; None when nothing is known to run."""
    return judged[0] if judged and judged[0].verdict == "runs" else None


def candidates(request: Request, kb: Knowledge) -> tuple[Build, ...]:
    """The CUDA builds that a request asks about, whether they run or not."""
    return tuple(
        build
        for build in kb.builds
        if build.cuda is not None
        and build.platform == request.machine.platform
        and (request.cuda is None or build.cuda == request.cuda)
        and (request.torch is None or within(build.torch, request.torch))
    )


def glibc_of(build: Build) -> str | None:
    """The oldest glibc a build works with; None: not known, and older than pip asks for."""
    match = _TAG_GLIBC.fullmatch(build.manylinux or "")
    return build.glibc or (f"{match[1]}.{match[2]}" if match else None)


def branches(cards: tuple[Card, ...], kb: Knowledge) -> tuple[int, int | None]:
    """The oldest and the newest driver branch that support all these GPUs; None: no end is known.
    When the newest is below the oldest, no driver supports them all.
    """
    archs = [arch for card in cards if (arch := kb.gpus.arch(card.sm))]
    first = max((arch.first_branch for arch in archs if arch.first_branch), default=0)
    return first, min((arch.last_branch for arch in archs if arch.last_branch), default=None)


def rank(one: Judged) -> tuple[object, ...]:
    """Sorts builds; the greatest is the best."""
    full = "no" if one.driver is None else one.driver.how
    return (
        _VERDICT[one.verdict],
        order(one.build.torch),
        len(one.companions),
        one.build.default,
        full != "minor",
        order(one.cuda),
    )


class _Judge:
    """One request; what does not depend on the build is worked out once."""

    def __init__(self, request: Request, kb: Knowledge) -> None:
        self.request, self.kb = request, kb
        self.machine = request.machine
        self._drivers: dict[str, compat.DriverVerdict] = {}
        self._pairs: dict[str, dict[str, str]] = {}

    def judge(self, build: Build) -> Judged:
        cuda = build.cuda or ""
        against: dict[Constraint, list[str]] = {}
        how, code, unsure = self._code(build, cuda, against)
        driver = self._driver(cuda, against, code, unsure)
        self._wheel(build, against, unsure)
        verdict: Verdict = "no" if against else "unknown" if unsure else "runs"
        refused = [reason for reasons in against.values() for reason in reasons]
        pairs = self._companions(build, cuda)
        return Judged(
            build=build,
            cuda=cuda,
            verdict=verdict,
            how=how,
            driver=driver,
            reasons=tuple(refused or unsure + code + self._notes(build, pairs)),
            excluded=frozenset(against),
            companions=pairs,
        )

    def _code(
        self, build: Build, cuda: str, against: dict[Constraint, list[str]]
    ) -> tuple[How, list[str], list[str]]:
        """How the build's code runs on every GPU: reasons for, and what cannot be known."""
        if not self.machine.gpus:
            return "unknown", [], ["no GPU is named: whether it has code for it is not judged"]
        if not build.sass and not build.ptx:
            return "unknown", [], ["which GPU code it holds is not known"]
        hows: set[How] = set()
        good, unsure, refused = [], [], []
        for card in dict.fromkeys(self.machine.gpus):
            verdict = compat.runs(
                build.sass,
                build.ptx,
                card.sm,
                cuda=cuda,
                driver=self.machine.driver,
                partial=build.partial,
                windows=self.request.windows_driver,
                kb=self.kb,
            )
            hows.add(verdict.how)
            if not verdict.runs:
                refused.append(f"no code for {card}: {verdict.reason}")
            elif verdict.how == "ptx":
                unsure.append(
                    f"{card}: only its PTX {verdict.code} fits; the driver compiles torch's own"
                    " kernels, and CUDA's libraries may have none for it"
                )
            else:
                good.append(f"{card}: {verdict.reason}")
        if refused:
            others = good and len(self.machine.gpus) > 1
            against["gpu"] = refused + (["the other GPUs could run it"] if others else [])
        return max(hows, key=_HOW.__getitem__), good, unsure

    def _driver(
        self,
        cuda: str,
        against: dict[Constraint, list[str]],
        good: list[str],
        unsure: list[str],
    ) -> compat.DriverVerdict | None:
        """Whether the driver serves this CUDA and still, or already, knows the GPUs."""
        version = self.machine.driver
        if cuda not in self._drivers:
            self._drivers[cuda] = compat.driver_serves(
                version or "0", cuda, windows=self.request.windows_driver, kb=self.kb
            )
        verdict = self._drivers[cuda]
        if self.integrated:
            told = unsure if version else good
            told.append(f"a Jetson's driver comes with JetPack, which must be one for CUDA {cuda}")
            return None
        if version is None:
            first, last = branches(self.machine.gpus, self.kb)
            if last is not None and last < max(first, order(verdict.needed or "0")[0]):
                against["driver"] = [f"no driver serves CUDA {cuda} and supports all these GPUs"]
            elif verdict.needed:
                good.append(f"CUDA {cuda} needs driver {verdict.needed} or newer")
            return None
        refused = list(self.unsupported)
        if verdict.serves is False:
            refused.insert(0, verdict.reason)
        elif verdict.serves is None:
            unsure.append(verdict.reason)
        else:
            good.append(verdict.reason)
        if refused:
            against["driver"] = refused
        return verdict

    def _wheel(self, build: Build, against: dict[Constraint, list[str]], unsure: list[str]) -> None:
        """Whether there is a wheel for this Python that this glibc loads."""
        python, glibc, needed = self.machine.python, self.machine.glibc, glibc_of(build)
        if python and build.python and python not in build.python:
            has = ", ".join(build.python)
            against["python"] = [f"no wheel for Python {python}, only for {has}"]
        elif python and not build.python:
            unsure.append(f"whether there is a wheel for Python {python} is not known")
        if glibc and needed and order(glibc) < order(needed):
            against["glibc"] = [f"it needs glibc {needed} or newer, and this is {glibc}"]

    @cached_property
    def integrated(self) -> bool:
        """Whether a GPU is a Jetson's, whose driver is not counted like the others'."""
        archs = [self.kb.gpus.arch(card.sm) for card in self.machine.gpus]
        return any(arch.integrated for arch in archs if arch)

    @cached_property
    def unsupported(self) -> tuple[str, ...]:
        """The GPUs that the driver does not know yet, or no longer."""
        if self.machine.driver is None:
            return ()
        verdicts = [
            compat.driver_supports_gpu(self.machine.driver, card.sm, kb=self.kb)
            for card in dict.fromkeys(self.machine.gpus)
        ]
        return tuple(dict.fromkeys(v.reason for v in verdicts if v.supports is False))

    def _companions(self, build: Build, cuda: str) -> dict[str, str]:
        """The releases that pair with a build, where they were built for its CUDA and Python."""
        if build.torch not in self._pairs:
            found = {
                name: self.kb.torch.pair(name, build.torch) for name in self.request.companions
            }
            self._pairs[build.torch] = {name: v for name, v in found.items() if v}
        return {
            name: version
            for name, version in self._pairs[build.torch].items()
            if self._published(version, cuda)
        }

    def _published(self, version: str, cuda: str) -> bool:
        """torchaudio is numbered like torch, and one release serves later torches: it was built
        for the CUDA and Python versions of its own time only.
        https://github.com/pytorch/pytorch/issues/193651
        """
        release = self.kb.torch.release(version)
        if release is None:
            return True  # numbered otherwise: made for one torch, in all its variants
        python = self.machine.python
        return cuda in release.variants and (python is None or python in release.python)

    def _notes(self, build: Build, pairs: dict[str, str]) -> list[str]:
        """What is worth knowing of a build that runs."""
        notes = [
            f"{gap.library} has no {', '.join(gap.lacks)} code: {gap.what}"
            for gap in self.kb.torch.gaps_of(build.torch)
            if any(f"sm_{card.sm.replace('.', '')}" in gap.lacks for card in self.machine.gpus)
        ]
        if build.kind == "inferred":
            notes.append(f"which code it has is inferred, not read: {build.note}".rstrip(": "))
        notes += [
            f"{name} has no release for torch {build.torch} with CUDA {build.cuda}"
            for name in self.request.companions
            if name not in pairs
        ]
        return notes
