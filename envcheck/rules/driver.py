"""Checks of the NVIDIA driver: is it there, whole, and new enough for this torch. Pure."""

from collections.abc import Iterator

from envcheck import compat
from envcheck.facts import (
    Container,
    Driver,
    Gpu,
    Gpus,
    Host,
    Missing,
    Symptoms,
    TorchBuild,
    Why,
    known,
    or_none,
)
from envcheck.finding import ERROR, Evidence, Finding, Remedy, seen, words
from envcheck.kb import Knowledge
from envcheck.rules import mend
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.common import gpu_names
from envcheck.rules.container import foreign, is_gpu_node, jetson
from envcheck.rules.install_driver import newer_driver, reload_driver
from envcheck.rules.kernel import hindrances, installed, module_is_missing


@rule("DRV001", severity=ERROR, subject="driver", decisive=True)
def driver_not_loaded(
    driver: Driver, gpus: Gpus, container: Container | Missing, host: Host | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """There is an NVIDIA GPU, and no driver is loaded for it.

    Why: without the kernel module no program can use the GPU: `nvidia-smi` says it could not
    communicate with the driver, torch says `Found no NVIDIA driver on your system`.

    Confirm: there is no such file.

        cat /proc/driver/nvidia/version

    Fix: install a driver, or load the one that is installed with `sudo modprobe nvidia`. When
    loading fails, `sudo dmesg | grep -i nvrm` says why; envcheck has checks of its own for a
    missing module, missing headers, Secure Boot and nouveau.

    Sources: https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/
    """
    if not module_is_missing(driver, gpus, container, kb):
        return
    causes = hindrances(driver, host)
    if not installed(driver):
        why, remedy = "none is installed", newer_driver(kb, gpus, host, driver, None)
    elif causes:
        why = "; ".join(causes.values())
        remedy = Remedy(f"Mend what {', '.join(causes)} says; the driver is loaded after that.")
    else:
        why, remedy = "it is installed", mend.load_module(driver)
    yield Finding(
        message=f"No NVIDIA driver is loaded for {gpu_names(gpus.known_devices()) or 'the GPU'}:"
        f" {why}.",
        evidence=seen(driver, "module_version", "nvml", "library_version", "module_built"),
        remedy=remedy,
    )


@rule("DRV002", severity=ERROR, subject="driver", decisive=True)
def driver_too_old(
    driver: Driver,
    torch: TorchBuild,
    gpus: Gpus,
    container: Container | Missing,
    host: Host | Missing,
    symptoms: Symptoms | Missing,
    kb: Knowledge,
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
    if cuda is None or not gpus.devices or jetson(container):
        raise NotApplicable
    if not isinstance(symptoms, Missing) and symptoms.cuda_available is True:
        return  # torch could start CUDA: a cuda-compat package stands in for a newer driver
    version = known(driver.version)
    windows = _windows(container, host)
    verdict = compat.driver_serves(version, cuda, windows=windows, kb=kb)
    if verdict.serves is False:
        yield Finding(
            message=f"Driver {version} is too old for torch {words(torch.version)}:"
            f" CUDA {cuda} needs driver {verdict.needed} or newer.",
            evidence=(*seen(driver, "version", "cuda"), *seen(torch, "cuda")),
            remedy=mend.on_host(newer_driver(kb, gpus, host, driver, verdict.needed), container),
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
    if jetson(container):
        raise NotApplicable  # its libraries have L4T's version
    module, library = driver.module_version, driver.library_version
    if isinstance(module, Missing):
        if module.why is Why.ABSENT:
            raise NotApplicable  # nothing is loaded that could differ
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


@rule("DRV014", severity=ERROR, subject="driver")
def driver_hangs(driver: Driver, gpus: Gpus | Missing) -> Iterator[Finding]:
    """The driver does not answer: a call to it never comes back.

    Why: after a GPU has failed (Xid 79, 119, 154 in the kernel log) calls into the driver can wait
    for ever; `nvidia-smi`, torch and every program that touches the GPU then hang and cannot be
    killed. Without persistence mode the first call also starts up every GPU, which takes seconds
    each.

    Confirm: it ends with exit code 124 when the driver hangs.

        timeout 60 nvidia-smi

    Fix: see `sudo dmesg | grep -i xid` for the failure, and reboot. When nvidia-smi does answer,
    only slowly, switch persistence mode on and give envcheck more time with `--timeout 60`.

    Sources: https://docs.nvidia.com/deploy/xid-errors/index.html
    https://docs.nvidia.com/deploy/driver-persistence/index.html
    """
    remedy = Remedy(
        "Look for Xid errors in the kernel log and reboot. When `timeout 60 nvidia-smi` does"
        " answer, repeat with `--timeout 60`, and switch persistence mode on.",
        ("sudo dmesg | grep -i xid | tail -n 20", "sudo reboot"),
        "reboot",
    )
    devices = () if isinstance(gpus, Missing) else gpus.devices
    hung = [gpu for gpu in devices if isinstance(gpu, Gpu) and bool(or_none(gpu.hung))]
    for gpu in hung:
        yield Finding(
            subject=f"GPU {gpu.index}",
            message=f"The driver did not come back from {gpu.hung}.",
            evidence=(Evidence("gpu.hung", words(gpu.hung), "NVML"),),
            remedy=remedy,
        )
    if not hung and known(driver.nvml).startswith("hung"):
        yield Finding(
            message=f"The driver does not answer NVML ({driver.nvml}).",
            evidence=seen(driver, "nvml", "module_version"),
            remedy=remedy,
        )


@rule("DRV015", severity=ERROR, subject="driver")
def device_nodes_unusable(
    driver: Driver, gpus: Gpus, container: Container | Missing, host: Host | Missing
) -> Iterator[Finding]:
    """The driver is loaded, but its device files are missing or closed to this user.

    Why: CUDA opens /dev/nvidiactl, /dev/nvidia-uvm and /dev/nvidia0, 1, … for reading and writing.
    nvidia-modprobe or udev makes them; where both are missing, only root's first use of the GPU
    does. A mode or group that leaves this user out gives `no CUDA-capable device is detected`.

    Confirm: every line should begin with crw-rw-rw-, or name a group this user is in.

        ls -l /dev/nvidiactl /dev/nvidia-uvm /dev/nvidia[0-9]*

        id -nG

    Fix: install nvidia-modprobe, which makes them on demand; or join the group that owns them,
    mostly `video`, and log in again. In a container, start it again: a device cgroup that was
    reloaded has forgotten the GPU.

    Sources: https://docs.nvidia.com/cuda/cuda-installation-guide-linux/#device-node-verification
    https://github.com/NVIDIA/nvidia-container-toolkit/issues/48
    """
    if not gpus.devices or jetson(container) or isinstance(driver.module_version, Missing):
        raise NotApplicable
    if not isinstance(container, Missing) and bool(or_none(container.wsl)):
        raise NotApplicable  # the Windows driver has /dev/dxg instead
    nodes = known(driver.device_nodes)
    closed = [node.path for node in nodes if not node.usable]
    shared = [path for path in closed if not is_gpu_node(path)]
    every = [node.path for node in nodes if is_gpu_node(node.path)]
    if shared or (every and set(every) <= set(closed)):
        # One GPU of several that is closed was given to somebody else.
        yield Finding(
            message=f"This user may not open {', '.join(closed)}.",
            evidence=(*seen(driver, "module_version", "nvml"), _nodes(driver)),
            remedy=mend.restart_container() if foreign(container) else mend.join_video_group(),
        )
    elif not every and not foreign(container) and _device_not_found(driver):
        yield Finding(
            message=f"Driver {words(driver.module_version)} is loaded, but there is no"
            " /dev/nvidia0: no program can open the GPU.",
            evidence=(*seen(driver, "module_version", "nvml"), _nodes(driver)),
            remedy=mend.make_device_nodes(host),
        )


def _windows(container: Container | Missing, host: Host | Missing) -> bool:
    """Whether the driver is one of Windows, also in WSL: those are numbered on their own."""
    wsl = None if isinstance(container, Missing) else or_none(container.wsl)
    platform = None if isinstance(host, Missing) else or_none(host.platform)
    return bool(wsl) or platform == "windows"


def _device_not_found(driver: Driver) -> bool:
    """NVML failed for want of the nodes: other reasons have checks of their own."""
    return words(driver.nvml).startswith(("driver_not_loaded", "no_permission", "other"))


def _nodes(driver: Driver) -> Evidence:
    nodes = or_none(driver.device_nodes) or ()
    value = ", ".join(f"{n.path}{'' if n.usable else ' (closed)'}" for n in nodes)
    return Evidence("driver.device_nodes", value or "none", driver.source("device_nodes"))
