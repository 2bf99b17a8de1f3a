"""Checks of which GPUs there are and which a process may use. Pure."""

from collections.abc import Iterator

from envcheck.facts import Container, Environment, Gpus, Missing, TorchBuild, known, or_none
from envcheck.finding import ERROR, NOTE, WARNING, Evidence, Finding, Remedy, seen
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.common import gpu_names, visible
from envcheck.rules.container import foreign, jetson

VISIBLE = "CUDA_VISIBLE_DEVICES"
ON_PURPOSE = ("", "-1", "NoDevFiles")  # what people write there to hide every GPU


@rule("GPU001", severity=WARNING, subject="gpu")
def no_gpu_on_this_machine(
    gpus: Gpus, container: Container | Missing, torch: TorchBuild | Missing
) -> Iterator[Finding]:
    """This machine has no NVIDIA GPU.

    Why: a laptop, a CI runner or a virtual machine without a passed-through card runs torch on the
    CPU. That is fine where it is meant; on a rented GPU machine it means the card is not attached.

    Confirm: it prints nothing.

        lspci -d 10de:

    Fix: nothing when the CPU is enough; otherwise choose a machine type with a GPU, or attach the
    card to the virtual machine. In WSL 2, install the NVIDIA driver in Windows.

    Sources: https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/
    """
    wsl = None
    if not isinstance(container, Missing):
        wsl = or_none(container.wsl)
        if or_none(container.runtime) or jetson(container) or wsl == 1:
            raise NotApplicable  # container_without_gpu, wsl1_or_linux_driver_in_wsl
    if not isinstance(torch, Missing) and bool(or_none(torch.hip) or or_none(torch.xpu)):
        raise NotApplicable  # it wants another maker's
    if gpus.devices:
        return
    for_cpu = not isinstance(torch, Missing) and torch.wants_cuda is False
    yield Finding(
        severity=NOTE if for_cpu else None,
        message="No NVIDIA GPU was found; torch runs on the CPU"
        + (", which this build is for." if for_cpu else "."),
        evidence=seen(gpus, "devices"),
        remedy=Remedy("Install the NVIDIA driver in Windows, and none in WSL.") if wsl else None,
    )


@rule("GPU002", severity=WARNING, subject="gpu")
def cuda_visible_devices_hides_gpus(gpus: Gpus, environment: Environment) -> Iterator[Finding]:
    """CUDA_VISIBLE_DEVICES hides every GPU, or names one that is not there.

    Why: CUDA shows a process only the GPUs listed there, in that order, and stops reading at the
    first entry that names none. An index left over from another machine, or from outside the
    container, leaves no GPU: `torch.cuda.is_available()` is False without any error.

    Confirm: with the variable unset it prints more.

        env -u CUDA_VISIBLE_DEVICES python -c "import torch; print(torch.cuda.device_count())"

    Fix: unset it, or list GPUs that `nvidia-smi -L` shows: indices from 0, GPU- or MIG- UUIDs.

    Sources: https://docs.nvidia.com/cuda/cuda-c-programming-guide/index.html#env-vars
    https://github.com/pytorch/pytorch/pull/84879
    """
    if not gpus.devices:
        raise NotApplicable
    value = environment.get(VISIBLE)
    if value is None:
        return
    entries = [entry.strip() for entry in value.split(",")]
    _can_be_judged(entries, gpus)
    shown = visible(gpus, environment)
    bad = entries[len(shown)] if len(shown) < len(entries) else None
    if bad is None or (shown and bad in ON_PURPOSE):
        return
    severity = WARNING
    twice = next((entry for place, entry in enumerate(entries) if entry in entries[:place]), None)
    if bad in ON_PURPOSE:
        message = f"{VISIBLE}={value} hides every GPU from CUDA."
    elif twice is not None and not shown:
        message = f"{VISIBLE}={value} names {twice} twice: CUDA then shows no GPU at all."
        severity = ERROR
    elif shown:
        last = f"GPU {shown[-1].index}"
        message = f"{VISIBLE}={value}: {bad!r} names no GPU here, so CUDA shows none after {last}."
    else:
        message = f"{VISIBLE}={value}: {bad!r} names no GPU here, so CUDA shows none."
        severity = ERROR
    yield Finding(
        severity=severity,
        message=message,
        evidence=(
            Evidence(VISIBLE, value, environment.source("variables")),
            Evidence("gpus", gpu_names(gpus.known_devices()), gpus.source("devices")),
        ),
        remedy=Remedy(
            text="Unset it where it is set (shell profile, job script, container), or list GPUs"
            " that are here.",
            commands=(f"unset {VISIBLE}",),
            safety="safe",
        ),
    )


@rule("GPU009", severity=ERROR, subject="gpu")
def mig_without_instance(gpus: Gpus, container: Container | Missing) -> Iterator[Finding]:
    """MIG is switched on, and the GPU has no MIG instance.

    Why: with MIG on, CUDA uses instances only, and there is none until somebody makes it; they are
    gone after every reboot. torch then finds no GPU although `nvidia-smi` shows one.

    Confirm: it lists the GPU without a MIG line below it.

        nvidia-smi -L

    Fix: make an instance (`nvidia-smi mig -lgip` lists the profiles; 0 is the whole GPU), or switch
    MIG off with `sudo nvidia-smi -mig 0`.

    Sources: https://docs.nvidia.com/datacenter/tesla/mig-user-guide/index.html
    """
    devices = gpus.known_devices()
    if not devices:
        raise NotApplicable
    told = [gpu for gpu in devices if not isinstance(gpu.mig_enabled, Missing)] or devices[:1]
    empty = [gpu for gpu in told if known(gpu.mig_enabled) and known(gpu.mig_instances) == ()]
    if not empty:
        return
    which = ",".join(str(gpu.index) for gpu in empty)
    usable = len(empty) < len(told)
    whole = f"sudo nvidia-smi mig -i {which} -cgi 0 -C"
    yield Finding(
        subject="GPU " + which.replace(",", ", "),
        severity=WARNING if usable else None,
        message="MIG is on and there is no MIG instance: CUDA has nothing to run on here."
        + (" The other GPUs can be used." if usable else ""),
        evidence=(
            Evidence("gpu.mig_enabled", "yes", gpus.source("mig_enabled")),
            Evidence("gpu.mig_instances", "none", gpus.source("mig_instances")),
        ),
        remedy=Remedy("Have MIG instances made, or MIG switched off, on the host.")
        if foreign(container)
        else Remedy(
            f"Make instances: here one with the whole GPU (`sudo nvidia-smi -i {which} -mig 0`"
            " would switch MIG off instead).",
            (whole,),
            "root",
        ),
    )


def _can_be_judged(entries: list[str], gpus: Gpus) -> None:
    """Raises Unknown where an entry is a UUID, and those of the GPUs were not told."""
    for gpu in gpus.known_devices():
        if any(entry.startswith("GPU-") for entry in entries):
            known(gpu.uuid)
        if any(entry.startswith("MIG-") for entry in entries):
            known(gpu.mig_instances)
