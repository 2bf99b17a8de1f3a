"""Checks of proofs that were run: NVENC, NVDEC and scale_cuda through FFmpeg. Pure."""

from collections.abc import Iterator

from envcheck.facts import Container, Driver, Gpus, Missing, Trial
from envcheck.finding import ERROR, NOTE, WARNING, Finding, Remedy, seen
from envcheck.kb import Knowledge, VersionError
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.container import withheld
from envcheck.rules.ffmpeg import nvenc_engines
from envcheck.rules.smoke import failed_by, said
from envcheck.rules.smoke_ffmpeg import LIBRARY, SAID, of_ffmpeg

WORK = ("ffmpeg_filter", "ffmpeg_decode", "ffmpeg_encode", "ffmpeg_transcode")


@rule("SMK064", severity=ERROR, subject="smoke")
def video_library_not_loaded(trial: Trial, container: Container | Missing) -> Iterator[Finding]:
    """The driver's library for video cannot be loaded.

    Why: `Cannot load libnvidia-encode.so.1` or `Cannot load libnvcuvid.so.1`: a container was not
    given the capability `video`, or a headless driver came without these libraries.

    Confirm: it prints nothing.

        ldconfig -p | grep -e libnvcuvid -e libnvidia-encode

    Fix: in a container set NVIDIA_DRIVER_CAPABILITIES=compute,utility,video; elsewhere install the
    driver's video libraries.

    Sources: https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html#driver-capabilities
    """
    of_ffmpeg(trial, *WORK)
    if failed_by(trial, *LIBRARY):
        if withheld(container) is not None:
            text = "Start the container with `-e NVIDIA_DRIVER_CAPABILITIES=compute,utility,video`."
        else:
            text = (
                "Install the driver's video libraries: on Debian libnvcuvid1 and"
                " libnvidia-encode1, on Ubuntu libnvidia-decode and libnvidia-encode of the"
                " driver's branch."
            )
        yield Finding(
            message=f"{LIBRARY[trial.reason]} cannot be loaded, so {trial.name} does not work.",
            evidence=said(trial),
            subject=trial.label,
            remedy=Remedy(text),
        )


@rule("SMK065", severity=ERROR, subject="smoke")
def nvenc_refused_by_driver(
    trial: Trial, driver: Driver | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """The driver does not know the version of NVENC that FFmpeg was compiled for.

    Why: `Driver does not support the required nvenc API version`: the nv-codec-headers it was
    compiled with are newer than the driver. Decoding is not concerned.

    Confirm: the same line comes again, with the version required and the one found.

        ffmpeg -f lavfi -i testsrc=d=1 -c:v h264_nvenc -f null -

    Fix: update the driver, or build FFmpeg with older headers.

    Sources: https://github.com/FFmpeg/nv-codec-headers
    """
    of_ffmpeg(trial, *WORK)
    if failed_by(trial, "nvenc_api"):
        tag = _fitting_headers(driver, kb)
        other = f", or build FFmpeg with nv-codec-headers {tag}" if tag else ""
        yield Finding(
            message=f"{trial.name}: {trial.detail}.",
            evidence=said(trial) + (() if isinstance(driver, Missing) else seen(driver, "version")),
            subject=trial.label,
            remedy=Remedy(f"Update the driver{other}."),
        )


def _fitting_headers(driver: Driver | Missing, kb: Knowledge) -> str | None:
    """The tag of nv-codec-headers that this driver serves; None: not known."""
    if isinstance(driver, Missing) or isinstance(driver.version, Missing):
        return None
    try:
        headers = kb.ffmpeg.newest_for(driver.version)
    except VersionError:
        return None
    return headers.tag if headers else None


@rule("SMK066", severity=ERROR, subject="smoke")
def no_nvenc_on_gpu(trial: Trial, gpus: Gpus | Missing, kb: Knowledge) -> Iterator[Finding]:
    """The GPU has no video encoder that does this.

    Why: the chips for computing (A100, H100, H200, B200) have no NVENC at all, and an older NVENC
    does not know each codec: `No capable devices found`, `unsupported device (2)`.

    Confirm: NVIDIA's support matrix lists the encoders of each product.

    Fix: encode in software or on another GPU; decoding and scaling on this one work.

    Sources: https://developer.nvidia.com/video-encode-decode-support-matrix
    """
    of_ffmpeg(trial, *WORK)
    if failed_by(trial, "no_nvenc"):
        devices = () if isinstance(gpus, Missing) else gpus.known_devices()
        without = bool(devices) and all(nvenc_engines(gpu, kb) == 0 for gpu in devices)
        yield Finding(
            severity=NOTE if without else ERROR,
            message=f"{trial.name} finds no encoder on {trial.device}: {trial.detail}.",
            evidence=said(trial),
            subject=trial.label,
            remedy=Remedy("Encode in software (libx264, libsvtav1), or on another GPU."),
        )


@rule("SMK067", severity=WARNING, subject="smoke")
def nvenc_sessions_taken(trial: Trial) -> Iterator[Finding]:
    """NVENC takes no further encode at present.

    Why: GeForce drivers limit how many encodes run at once, over all GPUs; a GPU without free
    memory says the same: `OpenEncodeSessionEx failed: out of memory (10)`.

    Confirm: it counts the encodes under way.

        nvidia-smi --query-gpu=index,encoder.stats.sessionCount,memory.used --format=csv

    Fix: end other encodes, or update the driver: newer ones allow more.

    Sources: https://developer.nvidia.com/video-encode-decode-support-matrix
    """
    of_ffmpeg(trial, *WORK)
    if failed_by(trial, "nvenc_sessions"):
        yield Finding(
            message=f"{trial.name} was refused on {trial.device}: {trial.detail}.",
            evidence=said(trial),
            subject=trial.label,
            remedy=Remedy(
                "See how many encodes are under way.",
                ("nvidia-smi --query-gpu=encoder.stats.sessionCount,memory.used --format=csv",),
                "safe",
            ),
        )


@rule("SMK068", severity=ERROR, subject="smoke")
def video_frames_wrong(trial: Trial) -> Iterator[Finding]:
    """Video that went through the GPU comes out with wrong or missing frames.

    Why: each clip is compared with the frames it should be, in levels of 255. A faulty card,
    a broken driver or a fault in FFmpeg's filter shows here before it shows in a data set.

    Confirm: the same proof fails again, and the one in software does not.

        envcheck smoke ffmpeg

    Fix: try another driver and another FFmpeg; where other proofs of the same card fail as well,
    see to the card.

    Sources: https://docs.nvidia.com/video-technologies/video-codec-sdk/13.0/nvdec-application-note/index.html
    """
    of_ffmpeg(trial, *WORK)
    lost = failed_by(trial, "frames_lost")
    if trial.status == "ok" and (trial.measured is None or trial.limit is None):
        raise NotApplicable
    if lost or (trial.measured or 0.0) > (trial.limit or 0.0):
        what = trial.detail or f"off by {trial.measured:.3g} levels, at most {trial.limit} is right"
        yield Finding(
            message=f"{trial.name} on {trial.device} gives wrong frames: {what}.",
            evidence=said(trial),
            subject=trial.label,
        )


@rule("SMK069", severity=ERROR, subject="smoke")
def video_proof_fails(trial: Trial) -> Iterator[Finding]:
    """A codec or filter on the GPU fails, or this FFmpeg was built without it.

    Why: by the error's words. `Hardware is lacking required capabilities`: this GPU does not decode
    that; `Unknown encoder`, `No such filter`: not compiled in; an error of CUDA: the driver is too
    old for the GPU code of scale_cuda, or the card is at fault.

    Confirm: the same proof fails again.

        envcheck smoke ffmpeg

    Fix: by the error's words; docs/ffmpeg.md says what to build FFmpeg with.

    Sources: https://docs.nvidia.com/video-technologies/video-codec-sdk/13.0/ffmpeg-with-nvidia-gpu/index.html
    """
    of_ffmpeg(trial, *WORK)
    missing = failed_by(trial, "not_built")
    if missing or (trial.status == "failed" and trial.reason not in SAID):
        yield Finding(
            severity=WARNING if missing else ERROR,
            message=f"{trial.name} on {trial.device} failed: {trial.detail}.",
            evidence=said(trial),
            subject=trial.label,
        )
