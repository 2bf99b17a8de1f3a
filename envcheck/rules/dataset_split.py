"""Checks of each split of an AVA data set: its frame lists and boxes together. Pure."""

from collections.abc import Iterator

from envcheck.facts import Part
from envcheck.finding import ERROR, WARNING, Evidence, Finding
from envcheck.rules.base import rule
from envcheck.rules.dataset import first_of, many, odd_in


@rule("AVA030", severity=ERROR, subject="dataset")
def split_videos_differ(part: Part) -> Iterator[Finding]:
    """Frame lists and boxes of a split name different videos.

    Why: PySlowFast asserts that both name as many, and stops; where the numbers agree by chance it
    stops with a KeyError. A video also counts as without boxes when all of them score below
    AVA.DETECTION_SCORE_THRESH or, for validation, none stands at a second that 4 divides.

    Confirm: it prints the videos of the frame list.

        awk 'NR > 1 {print $1}' FRAME_LIST | uniq | sort -u

    Fix: take the videos out of the frame list, or add their boxes; names are compared with quotes
    and case. Do not delete the assertion: it is this finding.

    Sources: https://github.com/facebookresearch/SlowFast/issues/361
    https://github.com/facebookresearch/SlowFast/issues/738
    """
    boxless = odd_in(part, "without_boxes", "split")
    listless = odd_in(part, "without_list", "split")
    if boxless:
        yield Finding(
            message=f"{part.name}: {many(boxless.count, 'video')} of the frame lists without a box"
            " that is used.",
            evidence=first_of(part, boxless),
            subject=part.name,
        )
    if listless:
        yield Finding(
            message=f"{part.name}: {many(listless.count, 'video')} with boxes in no frame list.",
            evidence=first_of(part, listless),
            subject=part.name,
        )


@rule("AVA034", severity=ERROR, subject="dataset")
def split_without_videos(part: Part) -> Iterator[Finding]:
    """The frame lists of a split name no video.

    Why: an empty file, or a header alone: a download that failed. There is nothing to train on.

    Confirm: it counts the lines.

        wc -l DATASET/frame_lists/*.csv

    Fix: fetch or write the lists again; a split that is not wanted is taken away with
    `--set AVA.TRAIN_LISTS=`.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/slowfast/datasets/DATASET.md
    """
    odd_in(part, "", "split")
    if not part.counts.get("videos"):
        yield Finding(
            message=f"{part.name}: its frame lists name no video.",
            evidence=(Evidence(part.name, "0 videos", "the frame lists"),),
            subject=part.name,
        )


@rule("AVA031", severity=ERROR, subject="dataset")
def frame_list_ends_early(part: Part) -> Iterator[Finding]:
    """Frame lists end before the frames that boxes are drawn on.

    Why: a frame beyond the end is replaced by the last one, silently. The boxes of those seconds
    then lie on the wrong picture, or the end of their clips stands still. Second 1798 is frame
    26,941; a whole video has 27,030.

    Confirm: it prints how many frames each video has.

        awk 'NR > 1 {n[$1]++} END {for (v in n) print n[v], v}' FILE | sort -n | head

    Fix: cut the videos again from second 900 for 901 seconds at 30 frames a second, and write the
    list anew; or take out the boxes after the end.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/slowfast/datasets/utils.py
    https://github.com/facebookresearch/SlowFast/issues/611
    """
    keyframe, clip = odd_in(part, "keyframe", "split"), odd_in(part, "clip", "split")
    if keyframe:
        yield Finding(
            message=f"{part.name}: {many(keyframe.count, 'video')} listed with fewer frames than"
            " their boxes need; the last frame stands in, silently.",
            evidence=first_of(part, keyframe),
            subject=part.name,
        )
    if clip:
        yield Finding(
            severity=WARNING,
            message=f"{part.name}: {many(clip.count, 'video')} whose last clip is longer than the"
            " list; its last frame is repeated.",
            evidence=first_of(part, clip),
            subject=part.name,
        )


@rule("AVA032", severity=WARNING, subject="dataset")
def ground_truth_lacks_videos(part: Part) -> Iterator[Finding]:
    """Videos of the test lists have no ground truth.

    Why: whatever the model finds in them counts as wrong, so that the mAP is too low. Often the
    ground truth of the training set was named.

    Confirm: it prints the videos of the ground truth.

        cut -d, -f1 FILE | sort -u

    Fix: name the ground truth of these videos in AVA.GROUNDTRUTH_FILE.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/slowfast/utils/ava_eval_helper.py
    """
    odd = odd_in(part, "without_truth", "split")
    if odd:
        yield Finding(
            message=f"{part.name}: {many(odd.count, 'video')} without ground truth.",
            evidence=first_of(part, odd),
            subject=part.name,
        )


@rule("AVA033", severity=WARNING, subject="dataset")
def splits_share_videos(part: Part) -> Iterator[Finding]:
    """Videos are used for training and for the test.

    Why: what was trained on is found again; the mAP is too high.

    Confirm: it prints the videos of both lists.

        awk 'FNR > 1 {print FILENAME, $1}' TRAIN VAL | sort -u | awk '{print $2}' | uniq -d

    Fix: take them out of one of the lists.

    Sources: https://research.google.com/ava/download.html
    """
    odd = odd_in(part, "shared", "split")
    if odd:
        yield Finding(
            message=f"{many(odd.count, 'video')} both in the training and in the test lists.",
            evidence=first_of(part, odd),
            subject=part.name,
        )
