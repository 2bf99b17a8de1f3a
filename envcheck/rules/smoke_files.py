"""Checks of proofs that were run: the videos and checkpoints they were given. Pure."""

from collections.abc import Iterator

from envcheck.facts import Missing, PythonEnv, Trial
from envcheck.finding import ERROR, NOTE, Evidence, Finding, Remedy
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.install import interpreter
from envcheck.rules.smoke import failed_by, said, wrong


@rule("SMK025", severity=ERROR, subject="smoke")
def video_unreadable(trial: Trial) -> Iterator[Finding]:
    """A video cannot be decoded.

    Why: the file is damaged or cut short, holds sound only, or is no video. In a data set such a
    file stops the training, or is replaced by another one silently.

    Confirm: it names the streams, or the same error.

        ffprobe -v error -show_streams FILE

    Fix: fetch it again, or take it off the list.

    Sources: https://pyav.org/docs/stable/
    """
    if failed_by(trial, "video_unreadable"):
        yield Finding(
            message=f"The video cannot be decoded: {trial.detail}",
            evidence=said(trial),
            subject=trial.label,
        )


@rule("SMK026", severity=ERROR, subject="smoke")
def video_decoded_wrong(trial: Trial) -> Iterator[Finding]:
    """A video of known content comes out of the decoder with other colours or in another order.

    Why: every frame of the video that comes with envcheck has known colours. Red and blue changed
    places, a wrong range or matrix, or a frame too few or too many all show here, and a model
    still predicts something from them.

    Confirm: the same difference comes again.

        envcheck smoke slowfast --device cpu

    Fix: install PyAV again, or another version of it.

    Sources: https://pyav.org/docs/stable/
    """
    if wrong(trial, "video") and trial.measured is not None:
        yield Finding(
            message=f"The decoded video is off by {trial.measured:.1f} of 255 levels; at most"
            f" {trial.limit:g} is right.",
            evidence=said(trial),
            subject=trial.label,
        )


@rule("SMK027", severity=NOTE, subject="smoke")
def no_video_decoder(trial: Trial, python: PythonEnv | Missing) -> Iterator[Finding]:
    """No video was decoded: PyAV is not installed for this interpreter.

    Why: the model was proved on a synthetic clip; the way from a video file to a clip was not.

    Confirm: it raises an error.

        python -c "import av"

    Fix: install PyAV, which brings its own FFmpeg libraries.

    Sources: https://pyav.org/docs/stable/
    """
    if trial.check != "video" or (trial.status == "skipped" and trial.reason != "no_decoder"):
        raise NotApplicable
    if trial.reason == "no_decoder":
        yield Finding(
            severity=ERROR if trial.details.get("asked for") == "yes" else None,
            message=f"No video was decoded: {trial.detail}",
            evidence=(Evidence(trial.label, trial.detail, "envcheck smoke"),),
            subject=trial.label,
            remedy=Remedy("Install PyAV.", (f"{interpreter(python)} -m pip install av",), "safe"),
        )


@rule("SMK028", severity=ERROR, subject="smoke")
def checkpoint_of_another_model(trial: Trial) -> Iterator[Finding]:
    """A checkpoint does not fit the model: layers are missing, too many, or of another shape.

    Why: it was saved of another architecture, depth or number of classes. PySlowFast's own models
    name their layers differently from pytorchvideo's: only checkpoints of its PTV models fit.

    Confirm: the message names the first ten layers.

    Fix: choose the model that the checkpoint's name means, with --model.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/MODEL_ZOO.md
    """
    if failed_by(trial, "checkpoint_mismatch"):
        yield Finding(
            message=f"The checkpoint does not fit the model: {trial.detail}.",
            evidence=(Evidence(trial.label, "refused", "envcheck smoke"),),
            subject=trial.label,
            remedy=Remedy("Name the model it was saved of with --model."),
        )


@rule("SMK029", severity=ERROR, subject="smoke")
def checkpoint_holds_code(trial: Trial) -> Iterator[Finding]:
    """A checkpoint holds more than tensors: loading it would run code from the file.

    Why: the pickle format can call any function. envcheck loads tensors only and has refused the
    rest; nothing of it was run.

    Confirm: it lists what the file would import, without running it.

        python -m pickletools FILE/data.pkl

    Fix: get it from a source you trust, or have it saved as tensors only.

    Sources: https://pytorch.org/docs/stable/notes/serialization.html
    """
    if failed_by(trial, "checkpoint_holds_code", "checkpoint_unsafe"):
        yield Finding(
            message=f"The checkpoint was not loaded: {trial.detail}",
            evidence=said(trial),
            subject=trial.label,
        )


@rule("SMK030", severity=ERROR, subject="smoke")
def checkpoint_unreadable(trial: Trial) -> Iterator[Finding]:
    """A checkpoint cannot be read.

    Why: the file is not there, was cut short during the download, is a web page, or is of another
    format: Caffe2's `.pkl` files have to be converted by PySlowFast first.

    Confirm: a checkpoint is a zip archive, or a pickle; a web page begins with "<".

        head -c 16 FILE | xxd

    Fix: download it again, and compare the size with the server's.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/MODEL_ZOO.md
    """
    if failed_by(trial, "checkpoint_unreadable"):
        yield Finding(
            message=f"The checkpoint cannot be read: {trial.detail}",
            evidence=said(trial),
            subject=trial.label,
        )
