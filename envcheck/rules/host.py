"""Checks of the operating system's limits. Pure."""

from collections.abc import Iterator

from envcheck.facts import Container, Host, Missing, known, or_none
from envcheck.finding import WARNING, Effect, Finding, Remedy, seen
from envcheck.rules.base import rule

MIB = 1 << 20
# Docker and Kubernetes give 64 MiB. Four DataLoader workers that each hold two batches of 32 images
# of 3x224x224 floats need 147 MiB.
NEEDED = 256 * MIB
# Outside a container /dev/shm is half of the memory; less than this is a mistake.
TINY = 64 * MIB


@rule("HST001", severity=WARNING, subject="host")
def shm_too_small(host: Host, container: Container | Missing) -> Iterator[Finding]:
    """/dev/shm is too small for DataLoader workers.

    Why: torch's DataLoader workers hand batches over through shared memory, and NCCL uses it
    between GPUs. A container gets 64 MiB by default; then a worker dies with `Bus error` and
    `DataLoader worker (pid …) is killed`, or NCCL says `unhandled system error`.

    Confirm: the size of the file system.

        df -h /dev/shm

    Fix: start the container with `--ipc=host` or `--shm-size=8g`; in Kubernetes mount an emptyDir
    of medium Memory at /dev/shm. Outside containers, mount it again with a larger size.

    Sources: https://github.com/pytorch/pytorch#docker-image
    https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/troubleshooting.html#shared-memory
    """
    size = known(host.shm_bytes)
    runtime = None if isinstance(container, Missing) else or_none(container.runtime)
    if size >= (NEEDED if runtime else TINY):
        return
    yield Finding(
        message=f"/dev/shm has {size // MIB} MiB; DataLoader workers need {NEEDED // MIB} MiB and"
        " more.",
        evidence=seen(host, "shm_bytes"),
        remedy=larger_shm_of_container(runtime, "8g") if runtime else _remounted(host),
    )


def larger_shm_of_container(runtime: str, size: str) -> Remedy:
    """A /dev/shm of this size; it is set when a container starts."""
    if runtime == "kubernetes":
        return Remedy("Mount an emptyDir of medium Memory at /dev/shm in the pod.")
    return Remedy(f"Start the container again with `--shm-size={size}` or `--ipc=host`.")


def _remounted(host: Host) -> Remedy:
    memory = or_none(host.memory_bytes)
    return Remedy(
        text="Mount it again with half of the memory, as distributions do.",
        commands=("sudo mount -o remount,size=50% /dev/shm",),
        safety="root",
        effects=(Effect("host.shm_bytes", memory // 2),) if memory else (),
    )
