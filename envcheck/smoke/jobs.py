"""Which jobs prove a target on which devices. Must not know what is right: the limits are given."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from envcheck.facts import Trials
from envcheck.smoke.prover import Prover, devices_of, gpus_of, wants_gpu
from envcheck.smoke.run import Progress
from envcheck.video.catalogue import (
    CLIP,
    GOLDEN,
    Architecture,
    architecture,
    kinetics400,
    read_labels,
)


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
    prover = Prover(python, "smoke_torch.py", timeout, progress)
    options: dict[str, Any] = {"limits": limits}
    found = prover.prove("cpu", {**options, "ask_cuda": wants_gpu(device)})
    chosen = gpus_of(device, found)
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
    prover = Prover(python, "smoke_slowfast.py", timeout, progress)
    options = _slowfast(wish, limits, video_limit)
    for number, name in enumerate(devices_of(device, prover)):
        prover.prove(name, options if number == 0 else {**options, "count": ()})
    return Trials(target=wish.architecture.name, trials=prover.trials())


def count_architectures(
    python: str, architectures: tuple[Architecture, ...], timeout: float, progress: Progress
) -> Trials:
    """Parameters and multiply-adds of these architectures, nothing computed."""
    prover = Prover(python, "smoke_slowfast.py", timeout, progress)
    prover.prove("cpu", {"count": [told(row) for row in architectures]})
    return Trials(target="architectures", trials=prover.trials())


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
