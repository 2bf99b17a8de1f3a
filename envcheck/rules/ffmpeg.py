"""Checks of FFmpeg programs: does the driver serve what they were built for, do they start. Pure.

Whoever built one without asking for NVIDIA's hardware (as distributions do) hears no more than
notes, and nothing where no video is meant.
"""

from collections.abc import Iterator

from envcheck.facts import (
    Container,
    Driver,
    Environment,
    Ffmpeg,
    FfmpegBuild,
    Gpu,
    Gpus,
    Missing,
    known,
    or_none,
)
from envcheck.finding import NOTE, WARNING, Effect, Evidence, Finding, Remedy, seen
from envcheck.kb import Knowledge
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.common import gpu_names, visible
from envcheck.rules.container import VIDEO, jetson, withheld
from envcheck.rules.versions import ordered


def nvenc_engines(gpu: Gpu, kb: Knowledge) -> int | None:
    """Video encoders of a GPU's chip; None: not recorded, as for most that have some."""
    by_id = kb.gpu_by_pci_id(gpu.pci_id) if isinstance(gpu.pci_id, str) else None
    if by_id is not None:
        return kb.gpus.chips[by_id.chip].nvenc
    product = kb.gpu_by_name(gpu.name).gpu if isinstance(gpu.name, str) else None
    return product.nvenc if product else None


def _seen(build: FfmpegBuild, *fields: str) -> tuple[Evidence, ...]:
    values = {field: getattr(build, field) for field in fields}
    return tuple(
        Evidence(
            f"ffmpeg {field}",
            str(value) if isinstance(value, (str, Missing)) else " ".join(value) or "none",
            build.path,
        )
        for field, value in values.items()
    )


@rule("FFM001", severity=WARNING, subject="ffmpeg")
def ffmpeg_without_video_libraries(
    ffmpeg_build: FfmpegBuild, driver: Driver, container: Container | Missing
) -> Iterator[Finding]:
    """FFmpeg was built for NVENC or NVDEC, and the driver's video libraries are not here.

    Why: FFmpeg opens libnvidia-encode.so.1 and libnvcuvid.so.1 when a codec is used. In a container
    they come in with the driver capability `video`, on a headless machine with packages of their
    own. Without them: `Cannot load libnvidia-encode.so.1`, `Cannot load libnvcuvid.so.1`.

    Confirm: it prints nothing.

        ldconfig -p | grep -e libnvcuvid -e libnvidia-encode

    Fix: in a container set NVIDIA_DRIVER_CAPABILITIES=compute,utility,video; elsewhere install the
    driver's video libraries, in the version of the driver.

    Sources: https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html#driver-capabilities
    """
    if driver.nvml != "ok" or jetson(container):
        raise NotApplicable  # without a driver there is nothing to open
    lost = [name for name in known(ffmpeg_build.not_opened) if name in VIDEO]
    if not any(name in VIDEO for name in known(ffmpeg_build.opens)):
        raise NotApplicable
    if not lost:
        return
    capabilities = withheld(container)
    if not ffmpeg_build.for_nvidia and capabilities is None:
        raise NotApplicable  # it came with the distribution; nobody asks for video
    evidence = _seen(ffmpeg_build, "opens", "not_opened")
    if capabilities is not None and not isinstance(container, Missing):
        why = f"this container has the driver's {capabilities} libraries, not those for video"
        evidence = (*evidence, *seen(container, "driver_capabilities"))
        remedy = Remedy(
            "If FFmpeg is to use the GPU, start the container with"
            " `-e NVIDIA_DRIVER_CAPABILITIES=compute,utility,video`."
        )
    else:
        why = "the loader does not find it" if len(lost) == 1 else "the loader does not find them"
        remedy = Remedy(
            "Install the driver's video libraries in the driver's own version: on Debian"
            " libnvcuvid1 and libnvidia-encode1, on Ubuntu libnvidia-decode and libnvidia-encode"
            " with the driver's branch in their names."
        )
    yield Finding(
        severity=WARNING if ffmpeg_build.for_nvidia else NOTE,
        message=f"{ffmpeg_build.path} needs {' and '.join(lost)} for NVIDIA's codecs; {why}.",
        evidence=evidence,
        remedy=remedy,
    )


@rule("FFM002", severity=WARNING, subject="ffmpeg")
def nvenc_needs_newer_driver(
    ffmpeg_build: FfmpegBuild,
    driver: Driver,
    gpus: Gpus | Missing,
    container: Container | Missing,
    kb: Knowledge,
) -> Iterator[Finding]:
    """FFmpeg's NVENC was compiled with headers that this driver does not know yet.

    Why: nv-codec-headers fix the version of the NVENC interface. A driver refuses a newer one:
    `Driver does not support the required nvenc API version`. Decoding is not concerned.

    Confirm: it says which version is required, and which was found.

        ffmpeg -f lavfi -i testsrc=d=1 -c:v h264_nvenc -f null -

    Fix: update the driver, or build FFmpeg with the headers that this driver serves.

    Sources: https://github.com/FFmpeg/nv-codec-headers
    """
    if not ffmpeg_build.for_nvidia or jetson(container):
        raise NotApplicable
    needed = known(ffmpeg_build.nvenc_driver)
    if needed is None:
        raise NotApplicable
    if not isinstance(gpus, Missing) and all(
        nvenc_engines(gpu, kb) == 0 for gpu in gpus.known_devices()
    ):
        raise NotApplicable  # no encoder to drive
    sdk = kb.ffmpeg.sdk_of_driver(needed)
    windows = not isinstance(container, Missing) and bool(or_none(container.wsl))
    if windows and sdk is None:
        raise NotApplicable  # what it needs on Windows is not known
    least = sdk.windows if windows and sdk else needed
    here = known(driver.version)
    if ordered(here) >= ordered(least):
        return
    headers = kb.ffmpeg.newest_for(here, windows=windows)
    other = f", or build FFmpeg with nv-codec-headers {headers.tag}" if headers else ""
    yield Finding(
        message=f"NVENC of {ffmpeg_build.path} (Video Codec SDK {sdk.sdk if sdk else 'unknown'})"
        f" needs driver {least} or newer; this is {here}.",
        evidence=(*_seen(ffmpeg_build, "nvenc_driver"), *seen(driver, "version")),
        remedy=Remedy(
            f"Update the driver to {least} or newer{other}.",
            effects=(Effect("driver.version", least),),
        ),
    )


@rule("FFM003", severity=NOTE, subject="ffmpeg")
def gpu_without_nvenc(
    ffmpeg: Ffmpeg, gpus: Gpus, environment: Environment | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """FFmpeg was built for NVENC, and a GPU here has no video encoder.

    Why: the chips for computing (A100, H100, H200, B200) decode video and cannot encode it:
    `No capable devices found`, `OpenEncodeSessionEx failed: unsupported device (2)`.

    Confirm: NVIDIA's support matrix lists the encoders of each product.

    Fix: encode with a software encoder such as libx264 or SVT-AV1, or on another GPU; decoding and
    scaling on this one work.

    Sources: https://developer.nvidia.com/video-encode-decode-support-matrix
    """
    builds = [
        build
        for build in ffmpeg.builds
        if isinstance(build, FfmpegBuild) and build.for_nvidia and build.has_nvenc
    ]
    shown = visible(gpus, environment)
    without = tuple(gpu for gpu in shown if nvenc_engines(gpu, kb) == 0)
    if not builds or not shown:
        raise NotApplicable
    if without:
        yield Finding(
            message=f"{gpu_names(without)} has no video encoder: {builds[0].path} can decode on"
            " it, not encode.",
            evidence=(
                *_seen(builds[0], "encoders"),
                *(
                    Evidence(f"gpu {gpu.index} NVENC", "none", "envcheck's knowledge base")
                    for gpu in without
                ),
            ),
            remedy=Remedy("Encode in software (libx264, libsvtav1), or on another GPU."),
        )


@rule("FFM004", severity=WARNING, subject="ffmpeg")
def ffmpeg_library_not_found(ffmpeg_build: FfmpegBuild) -> Iterator[Finding]:
    """FFmpeg needs a shared library that the loader does not find.

    Why: it does not start at all: `error while loading shared libraries`. Its libraries lie in a
    folder the loader does not know, or a package it was built with is not here.

    Confirm: it lists what is not found.

        ldd "$(command -v ffmpeg)" | grep "not found"

    Fix: run `sudo ldconfig` after `make install`; name the folder in /etc/ld.so.conf.d, or install
    what is missing.

    Sources: https://man7.org/linux/man-pages/man8/ld.so.8.html
    """
    lost = known(ffmpeg_build.not_found)
    if lost:
        rest = f" and {len(lost) - 4} more" if len(lost) > 4 else ""
        yield Finding(
            message=f"{ffmpeg_build.path} does not start: {', '.join(lost[:4])}{rest} not found.",
            evidence=_seen(ffmpeg_build, "not_found"),
            remedy=Remedy("Tell the loader what was installed last.", ("sudo ldconfig",), "root"),
        )


@rule("FFM005", severity=WARNING, subject="ffmpeg")
def ffmpeg_of_two_builds(ffmpeg_build: FfmpegBuild) -> Iterator[Finding]:
    """An ffmpeg program would load the libraries of another build.

    Why: libraries of the same major version replace each other. The program then has the codecs,
    filters and faults of the other build, and warns of a `library configuration mismatch`: NVENC or
    scale_npp, compiled in with care, are not there.

    Confirm: the libav lines show the other build's folder.

        ldd "$(command -v ffmpeg)" | grep libav

    Fix: take the other folder out of LD_LIBRARY_PATH; or build with `--enable-rpath`, so that the
    program finds its own.

    Sources: https://ffmpeg.org/ffmpeg.html
    """
    known(ffmpeg_build.version)
    if ffmpeg_build.foreign:
        yield Finding(
            severity=WARNING if ffmpeg_build.for_nvidia else NOTE,
            message=f"{ffmpeg_build.path} would load {', '.join(ffmpeg_build.foreign)}, built"
            " with other options than itself.",
            evidence=_seen(ffmpeg_build, "foreign", "configuration"),
            remedy=Remedy(
                "Take that folder out of LD_LIBRARY_PATH, or run `sudo ldconfig` where the"
                " program's own libraries were installed last."
            ),
        )


@rule("FFM006", severity=NOTE, subject="ffmpeg")
def ffmpeg_shadows_nvidia_build(ffmpeg: Ffmpeg, gpus: Gpus) -> Iterator[Finding]:
    """The ffmpeg that a shell runs knows no NVIDIA codec, and another one here does.

    Why: the first ffmpeg on PATH wins; an activated conda environment puts its own before all
    others. `Unknown encoder 'h264_nvenc'` then comes from the wrong program.

    Confirm: it lists them in the order of PATH.

        type -a ffmpeg

    Fix: call the other one by its path, or put its folder first on PATH.

    Sources: https://ffmpeg.org/ffmpeg.html
    """
    if not gpus.devices or len(ffmpeg.builds) < 2:
        raise NotApplicable
    first = known(ffmpeg.builds[0])
    better = [
        build
        for build in ffmpeg.builds[1:]
        if isinstance(build, FfmpegBuild) and build.for_nvidia and build.has_nvenc
    ]
    if known(first.opens) or not better:
        return
    folder = better[0].path.rpartition("/")[0]
    yield Finding(
        message=f"{first.path} comes first and has no NVIDIA codecs; {better[0].path} has them.",
        evidence=(*_seen(first, "version"), *_seen(better[0], "version", "encoders")),
        remedy=Remedy("Put the other one first on PATH.", (f"export PATH={folder}:$PATH",), "safe"),
    )
