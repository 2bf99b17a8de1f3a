"""Checks of a training's configuration against this machine: its GPUs and its decoder. Pure."""

from collections.abc import Iterator

from envcheck.facts import Environment, Gpus, Missing, Training
from envcheck.finding import ERROR, WARNING, Evidence, Finding, Remedy
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.common import gpu_names, visible
from envcheck.rules.training import given


@rule("CFG006", severity=ERROR, subject="training")
def multigrid_on_one_gpu(training: Training) -> Iterator[Finding]:
    """Multigrid's short cycle is on, and only one GPU, or none, is used.

    Why: PySlowFast gives the sampler of short cycles no sampler of its own then: `ValueError:
    sampler should be an instance of torch.utils.data.Sampler, but got sampler=None`.

    Confirm: it prints True, and NUM_GPUS is 0 or 1.

        grep -n "SHORT_CYCLE" FILE.yaml

    Fix: set MULTIGRID.SHORT_CYCLE to False, or take two GPUs or more.

    Sources: https://github.com/facebookresearch/SlowFast/issues/308
    """
    if not training.on("TRAIN.ENABLE") or not training.on("MULTIGRID.SHORT_CYCLE"):
        raise NotApplicable
    gpus = training.number("NUM_GPUS")
    if gpus < 2:
        yield Finding(
            message=f"MULTIGRID.SHORT_CYCLE is on with NUM_GPUS {gpus}; it needs two or more.",
            evidence=given(training, "MULTIGRID.SHORT_CYCLE", "NUM_GPUS"),
            remedy=Remedy("Set MULTIGRID.SHORT_CYCLE to False."),
        )


@rule("CFG007", severity=ERROR, subject="training", decisive=True)
def more_gpus_asked_than_here(
    training: Training, gpus: Gpus, environment: Environment | Missing
) -> Iterator[Finding]:
    """The configuration asks for more GPUs than this machine shows.

    Why: PySlowFast stops with `Cannot use more GPU devices than available`, or without any GPU with
    `Cuda is not available. Please set NUM_GPUS: 0`. NUM_GPUS counts those of each machine.

    Confirm: it prints how many PyTorch sees.

        python -c "import torch; print(torch.cuda.device_count())"

    Fix: set NUM_GPUS, and the batch sizes with it; or show the process more of them.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/slowfast/models/build.py
    """
    asked = training.number("NUM_GPUS")
    here = visible(gpus, environment)
    if asked <= len(here):
        return
    seen = f"here are {len(here)}: {gpu_names(here)}" if here else "here is none"
    hidden = len(gpus.known_devices()) - len(here)
    shown = f" CUDA_VISIBLE_DEVICES hides {hidden}." if hidden > 0 else ""
    part = f"{len(here)}/{asked} of what they are"
    todo = f"Set NUM_GPUS to {len(here)}, and TRAIN.BATCH_SIZE and SOLVER.BASE_LR to {part}."
    yield Finding(
        message=f"NUM_GPUS is {asked}; {seen}.{shown}",
        evidence=(
            *given(training, "NUM_GPUS"),
            Evidence("gpus", str(len(here)), gpus.source("devices") or "this machine"),
        ),
        subject="NUM_GPUS",
        remedy=Remedy(todo if here else "Set NUM_GPUS to 0, or train where there are GPUs."),
    )


@rule("CFG008", severity=WARNING, subject="training")
def torchvision_asked_to_decode(training: Training) -> Iterator[Finding]:
    """Videos are to be decoded by torchvision, whose wheels hold no video decoder.

    Why: it is PySlowFast's default. torchvision's operators of `video_reader` are compiled only
    where it is built from source against FFmpeg, and later releases removed them. Each video then
    fails, another one is tried, and at last the training stops with "Failed to fetch video".

    Confirm: it raises.

        python -c "import torchvision; torchvision.set_video_backend('video_reader')"

    Fix: set DATA.DECODING_BACKEND to pyav, and install PyAV.

    Sources: https://github.com/facebookresearch/SlowFast/issues/181
    https://github.com/facebookresearch/SlowFast/issues/763
    """
    datasets = [
        training.text(f"{split}.DATASET").lower()
        for split in ("TRAIN", "TEST")
        if training.on(f"{split}.ENABLE")
    ]
    if "kinetics" not in datasets or training.settings.get("DATA.DUMMY_LOAD") is True:
        raise NotApplicable
    if training.text("DATA.DECODING_BACKEND") == "torchvision":
        yield Finding(
            message="DATA.DECODING_BACKEND is torchvision, whose wheels hold no video decoder.",
            evidence=given(training, "DATA.DECODING_BACKEND"),
            subject="DATA.DECODING_BACKEND",
            remedy=Remedy("Set DATA.DECODING_BACKEND to pyav."),
        )
