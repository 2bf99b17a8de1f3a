"""Checks of a data set in AVA's form: are its files there, readable, and of one version. Pure."""

import shlex
from collections.abc import Iterator

from envcheck.facts import Dataset, Odd, Part, Unknown, Why
from envcheck.finding import ERROR, NOTE, WARNING, Evidence, Finding, Remedy
from envcheck.rules.base import NotApplicable, rule

BOXES = ("boxes", "predictions", "ground_truth")


def odd_in(part: Part, what: str, *kinds: str) -> Odd | None:
    """What is odd in a part of one of these kinds, or None.

    Raises:
        NotApplicable: it is a part of another kind, or absent, which another check says.
        Unknown: it could not be read.
    """
    if part.of not in kinds or _absent(part):
        raise NotApplicable
    return read(part).those(what)


def read(part: Part) -> Part:
    """The part, or `Unknown` when nothing of it could be read.

    Raises:
        Unknown: the check is skipped for this part.
    """
    if part.unread:
        raise Unknown(part.unread)
    return part


def first_of(part: Part, *found: Odd | None) -> tuple[Evidence, ...]:
    """The first odd lines of a part, each where it stands."""
    return tuple(Evidence(part.name, text, part.path) for odd in found if odd for text in odd.first)


def many(count: int, one: str, more: str = "") -> str:
    """ "1 row", "2,000 rows"."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def _absent(part: Part) -> bool:
    return part.unread is not None and part.unread.why is Why.ABSENT


@rule("AVA001", severity=ERROR, subject="dataset", decisive=True)
def dataset_files_absent(dataset: Dataset) -> Iterator[Finding]:
    """Files that PySlowFast reads of an AVA data set are not there.

    Why: the loader opens every one of them at the start, and the files of the evaluation (ground
    truth, excluded timestamps, label map) also where only training was asked for.

    Confirm: it lists what is there.

        ls -R DATASET | head -n 50

    Fix: fetch them, or name others with `--set`, and in the configuration.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/slowfast/datasets/DATASET.md
    https://github.com/facebookresearch/SlowFast/blob/main/slowfast/utils/meters.py
    """
    absent = [part for part in dataset.known_parts() if _absent(part)]
    if not absent:
        return
    if len(absent) == sum(part.of != "split" for part in dataset.known_parts()):
        message = f"No AVA data set lies in {dataset.root}: nothing of it is there."
    else:
        message = f"Not there: {', '.join(part.name for part in absent)}."
    commands = []
    for part in absent:
        if part.published:
            folder = part.path.rpartition("/")[0]
            commands.append(f"wget -c -P {shlex.quote(folder)} {part.published}")
    text = "Fetch them, or name others with --set."
    if any(part.of == "frames" for part in absent):
        text += " Frames are cut from the videos with ffmpeg, as DATASET.md of PySlowFast says."
    yield Finding(
        message=message,
        evidence=tuple(Evidence(part.setting, part.name, part.path) for part in absent),
        remedy=Remedy(text, tuple(commands)),
    )


@rule("AVA002", severity=ERROR, subject="dataset", decisive=True)
def dataset_file_unreadable(dataset: Dataset) -> Iterator[Finding]:
    """A file of the data set cannot be read as text.

    Why: no permission, a loop of links, a folder or device in its place, a compressed or binary
    file, or a download that ended early.

    Confirm: it tells what the file is.

        file FILE

    Fix: give it permission, unpack it, or fetch it again.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/slowfast/datasets/ava_helper.py
    """
    for part in dataset.known_parts():
        if part.of != "split" and part.unread and not _absent(part):
            yield Finding(
                message=f"{part.name} cannot be read: {part.unread.detail}.",
                evidence=(Evidence(part.setting, str(part.unread), part.path),),
                subject=part.name,
                remedy=Remedy("See what it is.", (f"ls -l {shlex.quote(part.path)}",)),
            )


@rule("AVA003", severity=ERROR, subject="dataset")
def dataset_text_not_utf8(part: Part) -> Iterator[Finding]:
    """A file of the data set is not plain UTF-8.

    Why: Python stops at bytes that are not UTF-8. A byte order mark, which some editors put at the
    beginning, becomes part of the first video's name, which then belongs to no video.

    Confirm: it tells the encoding.

        file FILE

    Fix: write it again as UTF-8 without a byte order mark.

    Sources: https://docs.python.org/3/howto/unicode.html
    """
    kinds = ("frame_list", *BOXES, "exclusions", "label_map")
    bytes_, mark = odd_in(part, "encoding", *kinds), odd_in(part, "bom", *kinds)
    if bytes_:
        yield Finding(
            message=f"{part.name}: {many(bytes_.count, 'line')} not in UTF-8.",
            evidence=first_of(part, bytes_),
            subject=part.name,
        )
    if mark:
        yield Finding(
            message=f"{part.name} begins with a byte order mark, which becomes part of the first"
            " video's name.",
            evidence=first_of(part, mark),
            subject=part.name,
            remedy=Remedy(
                "Take it away.", (f"sed -i '1s/^\\xEF\\xBB\\xBF//' {shlex.quote(part.path)}",)
            ),
        )


@rule("AVA004", severity=WARNING, subject="dataset")
def annotation_versions_mixed(dataset: Dataset) -> Iterator[Finding]:
    """Annotations of different versions are used together.

    Why: training boxes, ground truth, excluded timestamps and label map of AVA 2.1 and 2.2 differ.
    Nothing fails; the mAP is lower than the published one.

    Confirm: the versions are in the files' names.

        ls DATASET/annotations

    Fix: name files of one version with `--set`, and in the configuration.

    Sources: https://github.com/facebookresearch/SlowFast/issues/707
    https://github.com/facebookresearch/SlowFast/issues/710
    """
    dated = [part for part in dataset.known_parts() if part.version and not _absent(part)]
    versions = sorted({part.version for part in dated})
    if not dated:
        raise NotApplicable
    if len(versions) > 1:
        yield Finding(
            message=f"Annotations of versions {' and '.join(versions)} are used together.",
            evidence=tuple(Evidence(part.setting, part.name, part.path) for part in dated),
        )


@rule("AVA005", severity=NOTE, subject="dataset")
def dataset_settings_needed(dataset: Dataset) -> Iterator[Finding]:
    """The files of this data set are others than PySlowFast's defaults name.

    Why: the configuration has to name them, or PySlowFast looks for files that are not there.

    Confirm: it prints what the configuration names.

        grep -A 12 '^AVA:' CONFIG.yaml

    Fix: set the keys that the finding lists.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/slowfast/config/defaults.py
    """
    unusual = [part for part in dataset.known_parts() if not part.usual and not _absent(part)]
    if unusual:
        keys = dict.fromkeys(part.setting for part in unusual)
        lines = [f"{key} {shlex.quote(dataset.settings.get(key, ''))}" for key in keys]
        yield Finding(
            message=f"PySlowFast's defaults name other files: set {', '.join(keys)}.",
            evidence=tuple(Evidence(part.setting, part.name, part.path) for part in unusual),
            remedy=Remedy(f"Add to the command line of tools/run_net.py: {' '.join(lines)}"),
        )
