"""What several rules share: which GPUs a process sees, and remedies. Pure like the rules."""

import re

from envcheck.facts import Environment, Gpu, Gpus, Missing


def visible(gpus: Gpus, environment: Environment | Missing) -> tuple[Gpu, ...]:
    """The GPUs CUDA would show a process: CUDA_VISIBLE_DEVICES applied as the driver does.

    Entries are indices or UUID prefixes; the list ends at the first entry that names no GPU
    (CUDA C++ Programming Guide, "CUDA Environment Variables"), an index ends at its first letter,
    and a GPU named twice leaves none (https://github.com/pytorch/pytorch/pull/84879). A MIG UUID
    selects its parent here.
    """
    devices = gpus.known_devices()
    wanted = None if isinstance(environment, Missing) else environment.get("CUDA_VISIBLE_DEVICES")
    if wanted is None:
        return devices
    chosen: list[Gpu] = []
    for entry in (part.strip() for part in wanted.split(",")):
        gpu = _named(entry, devices)
        if gpu is None:
            break
        if gpu in chosen and not entry.startswith("MIG-"):
            return ()
        chosen.append(gpu)
    return tuple(chosen)


def _named(entry: str, devices: tuple[Gpu, ...]) -> Gpu | None:
    index = re.match(r"\d{1,6}", entry)
    if index:
        return next((gpu for gpu in devices if gpu.index == int(index.group())), None)
    if entry.startswith("MIG-"):
        for gpu in devices:
            instances = () if isinstance(gpu.mig_instances, Missing) else gpu.mig_instances
            if any(instance.uuid.startswith(entry) for instance in instances):
                return gpu
        return None
    if entry.startswith("GPU-"):
        same = [gpu for gpu in devices if isinstance(gpu.uuid, str) and gpu.uuid.startswith(entry)]
        return same[0] if len(same) == 1 else None
    return None


def gpu_names(gpus: tuple[Gpu, ...]) -> str:
    """Their names, each once, with compute capability: "Tesla V100 (sm_70)"."""
    names: dict[str, None] = {}
    for gpu in gpus:
        name = gpu.name if isinstance(gpu.name, str) else f"GPU {gpu.index}"
        sm = f" (sm_{gpu.sm.replace('.', '')})" if isinstance(gpu.sm, str) else ""
        names[name + sm] = None
    return ", ".join(names)
