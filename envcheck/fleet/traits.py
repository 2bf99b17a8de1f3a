"""What a machine is, and how it is set up, as words that can be counted."""

from collections import Counter
from typing import Any

import msgspec

from envcheck.facts import Missing, Snapshot, Why
from envcheck.facts.paths import PathError, lookup
from envcheck.finding import words

# Facts in which machines of one kind are expected to be alike, the weightiest first.
SETUP = (
    "driver.version", "driver.library_version", "driver.module_flavor", "driver.cuda",
    "driver.fabric_manager.version", "driver.fabric_manager.running", "driver.nvml",
    "torch.version", "torch.cuda", "python.version", "cuda.nvcc_version", "cuda.home",
    "host.os_name", "host.kernel", "host.glibc", "host.secure_boot", "host.cpu_count",
    "host.memory_bytes", "host.shm_bytes", "host.memlock_bytes", "container.runtime",
    "container.wsl", "ffmpeg.version",
)  # fmt: skip
# The same of every GPU; machines in which they differ from GPU to GPU name all.
PER_GPU = ("mig_enabled", "ecc_enabled", "persistence", "pcie_width", "memory_bytes")
ABSENT = "absent"
_GIB = 1 << 30


def kind(snapshot: Snapshot) -> str:
    """What a machine is: its GPUs and its processor's architecture."""
    arch = _value(snapshot, "host.arch") or "unknown architecture"
    if isinstance(snapshot.gpus, Missing):
        return f"GPUs unknown, {arch}"
    names = Counter(
        gpu.name if not isinstance(gpu, Missing) and isinstance(gpu.name, str) else "unknown GPU"
        for gpu in snapshot.gpus.devices
    )
    gpus = " + ".join(f"{count} × {name}" for name, count in sorted(names.items()))
    return f"{gpus or 'no GPU'}, {arch}"


def traits(snapshot: Snapshot) -> dict[str, str]:
    """Snapshot path → value, of what was looked for."""
    found = {path: _value(snapshot, path) for path in SETUP}
    if not isinstance(snapshot.gpus, Missing):
        devices = snapshot.gpus.known_devices()
        for field in PER_GPU:
            values = dict.fromkeys(_said(getattr(gpu, field), field) for gpu in devices)
            found[f"gpus.{field}"] = ", ".join(filter(None, values))
    python = snapshot.python
    if not isinstance(python, Missing) and not isinstance(python.distributions, Missing):
        for dist in python.distributions:
            found.setdefault(f"python.distributions.{dist.name}", dist.version)
    return {path: value for path, value in found.items() if value}


def _value(snapshot: Snapshot, path: str) -> str:
    try:
        return _said(lookup(snapshot, path), path)
    except (PathError, AttributeError):
        return ""  # a fact that this version does not know, or none where it would stand


def _said(value: Any, path: str) -> str:
    if isinstance(value, Missing):
        return "" if value.why is Why.NOT_ASKED else value.why.value
    if value is None:
        return ABSENT
    if path.endswith("_bytes") and isinstance(value, int) and value >= _GIB:
        return f"{value / _GIB:.0f} GiB"
    if isinstance(value, msgspec.Struct):
        return "there"
    return words(value)
