"""Checks of a training's configuration: the data that it names. Pure."""

import re
from collections.abc import Iterator

from envcheck.facts import Missing, Training, Why, known
from envcheck.finding import ERROR, NOTE, Evidence, Finding, Remedy
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.training import given

ANNOTATIONS = (
    "AVA.TRAIN_GT_BOX_LISTS",
    "AVA.TRAIN_PREDICT_BOX_LISTS",
    "AVA.GROUNDTRUTH_FILE",
    "AVA.EXCLUSION_FILE",
    "AVA.LABEL_MAP_FILE",
)


@rule("CFG020", severity=ERROR, subject="training", decisive=True)
def batch_larger_than_data(training: Training) -> Iterator[Finding]:
    """There are fewer training videos than one batch takes.

    Why: PySlowFast drops the last incomplete batch, so that no batch is left: the loop never runs,
    and `del inputs` fails with `UnboundLocalError: local variable 'inputs' referenced before
    assignment` ("cannot access local variable 'inputs'" from Python 3.11 on). With several GPUs the
    videos and the batch are divided among them.

    Confirm: it prints fewer lines than TRAIN.BATCH_SIZE.

        wc -l train.csv

    Fix: lower TRAIN.BATCH_SIZE to the number of videos or below, or list more videos.

    Sources: https://github.com/facebookresearch/SlowFast/issues/547
    https://github.com/facebookresearch/SlowFast/issues/257
    """
    if not training.on("TRAIN.ENABLE"):
        raise NotApplicable
    items = known(training.items)
    batch, gpus = training.number("TRAIN.BATCH_SIZE"), max(1, training.number("NUM_GPUS"))
    processes = gpus * max(1, training.number("NUM_SHARDS"))
    share = -(-items // processes) if gpus > 1 else items
    if batch < gpus or share >= batch // gpus:
        return
    if training.items_more:
        known(Missing(Why.NOT_ASKED, "the list of training videos is longer than what was counted"))
    what = "key frames" if training.text("TRAIN.DATASET").lower() == "ava" else "training videos"
    each = "" if gpus == 1 else f": {share} on each GPU, of which a batch takes {batch // gpus}"
    yield Finding(
        message=f"TRAIN.BATCH_SIZE is {batch}, and there are {items} {what}{each}. No batch is"
        " complete: the training ends with 'inputs' referenced before assignment.",
        evidence=(
            *given(training, "TRAIN.BATCH_SIZE", "NUM_GPUS"),
            Evidence(what, str(items), str(known(training.folder))),
        ),
        subject="TRAIN.BATCH_SIZE",
        remedy=Remedy(f"Set TRAIN.BATCH_SIZE to {_largest(items, gpus)} or below."),
    )


def _largest(items: int, gpus: int) -> str:
    most = items // gpus * gpus
    return str(most) if most else f"{gpus}, with {gpus} videos or more,"


@rule("CFG021", severity=ERROR, subject="training")
def training_file_absent(training: Training) -> Iterator[Finding]:
    """A list of videos, boxes or labels that the training opens is not there.

    Why: PySlowFast opens them all before the first step, those for validation too, and stops with
    `AssertionError: … dir not found` or `FileNotFoundError`. Relative paths count from the folder
    in which the training is started; "~" is not expanded.

    Confirm: it says that the file is not there.

        ls -l DIR

    Fix: correct DATA.PATH_TO_DATA_DIR, or AVA's folders and lists; `--data DIR` tries another
    folder. `envcheck dataset ava` examines a whole AVA data set.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/slowfast/datasets/DATASET.md
    """
    if isinstance(training.folder, Missing):
        yield Finding(
            severity=NOTE,
            message=f"{training.folder.detail}: the lists of videos were not looked at.",
            remedy=Remedy("Give the folder of the data with --data DIR."),
        )
        return
    if not training.files:
        raise NotApplicable
    for file in training.files:
        if file.missing is not None:
            yield Finding(
                message=f"{file.setting}: {file.missing.detail}.",
                evidence=(Evidence(file.path, str(file.missing), training.place(file.setting)),),
                subject=file.setting,
                remedy=Remedy(f"Correct {file.setting}, or put the file there."),
            )


@rule("CFG022", severity=ERROR, subject="training")
def video_list_not_split(training: Training) -> Iterator[Finding]:
    """Lines of the list of videos are not a path and a label.

    Why: lines are split at DATA.PATH_LABEL_SEPARATOR, a space by default. A line without one is
    taken for a path whose label is 0, silently: a list with commas trains on class 0 alone, from
    files that are not found. A line of more than three fields stops the training.

    Confirm: it shows the first lines; an empty line counts as well.

        head -n 3 train.csv

    Fix: write the separator that the list has into DATA.PATH_LABEL_SEPARATOR, or change the list.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/slowfast/datasets/kinetics.py
    https://github.com/facebookresearch/SlowFast/issues/750
    """
    if isinstance(training.items, Missing):
        known(training.items)
    for count, what in (
        (training.unsplit, "hold no separator: the whole line is taken for a path with label 0"),
        (training.overfull, "hold more than three fields: the training stops at the first"),
    ):
        if count:
            yield Finding(
                message=f"{count} of {known(training.items)} lines of train.csv {what}.",
                evidence=given(training, "DATA.PATH_LABEL_SEPARATOR", "DATA.PATH_TO_DATA_DIR"),
                subject="train.csv",
                remedy=Remedy('Set DATA.PATH_LABEL_SEPARATOR to the list\'s separator, as ",".'),
            )


@rule("CFG023", severity=ERROR, subject="training")
def config_mixes_annotations(training: Training) -> Iterator[Finding]:
    """The configuration names files of different versions of AVA's annotations.

    Why: boxes, label map, exclusions and ground truth have to be of one version. What the
    configuration leaves out is 2.2: who sets the training's boxes to 2.1 alone mixes them, trains
    without an error, and gets an mAP that compares with nothing.

    Confirm: it shows the versions.

        grep -n "v2\\.[12]" FILE.yaml

    Fix: name all files of one version.

    Sources: https://github.com/facebookresearch/SlowFast/issues/710
    https://github.com/facebookresearch/SlowFast/blob/main/configs/AVA/c2/SLOWFAST_32x2_R101_50_50_v2.1.yaml
    """
    datasets = {training.text(f"{split}.DATASET").lower() for split in ("TRAIN", "TEST")}
    if "ava" not in datasets:
        raise NotApplicable
    versions: dict[str, list[str]] = {}
    for key in ANNOTATIONS:
        for name in training.names(key):
            for version in re.findall(r"v(\d+\.\d+)", name):
                versions.setdefault(version, []).append(key)
    if len(versions) > 1:
        said = "; ".join(
            f"{version}: {', '.join(dict.fromkeys(keys))}" for version, keys in versions.items()
        )
        keys = tuple(dict.fromkeys(key for keys in versions.values() for key in keys))
        yield Finding(
            message=f"AVA's annotations are mixed. {said}.",
            evidence=given(training, *keys),
            subject="AVA",
            remedy=Remedy("Name all of them of one version."),
        )
