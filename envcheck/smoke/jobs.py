"""Which jobs prove a target on which devices. Must not know what is right: the limits are given."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from envcheck.errors import UsageError
from envcheck.facts import Trial, Trials
from envcheck.smoke.run import Job, Progress, run
from envcheck.video.catalogue import (
    CLIP,
    GOLDEN,
    Architecture,
    architecture,
    kinetics400,
    read_labels,
)

DEVICES = "cpu, cuda, cuda:N or all"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What `envcheck smoke slowfast` is asked to prove."""

    architecture: Architecture
    count: tuple[Architecture, ...]  # whose parameters and multiply-adds are counted
    labels: tuple[str, ...]
    video: str | None = None  # None: the shipped clip
    checkpoint: str | None = None
    precision: str = "fp32"  # of the full-size forward pass
    runs: tuple[str, ...] = ()  # golden runs beside fp32; empty: all this device has
    batch: int = 1
    train_step: bool = False


def wish(
    model: str,
    *,
    precision: str = "fp32",
    batch: int = 1,
    video: str | None = None,
    labels: str | None = None,
    checkpoint: str | None = None,
    train_step: bool = False,
) -> Wish:
    """The wish of one model by name, its class names read.

    A precision other than fp32 leaves out the golden runs of the others.

    Raises:
        UsageError: no such model, or the file of class names cannot be read.
    """
    row = architecture(model)
    return Wish(
        architecture=row,
        count=(row,),
        labels=read_labels(labels) if labels else kinetics400(),
        video=video,
        checkpoint=checkpoint,
        precision=precision,
        runs=() if precision == "fp32" else (precision,),
        batch=batch,
        train_step=train_step,
    )


def prove_torch(
    python: str, device: str, limits: dict[str, float], timeout: float, progress: Progress
) -> Trials:
    """torch's operators on the CPU and every GPU that is asked for, one process each."""
    prover = _Prover(python, "smoke_torch.py", timeout, progress)
    options: dict[str, Any] = {"limits": limits}
    found = prover.prove("cpu", {**options, "ask_cuda": _wants_gpu(device)})
    chosen = _gpus(device, found)
    for name in chosen:
        prover.prove(name, options)
    if len(chosen) > 1:
        prover.prove("multi", options)
    return Trials(target="torch", trials=prover.trials())


def prove_slowfast(
    python: str,
    device: str,
    wish: Wish,
    limits: dict[str, float],
    video_limit: float,
    timeout: float,
    progress: Progress,
) -> Trials:
    """A video model on every GPU that is asked for, or on the CPU where there is none."""
    prover = _Prover(python, "smoke_slowfast.py", timeout, progress)
    devices: tuple[str, ...] = ("cpu",)
    if _wants_gpu(device):
        asked = prover.prove("cpu", {"ask_cuda": True})
        devices = _gpus(device, asked) or ("cpu",)
        if not any(trial.check == "import" and trial.status == "ok" for trial in asked):
            devices = ()
    options = _slowfast(wish, limits, video_limit)
    for number, name in enumerate(devices):
        prover.prove(name, options if number == 0 else {**options, "count": ()})
    return Trials(target=wish.architecture.name, trials=prover.trials())


def count_architectures(
    python: str, architectures: tuple[Architecture, ...], timeout: float, progress: Progress
) -> Trials:
    """Parameters and multiply-adds of these architectures, nothing computed."""
    prover = _Prover(python, "smoke_slowfast.py", timeout, progress)
    prover.prove("cpu", {"count": [told(row) for row in architectures]})
    return Trials(target="architectures", trials=prover.trials())


def check_device(device: str) -> str:
    """The device as the jobs name it.

    Raises:
        UsageError: it is none of cpu, cuda, cuda:N, all.
    """
    if device in ("cpu", "all"):
        return device
    kind, _, index = device.partition(":")
    if kind == "cuda" and (index.isdecimal() or ":" not in device):
        return f"cuda:{int(index or 0)}"
    raise UsageError(f"no device is called {device!r}: it is {DEVICES}")


class _Prover:
    """Runs jobs one after another within one time limit; an interruption ends the run."""

    def __init__(self, python: str, script: str, timeout: float, progress: Progress) -> None:
        self._python = python
        self._script = script
        self._timeout = timeout
        self._progress = progress
        self._trials: list[Trial] = []
        self._interrupted = False

    def prove(self, device: str, options: dict[str, Any]) -> tuple[Trial, ...]:
        if self._interrupted:
            return ()
        job = Job(script=self._script, device=device, options=options, limit=self._timeout)
        trials, self._interrupted = run(self._python, job, self._progress)
        self._trials += trials
        return trials

    def trials(self) -> tuple[Trial, ...]:
        """Every trial once: what a second process imported again is left out where it worked."""
        self._progress("")
        seen: set[tuple[str, str]] = set()
        kept = []
        for trial in self._trials:
            key = (trial.name, trial.device)
            if trial.status == "ok" and trial.check.endswith("import") and key in seen:
                continue
            seen.add(key)
            kept.append(trial)
        return tuple(kept)


def _wants_gpu(device: str) -> bool:
    return device != "cpu"


def _gpus(device: str, found: tuple[Trial, ...]) -> tuple[str, ...]:
    """The CUDA devices to prove; one asked for by name is tried whether or not CUDA shows it."""
    if device == "cpu":
        return ()
    if device != "all":
        return (device,)
    return tuple(
        name
        for trial in found
        if trial.check == "cuda_init"
        for name in trial.details
        if name.startswith("cuda:")
    )


def _slowfast(wish: Wish, limits: dict[str, float], video_limit: float) -> dict[str, Any]:
    return {
        "model": told(wish.architecture),
        "count": [told(row) for row in wish.count],
        "golden": str(GOLDEN),
        "limits": limits,
        "runs": list(wish.runs),
        "precision": wish.precision,
        "labels": list(wish.labels),
        "video": str(Path(wish.video).absolute()) if wish.video else str(CLIP),
        "own_video": wish.video is not None,
        "video_limit": video_limit,
        "checkpoint": str(Path(wish.checkpoint).absolute()) if wish.checkpoint else None,
        "batch": wish.batch,
        "train_step": wish.train_step,
    }


def told(row: Architecture) -> dict[str, Any]:
    """One catalogue row as the patient is told it."""
    return dict(_fields(row))


def _fields(row: Architecture) -> Iterator[tuple[str, Any]]:
    names = ("name", "builder", "options", "frames", "rate", "crop", "alpha")
    for name in (*names, "parameters", "macs", "norm_elements", "published_words"):
        yield name, getattr(row, name)
