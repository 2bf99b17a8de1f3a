"""What a pasted report leaves open, and the command whose output would settle it."""

from envcheck.facts import Gpus, Missing, Snapshot, TorchBuild

COLLECT_ENV = "python -m torch.utils.collect_env"


def questions(snapshot: Snapshot) -> tuple[tuple[str, str], ...]:
    """(what is not known, the command to run there and paste); empty for a live machine."""
    if snapshot.origin != "report":
        return ()
    asked = []
    torch = snapshot.torch
    if isinstance(torch, Missing) or isinstance(torch.cuda, Missing):
        asked.append(("which torch is installed, for which CUDA", COLLECT_ENV))
    driver, gpus = snapshot.driver, snapshot.gpus
    if isinstance(driver, Missing) or isinstance(driver.version, Missing):
        asked.append(("the driver, and whether it answers", "nvidia-smi"))
    elif isinstance(gpus, Missing) or _unnamed(gpus):
        command = "nvidia-smi --query-gpu=index,name,compute_cap,driver_version --format=csv"
        asked.append(("which GPUs there are", command))
    python = snapshot.python
    if isinstance(python, Missing) or isinstance(python.distributions, Missing):
        asked.append(("what is installed beside torch", "python -m pip list"))
    if isinstance(torch, TorchBuild) and torch.wants_cuda:
        asked.append(("the files themselves: libraries, GPU code", "envcheck doctor"))
    return tuple(asked)


def _unnamed(gpus: Gpus) -> bool:
    return any(isinstance(gpu.sm, Missing) for gpu in gpus.known_devices())
