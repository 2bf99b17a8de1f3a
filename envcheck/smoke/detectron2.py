"""Which jobs prove detectron2 on which devices. Must not know what is right: limits are given."""

from typing import Any

from envcheck.facts import Trials
from envcheck.smoke.prover import Prover, gpus_of, wants_gpu
from envcheck.smoke.run import Progress


def prove_detectron2(
    python: str, device: str, limits: dict[str, float], timeout: float, progress: Progress
) -> Trials:
    """Its imports and operators on the CPU and every GPU that is asked for, one process each."""
    prover = Prover(python, "smoke_detectron2.py", timeout, progress)
    options: dict[str, Any] = {"limits": limits}
    found = prover.prove("cpu", {**options, "ask_cuda": wants_gpu(device)})
    for name in gpus_of(device, found):
        prover.prove(name, options)
    return Trials(target="detectron2", trials=prover.trials())
