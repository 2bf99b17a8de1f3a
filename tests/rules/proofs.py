"""Proofs of a healthy machine with one H100, and changes to one of them."""

from typing import Any

import msgspec

from envcheck.facts import Snapshot, Trial, Trials

H100 = "NVIDIA H100 80GB HBM3"
D2 = "/venv/lib/python3.11/site-packages/detectron2/_C.cpython-311-x86_64-linux-gnu.so"


def proofs() -> Trials:
    """One trial of every kind, all well."""
    return Trials(
        target="slowfast_r50",
        trials=(
            Trial(name="import torch", check="import", status="ok", device="cpu"),
            Trial(name="start CUDA", check="cuda_init", status="ok", device="cuda"),
            Trial(
                name="matmul tf32", check="compute", status="ok", device="cuda:0",
                measured=1e-3, limit=1e-2,
            ),
            Trial(
                name="memory", check="memory", status="ok", device="cuda:0", measured=0, limit=0,
                rates={"GiB checked": 60.0},
            ),
            Trial(
                name="rate bf16", check="rate", status="ok", device="cuda:0",
                rates={"bf16 TFLOP/s": 700.0}, details={"gpu": H100},
            ),
            Trial(
                name="import pytorchvideo", check="models_import", status="ok", device="cuda:0",
                details={"torchvision": "0.19.0"},
            ),
            Trial(
                name="import pytorchvideo.transforms", check="transforms_import", status="ok",
                device="cuda:0",
            ),
            Trial(
                name="parameters slowfast_r50", check="parameters", status="ok", device="meta",
                measured=34566488, expected=34566488,
            ),
            Trial(
                name="golden fp32", check="golden", status="ok", device="cuda:0",
                measured=1e-6, limit=1e-4, details={"top-5": "same"},
            ),
            Trial(
                name="video", check="video", status="ok", device="cuda:0", measured=2.4, limit=6.0,
            ),
            Trial(name="load checkpoint", check="checkpoint", status="ok", device="cuda:0"),
            Trial(
                name="throughput fp32 batch 8", check="throughput", status="ok", device="cuda:0",
                rates={"clips/s": 90.0},
            ),
            Trial(
                name="training step", check="train", status="ok", device="cuda:0",
                measured=0.95, limit=1.0,
            ),
            Trial(
                name="import detectron2._C", check="d2_import", status="ok", device="cuda:0",
                details={"file": D2},
            ),
            Trial(
                name="import detectron2.layers", check="d2_layers_import", status="ok",
                device="cuda:0",
            ),
            Trial(
                name="import detectron2.model_zoo", check="d2_zoo_import", status="ok",
                device="cpu",
            ),
            Trial(
                name="ROIAlign", check="d2_op", status="ok", device="cuda:0",
                measured=4e-6, limit=1e-4,
            ),
        ),
    )  # fmt: skip


def changed(snapshot: Snapshot, check: str, **fields: Any) -> Snapshot:
    """The snapshot with one proof changed, and only that one left."""
    assert isinstance(snapshot.trials, Trials)
    trial = next(t for t in snapshot.trials.trials if isinstance(t, Trial) and t.check == check)
    only = Trials(target="torch", trials=(msgspec.structs.replace(trial, **fields),))
    return msgspec.structs.replace(snapshot, trials=only)
