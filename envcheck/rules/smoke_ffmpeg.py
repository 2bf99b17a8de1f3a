"""Checks of proofs that were run: FFmpeg itself, its software codecs, its way to the GPU. Pure."""

from collections.abc import Iterator

from envcheck.facts import Container, Ffmpeg, FfmpegBuild, Missing, Trial, Trials
from envcheck.finding import ERROR, NOTE, WARNING, Finding, Remedy, seen
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.smoke import said

LIBRARY = {"nvcuvid_missing": "libnvcuvid.so.1", "nvencode_missing": "libnvidia-encode.so.1"}
# Reasons for which there is a check of all kinds of proof, and those for which there is one here.
GENERAL = (
    "timeout", "interrupted", "out_of_memory", "gpu_lost", "gpu_fault", "device_absent", "crashed",
    "killed",
)  # fmt: skip
SAID = (
    *GENERAL, *LIBRARY, "nvenc_api", "no_nvenc", "nvenc_sessions", "not_built", "frames_lost",
)  # fmt: skip


def of_ffmpeg(trial: Trial, *checks: str) -> None:
    """
    Raises:
        NotApplicable: it is none of these.
    """
    if trial.check not in checks:
        raise NotApplicable


@rule("SMK060", severity=ERROR, subject="smoke", decisive=True)
def ffmpeg_does_not_start(trials: Trials, ffmpeg: Ffmpeg | Missing) -> Iterator[Finding]:
    """The ffmpeg program cannot be run.

    Why: it is not installed or not on PATH, a shared library it needs is not found, or the file is
    no FFmpeg at all.

    Confirm: it prints the version, or the same error.

        ffmpeg -version

    Fix: install it, name another one with --ffmpeg, or see what `envcheck doctor` says of its
    libraries.

    Sources: https://ffmpeg.org/download.html
    """
    if trials.target != "ffmpeg":
        raise NotApplicable
    for trial in trials.trials:
        if isinstance(trial, Missing) or trial.check != "ffmpeg_start":
            continue
        if trial.status == "failed" and trial.reason not in GENERAL:
            yield Finding(
                message=f"ffmpeg does not start: {trial.detail}.",
                evidence=said(trial),
                remedy=Remedy(_another(ffmpeg)),
            )


def _another(ffmpeg: Ffmpeg | Missing) -> str:
    builds = () if isinstance(ffmpeg, Missing) else ffmpeg.builds
    found = [build.path for build in builds if isinstance(build, FfmpegBuild)]
    others = f" Here are also: {', '.join(found)}." if found else ""
    return f"Install FFmpeg, or name another one with --ffmpeg.{others}"


@rule("SMK061", severity=ERROR, subject="smoke")
def software_video_fails(trial: Trial) -> Iterator[Finding]:
    """FFmpeg's own codecs fail or give wrong frames, on the CPU.

    Why: the build is broken or lacks what every build has; libraries of two builds are mixed.

    Confirm: the same proof fails again.

        envcheck smoke ffmpeg --device cpu

    Fix: install FFmpeg again; `envcheck doctor` says whose libraries it loads.

    Sources: https://ffmpeg.org/ffmpeg-codecs.html
    """
    of_ffmpeg(trial, "ffmpeg_software")
    if trial.reason in GENERAL:
        raise NotApplicable
    far = trial.measured is not None and trial.limit is not None and trial.measured > trial.limit
    if trial.status == "failed" or far:
        what = f": {trial.detail}" if trial.detail else f", off by {trial.measured:.3g} levels"
        yield Finding(
            severity=WARNING if trial.reason == "not_built" else ERROR,
            message=f"{trial.name} in software is wrong{what}.",
            evidence=said(trial),
            subject=trial.label,
        )


@rule("SMK062", severity=NOTE, subject="smoke")
def video_proved_in_software_only(trials: Trials) -> Iterator[Finding]:
    """FFmpeg was proved on the CPU only.

    Why: there is no NVIDIA GPU here, its driver's libcuda.so.1 is not found, or only the CPU was
    asked for. Nothing is proved of NVENC, NVDEC and scale_cuda.

    Confirm: it lists the GPUs, or the CPU was chosen on purpose.

        nvidia-smi -L

    Fix: nothing where the CPU is meant; otherwise see what `envcheck doctor` says of the GPU.

    Sources: https://docs.nvidia.com/video-technologies/video-codec-sdk/13.0/ffmpeg-with-nvidia-gpu/index.html
    """
    known = [trial for trial in trials.trials if isinstance(trial, Trial)]
    if trials.target != "ffmpeg" or not any(trial.status == "ok" for trial in known):
        raise NotApplicable
    devices = [trial for trial in known if trial.check == "ffmpeg_device"]
    if any(trial.status != "skipped" for trial in devices):
        return
    why = devices[0].detail if devices else "only it was asked for"
    yield Finding(message=f"FFmpeg was proved on the CPU only: {why}.")


@rule("SMK063", severity=ERROR, subject="smoke")
def ffmpeg_cannot_open_gpu(trial: Trial, container: Container | Missing) -> Iterator[Finding]:
    """FFmpeg cannot open the GPU, although there is one or one was asked for.

    Why: libcuda.so.1 is not found (`Cannot load libcuda.so.1`, `Could not dynamically load CUDA`),
    the driver shows no device, or this FFmpeg was built without CUDA.

    Confirm: it ends without an error where FFmpeg reaches the GPU.

        ffmpeg -v error -init_hw_device cuda -f lavfi -i nullsrc -frames:v 1 -f null -

    Fix: `envcheck doctor` names the driver's fault; in a container hand the GPU over.

    Sources: https://docs.nvidia.com/video-technologies/video-codec-sdk/13.0/ffmpeg-with-nvidia-gpu/index.html
    """
    of_ffmpeg(trial, "ffmpeg_device")
    if trial.status == "skipped":
        raise NotApplicable
    if trial.status == "failed" and trial.reason not in GENERAL:
        around = () if isinstance(container, Missing) else seen(container, "runtime")
        yield Finding(
            message=f"FFmpeg cannot open {trial.device}: {trial.detail}.",
            evidence=(*said(trial), *around),
            subject=trial.label,
            remedy=Remedy("Let doctor name the cause.", ("envcheck doctor",)),
        )
