"""Checks of what stands between this process and the GPU: containers and WSL. Pure."""

from collections.abc import Iterator

from envcheck.facts import (
    Container,
    Driver,
    Ffmpeg,
    FfmpegBuild,
    Gpus,
    Missing,
    TorchBuild,
    Why,
    known,
    or_none,
)
from envcheck.finding import ERROR, NOTE, WARNING, Finding, Remedy, seen, words
from envcheck.rules.base import NotApplicable, rule

# How a GPU is handed to a container. No command: the rest of the command line is not known here.
HANDED_OVER = {
    "docker": "start it with `--gpus all` (NVIDIA Container Toolkit on the host); in Compose"
    " reserve a device of driver nvidia",
    "podman": "start it with `--device nvidia.com/gpu=all` (a CDI file from the NVIDIA Container"
    " Toolkit on the host)",
    "kubernetes": "give it the resource limit `nvidia.com/gpu: 1` (the NVIDIA device plugin on the"
    " node)",
    "apptainer": "start it with `--nv`",
    "lxc": "set `nvidia.runtime=true` for it and add a device of type gpu",
}
# Runtimes that hand over libraries by NVIDIA_DRIVER_CAPABILITIES.
BY_CAPABILITY = ("docker", "podman", "kubernetes", "containerd", "lxc")
VIDEO = ("libnvcuvid.so.1", "libnvidia-encode.so.1")  # what comes with the capability `video`


def foreign(container: Container | Missing) -> bool:
    """Whether the driver belongs to somebody else: a container's host, or Windows."""
    if isinstance(container, Missing):
        return False
    return bool(or_none(container.runtime)) or bool(or_none(container.wsl))


def withheld(container: Container | Missing) -> str | None:
    """The capabilities of a container that was not given the video libraries; None: it was, or it
    is no container that is given libraries by capability.
    """
    if isinstance(container, Missing) or or_none(container.runtime) not in BY_CAPABILITY:
        return None
    capabilities = known(container.driver_capabilities) or "utility,compute"
    given = {word.strip() for word in capabilities.split(",")}
    return None if given & {"all", "video"} else capabilities


def jetson(container: Container | Missing) -> bool:
    """Whether this is a Jetson, whose driver is part of its own Linux."""
    return not isinstance(container, Missing) and bool(or_none(container.jetson))


def is_gpu_node(path: str) -> bool:
    """Whether this device file is a GPU's own: /dev/nvidia0."""
    return path.removeprefix("/dev/nvidia").isdecimal()


@rule("CTR001", severity=ERROR, subject="container")
def container_without_gpu(
    container: Container, driver: Driver, gpus: Gpus | Missing, torch: TorchBuild | Missing
) -> Iterator[Finding]:
    """This container was started without a GPU.

    Why: a container sees only the devices and driver libraries it was given. Without them libcuda
    is not found or finds no device, and torch says that there is no NVIDIA driver, although the
    host's `nvidia-smi` is content.

    Confirm: inside the container it prints nothing.

        ls /dev/nvidia0 /dev/dxg 2>/dev/null

    Fix: start the container again with the GPU: `--gpus all` for Docker, `--device
    nvidia.com/gpu=all` for Podman, a limit of `nvidia.com/gpu` for Kubernetes, `--nv` for
    Apptainer. The host needs the driver and the NVIDIA Container Toolkit.

    Sources: https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html
    https://apptainer.org/docs/user/latest/gpu.html
    """
    runtime = known(container.runtime)
    if not runtime or jetson(container):
        raise NotApplicable
    if not isinstance(torch, Missing) and torch.wants_cuda is False:
        raise NotApplicable  # a CPU, ROCm or Intel build has no use for it
    empty = not isinstance(gpus, Missing) and not gpus.devices
    if driver.nvml == "ok" and not empty:
        return
    nodes = [node.path for node in known(driver.device_nodes)]
    libraries = not _without_libraries(driver)
    if libraries and (bool(or_none(container.wsl)) or any(map(is_gpu_node, nodes))):
        return  # it was handed over; what is wrong with it, other checks say
    on_host = isinstance(driver.module_version, str) or bool(
        not isinstance(gpus, Missing) and gpus.devices
    )
    lacks = [] if any(map(is_gpu_node, nodes)) else ["a GPU under /dev"]
    lacks += [] if libraries else ["the driver's libraries"]
    if on_host:
        message = f"The NVIDIA GPU of this machine was not given to this {runtime} container: it"
    else:
        message = f"This {runtime} container has no NVIDIA GPU, and does not show whether its host"
        message += " has one: it"
    yield Finding(
        severity=ERROR if on_host else WARNING,
        message=f"{message} lacks {' and '.join(lacks)}.",
        evidence=(
            *seen(container, "runtime", "visible_devices"),
            *seen(driver, "library_version", "module_version", "nvml"),
        ),
        remedy=Remedy(
            "Give the GPU to the container: "
            + HANDED_OVER.get(runtime, "add the devices /dev/nvidia* and the driver's libraries")
            + "."
        ),
    )


@rule("CTR002", severity=NOTE, subject="container")
def container_without_video_capability(
    container: Container, driver: Driver, ffmpeg: Ffmpeg | Missing
) -> Iterator[Finding]:
    """The container has the GPU for computing, not its video encoder and decoder.

    Why: NVIDIA_DRIVER_CAPABILITIES says which driver libraries are put into a container; by default
    `utility,compute`. Without `video` there is no libnvcuvid and no libnvidia-encode, and FFmpeg,
    torchcodec or DALI say `Cannot load libnvcuvid.so.1`. torch itself does not need them.

    Confirm: it prints nothing.

        ldconfig -p | grep -e libnvcuvid -e libnvidia-encode

    Fix: start the container with `-e NVIDIA_DRIVER_CAPABILITIES=compute,utility,video`, or set that
    in the image.

    Sources: https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html#driver-capabilities
    """
    if known(container.runtime) not in BY_CAPABILITY or driver.nvml != "ok":
        raise NotApplicable
    capabilities = withheld(container)
    if capabilities is None:
        return
    for build in () if isinstance(ffmpeg, Missing) else ffmpeg.builds:
        if isinstance(build, FfmpegBuild) and set(VIDEO) & set(or_none(build.not_opened) or ()):
            raise NotApplicable  # ffmpeg_without_video_libraries says it
    if not known(container.video_libraries):
        yield Finding(
            message=f"This container has the driver's {capabilities} libraries, not those for"
            " video: NVDEC and NVENC cannot be used in it.",
            evidence=seen(container, "driver_capabilities", "video_libraries"),
            remedy=Remedy(
                "If video is to be decoded or encoded on the GPU, start the container with"
                " `-e NVIDIA_DRIVER_CAPABILITIES=compute,utility,video`."
            ),
        )


def _without_libraries(driver: Driver) -> bool:
    """Neither NVML nor libcuda is there; with the one capability only the one of them is."""
    library = driver.library_version
    absent = isinstance(library, Missing) and library.why is Why.ABSENT
    return absent and words(driver.nvml).startswith("library_not_found")
