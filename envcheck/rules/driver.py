"""Checks of the NVIDIA driver: is it there, whole, and new enough for this torch. Pure."""

from collections.abc import Iterator

from envcheck import compat
from envcheck.facts import Container, Driver, Gpus, Host, Missing, TorchBuild, Why, known, or_none
from envcheck.finding import ERROR, Finding, seen, words
from envcheck.kb import Knowledge
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.install_driver import newer_driver, reload_driver


@rule("DRV001", severity=ERROR, subject="driver", decisive=True)
def driver_not_loaded(
    driver: Driver, gpus: Gpus, container: Container | Missing, host: Host | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """There is an NVIDIA GPU, and no driver is loaded for it.

    Why: without the kernel module no program can use the GPU: `nvidia-smi` says it could not
    communicate with the driver, torch says `Found no NVIDIA driver on your system`.

    Confirm: it prints nothing.

        cat /proc/driver/nvidia/version

    Fix: install a driver, or load the one that is installed with `sudo modprobe nvidia`. When
    loading fails, `sudo dmesg | grep -i nvrm` says why; envcheck has checks of its own for a
    missing module, missing headers, Secure Boot and nouveau.

    Sources: https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/
    """
    if not gpus.devices:
        raise NotApplicable
    if _foreign(container):
        raise NotApplicable  # the driver is the host's: container_without_gpu judges that
    if not isinstance(driver.module_version, Missing) or driver.nvml == "ok":
        return
    if driver.module_version.why is not Why.ABSENT:
        known(driver.module_version)
    yield Finding(
        message="No NVIDIA driver is loaded, and this machine has"
        f" {words(gpus.known_devices()[0].name) if gpus.known_devices() else 'an NVIDIA GPU'}.",
        evidence=seen(driver, "module_version", "nvml", "library_version", "module_built"),
        remedy=newer_driver(kb, gpus, host, driver, None),
    )


@rule("DRV002", severity=ERROR, subject="driver", decisive=True)
def driver_too_old(
    driver: Driver, torch: TorchBuild, gpus: Gpus, host: Host | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """The NVIDIA driver is older than this torch build's CUDA needs.

    Why: a driver serves every CUDA up to its own. Within one major version an older driver will do
    as well ("minor version compatibility", from the driver that came with the major version's
    first release on). Below that, torch says `The NVIDIA driver on your system is too old` and
    `torch.cuda.is_available()` is False.

    Confirm: `nvidia-smi` shows the driver's own CUDA version; compare it with torch's.

        python -c "import torch; print(torch.version.cuda)"

    Fix: install a newer driver, or a torch build for an older CUDA. On data-centre GPUs a
    cuda-compat package can stand in for a newer driver.

    Sources: https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html
    https://docs.nvidia.com/cuda/cuda-toolkit-release-notes/index.html
    """
    cuda = known(torch.cuda)
    if cuda is None or not gpus.devices:
        raise NotApplicable
    version = known(driver.version)
    verdict = compat.driver_serves(version, cuda, kb=kb)
    if verdict.serves is False:
        yield Finding(
            message=f"Driver {version} is too old for torch {words(torch.version)}:"
            f" CUDA {cuda} needs driver {verdict.needed} or newer.",
            evidence=(*seen(driver, "version", "cuda"), *seen(torch, "cuda")),
            remedy=newer_driver(kb, gpus, host, driver, verdict.needed),
        )


@rule("DRV003", severity=ERROR, subject="driver", decisive=True)
def driver_library_mismatch(
    driver: Driver, container: Container | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """The driver's user-space libraries are of another version than the loaded kernel module.

    Why: both halves must be of exactly one version. A driver package updated while the old module
    stays loaded gives `Failed to initialize NVML: Driver/library version mismatch`; torch then
    sees no GPU. In a container the libraries come from the host; a copy inside the image shadows
    them.

    Confirm: the two versions differ.

        cat /proc/driver/nvidia/version

        ldconfig -p | grep libnvidia-ml

    Fix: reboot, or stop every GPU program and load the module again.

    Sources: https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceEnumvs.html
    """
    module, library = driver.module_version, driver.library_version
    if isinstance(module, Missing):
        if module.why is Why.ABSENT and "version_mismatch" not in words(driver.nvml):
            raise NotApplicable  # no module is loaded: driver_not_loaded, or WSL
        known(module)
    mismatch = "version_mismatch" in words(driver.nvml)
    if isinstance(library, str) and module != library and driver.nvml != "ok":
        mismatch = True
    if mismatch:
        yield Finding(
            message=f"The loaded kernel module is {words(module)}, the libraries are"
            f" {words(library)}: they must be of one version.",
            evidence=seen(driver, "module_version", "library_version", "nvml"),
            remedy=reload_driver(container),
        )


def _foreign(container: Container | Missing) -> bool:
    """Inside a container or WSL the driver belongs to somebody else."""
    if isinstance(container, Missing):
        return False
    return bool(or_none(container.runtime)) or bool(or_none(container.wsl))
