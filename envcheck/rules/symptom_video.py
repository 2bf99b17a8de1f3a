"""Causes that only an error message shows: what each means. Pure.

What the messages look like, and how each is mended, are rows of the knowledge base.
"""

from collections.abc import Iterator

from envcheck.facts import Missing, Symptoms
from envcheck.finding import ERROR, Finding
from envcheck.kb import Knowledge
from envcheck.rules.base import rule
from envcheck.rules.symptom import reported


@rule("SYM007", severity=ERROR, subject="symptom")
def empty_train_loader(symptoms: Symptoms | Missing, kb: Knowledge) -> Iterator[Finding]:
    """PySlowFast's training loop had no batch at all.

    Why: the loader drops the last incomplete batch. With fewer clips than TRAIN.BATCH_SIZE it
    is empty, the loop's variables are never set, and `del inputs` fails. It is the data, not
    the environment.

    Confirm: the list has fewer lines than TRAIN.BATCH_SIZE.

        wc -l train.csv

    Fix: lower TRAIN.BATCH_SIZE, or correct the list of videos.

    Sources: https://github.com/facebookresearch/SlowFast/issues/547
    """
    return reported("empty_train_loader", symptoms, kb)


@rule("SYM012", severity=ERROR, subject="symptom")
def nvenc_api_too_new(symptoms: Symptoms | Missing, kb: Knowledge) -> Iterator[Finding]:
    """FFmpeg was built with NVENC headers newer than the driver.

    Why: the headers that FFmpeg is compiled with ask for one version of the NVENC interface,
    and a driver serves those up to its own.

    Confirm: the error names both versions.

        nvidia-smi --query-gpu=driver_version --format=csv

    Fix: install a newer driver, or build FFmpeg with an older release of nv-codec-headers.

    Sources: https://github.com/FFmpeg/nv-codec-headers
    """
    return reported("nvenc_api_too_new", symptoms, kb)


@rule("SYM013", severity=ERROR, subject="symptom")
def nvenc_profile_or_gpu_unsupported(
    symptoms: Symptoms | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """This GPU cannot encode what was asked of it.

    Why: some GPUs have no encoder (A100, H100, H200, B200), and those that have one do not know
    every codec, size, pixel format and profile.

    Confirm: it lists what the encoder accepts.

        ffmpeg -hide_banner -h encoder=h264_nvenc

    Fix: ask for a profile that the GPU has (`-pix_fmt yuv420p`), take another GPU, or encode
    with libx264.

    Sources: https://developer.nvidia.com/video-encode-and-decode-gpu-support-matrix-new
    """
    return reported("nvenc_profile_or_gpu_unsupported", symptoms, kb)


@rule("SYM014", severity=ERROR, subject="symptom")
def optimizer_state_mismatch(symptoms: Symptoms | Missing, kb: Knowledge) -> Iterator[Finding]:
    """The checkpoint's optimizer has other parameter groups than this model.

    Why: PySlowFast makes groups by the kind of layer. A checkpoint of another model, or of
    another phase of multigrid training, has another number of them. It is the checkpoint, not
    the environment.

    Confirm: it prints the number of groups in the file.

        python -c "import sys, torch; print(len(torch.load(sys.argv[1], map_location='cpu', weights_only=False)['optimizer_state']['param_groups']))" checkpoint.pyth

    Fix: set TRAIN.CHECKPOINT_EPOCH_RESET True: the weights are loaded and the optimizer's state
    is not.

    Sources: https://github.com/facebookresearch/SlowFast/issues/478
    """  # noqa: E501
    return reported("optimizer_state_mismatch", symptoms, kb)


@rule("SYM015", severity=ERROR, subject="symptom")
def pyav_too_old(symptoms: Symptoms | Missing, kb: Knowledge) -> Iterator[Finding]:
    """PyAV is too old for the code that decodes with it.

    Why: methods of containers and streams were added over the years; PySlowFast closes
    containers, which old releases cannot.

    Confirm: it prints the version.

        python -c "import av; print(av.__version__)"

    Fix: install a newer `av`.

    Sources: https://github.com/PyAV-Org/PyAV/blob/main/CHANGELOG.rst
    """
    return reported("pyav_too_old", symptoms, kb)


@rule("SYM016", severity=ERROR, subject="symptom")
def pytorchvideo_from_pypi(symptoms: Symptoms | Missing, kb: Knowledge) -> Iterator[Finding]:
    """The pytorchvideo of the package index is too old for PySlowFast.

    Why: its last release, 0.1.5, is from early 2022; PySlowFast has used functions since then
    that are only in the repository, which calls itself 0.1.5 as well.

    Confirm: it names a file below site-packages.

        python -c "import pytorchvideo; print(pytorchvideo.__file__)"

    Fix: install it from its repository.

    Sources: https://github.com/facebookresearch/SlowFast/issues/663
    """
    return reported("pytorchvideo_from_pypi", symptoms, kb)


@rule("SYM017", severity=ERROR, subject="symptom")
def slowfast_decoder_bug(symptoms: Symptoms | Missing, kb: Knowledge) -> Iterator[Finding]:
    """PySlowFast's decoder stops at a mistake of its own.

    Why: some checkouts use a variable that a branch of the decoding code never sets. It is the
    code, not the environment.

    Confirm: it prints the commit.

        git -C SlowFast log -1 --oneline

    Fix: update the checkout.

    Sources: https://github.com/facebookresearch/SlowFast/issues/557
    """
    return reported("slowfast_decoder_bug", symptoms, kb)


@rule("SYM018", severity=ERROR, subject="symptom")
def torchvision_too_new_for_basicsr(
    symptoms: Symptoms | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """basicsr imports a module that torchvision 0.17 removed.

    Why: `torchvision.transforms.functional_tensor` became private in 0.15 and went away in
    0.17; basicsr's last release still imports it.

    Confirm: it prints 0.17 or newer.

        python -c "import torchvision; print(torchvision.__version__)"

    Fix: change the import to `torchvision.transforms.functional`, or install torchvision below
    0.17 with its torch.

    Sources: https://github.com/XPixelGroup/BasicSR/issues/663
    """
    return reported("torchvision_too_new_for_basicsr", symptoms, kb)


@rule("SYM019", severity=ERROR, subject="symptom")
def torchvision_too_new_for_pytorchvideo(
    symptoms: Symptoms | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """pytorchvideo imports a module that torchvision 0.17 removed.

    Why: `torchvision.transforms.functional_tensor` became private in 0.15 and went away in
    0.17; pytorchvideo 0.1.5 still imports it, its repository no longer does.

    Confirm: it fails.

        python -c "import pytorchvideo.transforms"

    Fix: install pytorchvideo from its repository, or torchvision below 0.17 with its torch.

    Sources: https://github.com/facebookresearch/pytorchvideo/issues/269
    """
    return reported("torchvision_too_new_for_pytorchvideo", symptoms, kb)


@rule("SYM020", severity=ERROR, subject="symptom")
def torchvision_without_video_reader(
    symptoms: Symptoms | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """torchvision's wheels hold no video reader.

    Why: the operators of `video_reader` are compiled only where FFmpeg's headers are found,
    which is not so for the published wheels; later releases removed them altogether. It is
    PySlowFast's default decoder.

    Confirm: it raises.

        python -c "import torchvision; torchvision.set_video_backend('video_reader')"

    Fix: set DATA.DECODING_BACKEND to pyav, or build torchvision from source with FFmpeg.

    Sources: https://github.com/facebookresearch/SlowFast/issues/181
    """
    return reported("torchvision_without_video_reader", symptoms, kb)
