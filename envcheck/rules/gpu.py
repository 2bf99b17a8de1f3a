"""Checks of the GPUs themselves. Pure."""

from collections.abc import Iterator

from envcheck.facts import Container, Gpus, Missing, or_none
from envcheck.finding import WARNING, Finding, seen
from envcheck.rules.base import NotApplicable, rule


@rule("GPU001", severity=WARNING, subject="gpu")
def no_gpu_on_this_machine(gpus: Gpus, container: Container | Missing) -> Iterator[Finding]:
    """This machine has no NVIDIA GPU.

    Why: a laptop, a CI runner or a virtual machine without a passed-through card runs torch on the
    CPU. That is fine where it is meant; on a rented GPU machine it means the card is not attached.

    Confirm: it prints nothing.

        lspci -d 10de:

    Fix: nothing when the CPU is enough; otherwise choose a machine type with a GPU, or attach the
    card to the virtual machine.

    Sources: https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/
    """
    if not isinstance(container, Missing) and (
        or_none(container.runtime) or or_none(container.wsl) or or_none(container.jetson)
    ):
        raise NotApplicable
    if not gpus.devices:
        yield Finding(
            message="No NVIDIA GPU was found; torch will run on the CPU.",
            evidence=seen(gpus, "devices"),
        )
