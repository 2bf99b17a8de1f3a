"""Checks of a training's configuration: the checkpoints that it names. Pure."""

import re
from collections.abc import Iterator

from envcheck.facts import Checkpoint, Missing, Training, known
from envcheck.finding import ERROR, WARNING, Finding, Remedy
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.training import given

FORMS = {
    "torch": "a file of torch.save",
    "caffe2": "a Caffe2 file (a pickle with blobs)",
    "pickle": "a pickle, neither of PyTorch nor of Caffe2",
    "html": "a web page",
    "empty": "empty",
    "other": "of no format of PyTorch or Caffe2",
}
LAYERS = {
    "pyslowfast": "PySlowFast's convolutional models (s1. …)",
    "pyslowfast_mvit": "PySlowFast's transformers (patch_embed.proj …)",
    "wrapped": "pytorchvideo's models as PySlowFast saves them (model. …)",
    "pytorchvideo": "pytorchvideo's models as it saves them itself (blocks. …)",
}
# The layer names that a class of PySlowFast has.
MODELS = {
    "SlowFast": "pyslowfast",
    "ResNet": "pyslowfast",
    "ResNet_nopool": "pyslowfast",
    "X3D": "pyslowfast",
    "MViT": "pyslowfast_mvit",
    "MaskMViT": "pyslowfast_mvit",
    "PTVResNet": "wrapped",
    "PTVSlowFast": "wrapped",
    "PTVX3D": "wrapped",
    "PTVCSN": "wrapped",
    "PTVR2plus1D": "wrapped",
    "PTVMViT": "wrapped",
}


@rule("CFG030", severity=ERROR, subject="training")
def config_checkpoint_absent(training: Training) -> Iterator[Finding]:
    """The checkpoint that the configuration names is not there, or cannot be read.

    Why: PySlowFast builds model and data first, which takes minutes, and stops then. Relative paths
    count from the folder in which the training is started; "~" is not expanded.

    Confirm: it says that the file is not there.

        ls -l FILE

    Fix: correct the path, or download the file: `envcheck models list` prints the addresses.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/MODEL_ZOO.md
    """
    for checkpoint in _checkpoints(training):
        if isinstance(checkpoint.form, Missing):
            yield Finding(
                message=f"{checkpoint.setting}: {checkpoint.form.detail}.",
                evidence=given(training, checkpoint.setting),
                subject=checkpoint.setting,
                remedy=Remedy("Correct the path, or look its address up.", _look_up(checkpoint)),
            )


@rule("CFG031", severity=ERROR, subject="training")
def config_checkpoint_of_other_type(training: Training) -> Iterator[Finding]:
    """A checkpoint is not of the type that the configuration says.

    Why: CHECKPOINT_TYPE chooses the reader. `caffe2` unpickles the file and looks for blobs,
    `pytorch` calls torch.load. Neither an ending nor a folder tells: of PySlowFast's published
    .pkl files most are Caffe2's, and one is PyTorch's.

    Confirm: a file of torch.save begins with PK; a Caffe2 one holds the word blobs.

        head -c 64 FILE | xxd

    Fix: set CHECKPOINT_TYPE to what the file is; download again what is empty or a web page.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/slowfast/utils/checkpoint.py
    """
    for checkpoint in _checkpoints(training):
        form = checkpoint.form
        if isinstance(form, Missing):
            continue
        key = checkpoint.setting.replace("FILE_PATH", "TYPE")
        wanted = training.text(key)
        if form == {"pytorch": "torch"}.get(wanted, wanted):
            continue
        right = {"torch": "pytorch", "caffe2": "caffe2"}.get(form)
        todo = f"Set {key} to {right}." if right else "Download the file again."
        yield Finding(
            message=f"{key} is {wanted}, and {checkpoint.path} is {FORMS[form]}.",
            evidence=given(training, checkpoint.setting, key),
            subject=checkpoint.setting,
            remedy=Remedy(todo),
        )


@rule("CFG032", severity=ERROR, subject="training")
def config_checkpoint_of_other_model(training: Training) -> Iterator[Finding]:
    """A checkpoint's layers are named otherwise than the model's: nothing of it would be loaded.

    Why: PySlowFast loads what has the same name and shape, and only logs the rest: it trains from
    random weights without an error. pytorchvideo's own checkpoints lack the "model." that
    PySlowFast's wrapper puts before each name; PySlowFast's own models name their layers
    differently altogether.

    Confirm: the log says "Network weights … not loaded" for every layer.

        grep -c "not loaded" stdout.log

    Fix: for PTV models take the files of pytorchvideo's pysf_model_zoo, for others those of
    PySlowFast's own: `envcheck models list` prints the addresses.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/projects/pytorchvideo/README.md
    """
    if training.settings.get("TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN"):
        raise NotApplicable  # names are changed on loading
    model = training.text("MODEL.MODEL_NAME")
    wanted = MODELS.get(model)
    if wanted is None:
        raise NotApplicable
    for checkpoint in _checkpoints(training):
        layers = checkpoint.layers
        if checkpoint.form != "torch" or isinstance(layers, Missing) or layers not in LAYERS:
            continue
        if layers != wanted:
            yield Finding(
                message=f"{checkpoint.path} holds layers of {LAYERS[layers]}; {model} needs"
                f" {LAYERS[wanted]}. It would train from random weights.",
                evidence=given(training, checkpoint.setting, "MODEL.MODEL_NAME"),
                subject=checkpoint.setting,
                remedy=Remedy("Take a checkpoint of that model.", ("envcheck models list",)),
            )


@rule("CFG033", severity=WARNING, subject="training")
def config_checkpoint_ignored(training: Training) -> Iterator[Finding]:
    """The training would resume from its output folder and ignore the checkpoint it is given.

    Why: TRAIN.AUTO_RESUME is on and OUTPUT_DIR holds checkpoints of an earlier run, which go before
    TRAIN.CHECKPOINT_FILE_PATH. A fine-tuning then goes on where another run ended.

    Confirm: it lists them.

        ls OUTPUT_DIR/checkpoints

    Fix: choose another OUTPUT_DIR, or set TRAIN.AUTO_RESUME to False.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/slowfast/utils/checkpoint.py
    """
    path = "TRAIN.CHECKPOINT_FILE_PATH"
    if not training.on("TRAIN.ENABLE") or not training.text(path):
        raise NotApplicable
    last = known(training.resumes)
    if training.on("TRAIN.AUTO_RESUME") and last is not None:
        yield Finding(
            message=f"The training would resume from {last} and ignore {path}.",
            evidence=given(training, path, "TRAIN.AUTO_RESUME", "OUTPUT_DIR"),
            subject=path,
            remedy=Remedy("Choose another OUTPUT_DIR, or set TRAIN.AUTO_RESUME to False."),
        )


def _look_up(checkpoint: Checkpoint) -> tuple[str, ...]:
    name = checkpoint.path.rpartition("/")[2].rpartition(".")[0]
    return (f"envcheck models list {name}",) if re.fullmatch(r"\w[\w.-]*", name) else ()


def _checkpoints(training: Training) -> tuple[Checkpoint, ...]:
    if not training.checkpoints:
        raise NotApplicable
    return training.checkpoints
