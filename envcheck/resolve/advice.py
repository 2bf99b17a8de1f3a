"""Why no torch build runs: what each constraint excludes, and the smallest change that would help.

Pure, like `envcheck.resolve`, which it asks again with one constraint less.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations

from msgspec.structs import replace

from envcheck import compat
from envcheck.kb import Knowledge, order
from envcheck.resolve.judge import Constraint, Judged, branches, glibc_of, judge
from envcheck.resolve.request import Card, Request

JETPACK = "https://docs.nvidia.com/deeplearning/frameworks/install-pytorch-jetson-platform/"

_SOFTWARE = ("driver", "python", "glibc")
_OTHER = {"cuda": "another CUDA", "torch": "another torch release"}
_TERMS = (*_SOFTWARE, *_OTHER, "gpu")


def exclusions(judged: tuple[Judged, ...], request: Request) -> tuple[str, ...]:
    """How many builds each constraint excludes: "driver 450.80.02 excludes 60 of 82 builds"."""
    counts = Counter(constraint for one in judged for constraint in one.excluded)
    machine = request.machine
    names: dict[Constraint, str] = {
        "gpu": ", ".join(map(str, dict.fromkeys(machine.gpus))),
        "driver": f"driver {machine.driver}",
        "python": f"Python {machine.python}",
        "glibc": f"glibc {machine.glibc}",
        "index": "what the package indexes have",
    }
    asked = [f"torch {request.torch}"] if request.torch else []
    asked += [f"CUDA {request.cuda}"] if request.cuda else []
    of = f"the {len(judged)} builds of {' for '.join(asked)}" if asked else f"{len(judged)} builds"
    return tuple(f"{names[c]} excludes {n} of {of}" for c, n in counts.most_common())


def remedies(request: Request, kb: Knowledge) -> tuple[str, ...]:
    """The smallest changes after which a build runs, each a phrase that names the build; as few
    things changed at once as will do. Empty: no change of the machine's software helps.
    """
    archs = [kb.gpus.arch(card.sm) for card in request.machine.gpus]
    if any(arch and arch.integrated for arch in archs):
        return (f"the wheels that NVIDIA makes for this Jetson's JetPack, {JETPACK}",)
    terms = [term for term in _TERMS if _stated(request, term)]
    for size in range(1, len(terms) + 1):
        found = [
            phrase
            for without in combinations(terms, size)
            for trial, left_out in _trials(request, without)
            if (phrase := _phrase(request, trial, without, left_out, kb))
        ]
        if found:
            return tuple(dict.fromkeys(found)) + _forward(request, kb)
    return ()


def _stated(request: Request, term: str) -> bool:
    if term == "gpu":
        return len(set(request.machine.gpus)) > 1
    holder = request if term in _OTHER else request.machine
    return getattr(holder, term) is not None


def _trials(request: Request, without: tuple[str, ...]) -> Iterator[tuple[Request, Card | None]]:
    """The request with terms left open; of a mixed box each GPU in turn is left out."""
    machine = replace(request.machine, **{t: None for t in without if t in _SOFTWARE})
    trial = replace(request, machine=machine, **{t: None for t in without if t in _OTHER})
    if "gpu" not in without:
        yield trial, None
        return
    for card in dict.fromkeys(machine.gpus):
        gpus = tuple(gpu for gpu in machine.gpus if gpu != card)
        yield replace(trial, machine=replace(machine, gpus=gpus)), card


def _phrase(
    request: Request,
    trial: Request,
    without: tuple[str, ...],
    left_out: Card | None,
    kb: Knowledge,
) -> str | None:
    """ "driver 525.60.13 or newer: then torch 2.8.0 for CUDA 12.8 runs"; None: nothing does."""
    running = tuple(one for one in judge(trial, kb) if one.verdict == "runs")
    if not running:
        return None
    words = []
    if "python" in without:  # the nearest one that helps, and what runs with it
        python = _nearest(request.machine.python or "", running)
        running = tuple(one for one in running if python in one.build.python)
        words.append(f"Python {python}")
    if "glibc" in without:
        words.append(f"glibc {min(filter(None, map(_glibc, running)), key=order)} or newer")
    chosen = running[0]
    if "driver" in without:
        chosen, phrase = _driver(request, trial, running, kb)
        words.insert(0, phrase)
    if left_out:
        words.append(f"without the {left_out}")
    words += [what for term, what in _OTHER.items() if term in without]
    return f"{' and '.join(words)}: then torch {chosen.build.torch} for CUDA {chosen.cuda} runs"


def _glibc(one: Judged) -> str | None:
    return glibc_of(one.build)


def _nearest(asked: str, running: tuple[Judged, ...]) -> str:
    """The Python next to the one asked for; an older one before a newer one."""
    has = sorted({p for one in running for p in one.build.python if "t" not in p}, key=order)
    older = [p for p in has if order(p) <= order(asked.rstrip("t"))]
    return older[-1] if older else has[0]


def _driver(
    request: Request, trial: Request, running: tuple[Judged, ...], kb: Knowledge
) -> tuple[Judged, str]:
    """The build that runs with the smallest change of the driver, and that change."""
    windows = request.windows_driver
    first, last = branches(trial.machine.gpus, kb)
    if last is not None and order(request.machine.driver or "0")[0] > last:
        newest = f"{last}.999"
        served = (
            one
            for one in running
            if compat.driver_serves(newest, one.cuda, windows=windows, kb=kb).serves
        )
        return next(served), f"driver branch {last}, the last for these GPUs"

    def floor(one: Judged) -> str:
        needed = compat.driver_serves("0", one.cuda, windows=windows, kb=kb).needed
        return max(needed or "0", str(first), key=order)

    chosen = min(running, key=lambda one: order(floor(one)))
    return chosen, f"driver {floor(chosen)} or newer" + (f", up to branch {last}" if last else "")


def _forward(request: Request, kb: Knowledge) -> tuple[str, ...]:
    """The cuda-compat package that would do, where all GPUs are data-centre cards."""
    machine = request.machine
    kinds = {_class(card, kb) for card in machine.gpus}
    if machine.driver is None or request.windows_driver or kinds - set(kb.cuda.forward.works):
        return ()
    eased = replace(request, machine=replace(machine, driver=None))
    for one in judge(eased, kb):
        verdict = compat.driver_serves(machine.driver, one.cuda, kb=kb)
        if one.verdict == "runs" and verdict.compat:
            return (
                f"{verdict.compat} in place of a newer driver, on data-centre GPUs only: then torch"
                f" {one.build.torch} for CUDA {one.cuda} runs",
            )
    return ()


def _class(card: Card, kb: Knowledge) -> str | None:
    gpu = kb.gpu_by_name(card.name).gpu if card.name else None
    return gpu.class_ if gpu else None
