"""Checks of AVA's box files, excluded timestamps and label map. Pure."""

import shlex
from collections.abc import Iterator

from envcheck.facts import Part
from envcheck.finding import ERROR, WARNING, Evidence, Finding, Remedy
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.dataset import BOXES, first_of, many, odd_in, read

COLUMNS = {
    "boxes": "7 columns or 8: video, second, x1, y1, x2, y2, action, person",
    "predictions": "8 columns: video, second, x1, y1, x2, y2, action, score",
    "ground_truth": "7 or 8 columns: video, second, x1, y1, x2, y2, action, person",
}


@rule("AVA010", severity=ERROR, subject="dataset")
def box_rows_malformed(part: Part) -> Iterator[Finding]:
    """A box file has lines that its reader stops at.

    Why: box files have no header, commas between fields, and numbers in them. The first line that
    is otherwise ends the program with IndexError, ValueError or AssertionError.

    Confirm: it prints how many fields the lines have.

        awk -F, '{n[NF]++} END {for (k in n) print k, n[k]}' FILE

    Fix: delete the header; divide fields by commas; write seconds as whole numbers.

    Sources: https://github.com/facebookresearch/SlowFast/issues/714
    https://github.com/facebookresearch/SlowFast/issues/682
    """
    header = odd_in(part, "header", *BOXES)
    columns, number = odd_in(part, "columns", *BOXES), odd_in(part, "number", *BOXES)
    if header:
        yield Finding(
            message=f"{part.name} has a header; box files have none.",
            evidence=first_of(part, header),
            subject=part.name,
            remedy=Remedy("Delete it.", (f"sed -i 1d {shlex.quote(part.path)}",)),
        )
    if columns or number:
        words = []
        if columns:
            words.append(f"{many(columns.count, 'line')} without {COLUMNS[part.of]}")
        if number:
            words.append(f"{many(number.count, 'line')} with no number where one belongs")
        yield Finding(
            message=f"{part.name}: {'; '.join(words)}.",
            evidence=first_of(part, columns, number),
            subject=part.name,
        )


@rule("AVA011", severity=ERROR, subject="dataset")
def box_seconds_outside(part: Part) -> Iterator[Finding]:
    """Boxes stand at seconds that AVA does not annotate.

    Why: PySlowFast knows the seconds 902 to 1798 only, and stops at another one with `KeyError: 1`.
    Frames are counted from second 900. Data of one's own is often numbered from 0.

    Confirm: it prints the least and the greatest second.

        cut -d, -f2 FILE | sort -n | sed -n '1p;$p'

    Fix: add 900 to seconds that are counted from the first frame, at 30 frames a second, and leave
    out the first two.

    Sources: https://github.com/facebookresearch/SlowFast/issues/536
    """
    odd = odd_in(part, "second", *BOXES)
    if odd:
        yield Finding(
            message=f"{part.name}: {many(odd.count, 'box', 'boxes')} at a second outside 902 to"
            " 1798.",
            evidence=first_of(part, odd),
            subject=part.name,
        )


@rule("AVA012", severity=ERROR, subject="dataset")
def box_outside_picture(part: Part) -> Iterator[Finding]:
    """Boxes are empty or reach outside the picture.

    Why: the four numbers are x1, y1, x2, y2 as parts of width and height, from 0 to 1. Pixels, or
    x and y with width and height, are clipped silently to something else.

    Confirm: it prints lines whose numbers are above 1.

        awk -F, '$3 > 1 || $4 > 1 || $5 > 1 || $6 > 1' FILE | head

    Fix: divide pixels by width and height; write the lower right corner, not the size.

    Sources: https://research.google.com/ava/download.html
    """
    odd = odd_in(part, "box", *BOXES)
    if odd:
        rows = part.counts.get("rows", 0)
        few = odd.count * 100 < rows  # some in an otherwise right file train almost as well
        yield Finding(
            severity=WARNING if few else None,
            message=f"{part.name}: {odd.count:,} of {many(rows, 'box', 'boxes')} empty or not"
            " within 0 to 1.",
            evidence=first_of(part, odd),
            subject=part.name,
        )


@rule("AVA013", severity=ERROR, subject="dataset")
def box_action_unknown(part: Part) -> Iterator[Finding]:
    """Boxes bear an action that is none of AVA's 80.

    Why: actions are numbered from 1 to 80. Another number ends the training with AssertionError
    when its clip is drawn, which may be hours after the start.

    Confirm: it prints the numbers that are used.

        cut -d, -f7 FILE | sort -n | uniq -c

    Fix: number the actions from 1.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/slowfast/datasets/ava_dataset.py
    """
    odd = odd_in(part, "action", *BOXES)
    if odd:
        yield Finding(
            message=f"{part.name}: {many(odd.count, 'box', 'boxes')} with an action outside 1 to"
            " 80.",
            evidence=first_of(part, odd),
            subject=part.name,
        )


@rule("AVA014", severity=WARNING, subject="dataset")
def box_score_is_person(part: Part) -> Iterator[Finding]:
    """A file of predicted boxes has numbers above 1 where the score belongs.

    Why: column 8 of AVA's own annotations is the person's number. Listed among predicted boxes, as
    some of PySlowFast's configurations list them, person 0 is left out and every other is kept.

    Confirm: it prints the greatest values of column 8.

        cut -d, -f8 FILE | sort -n | tail -n 3

    Fix: list annotated boxes in AVA.TRAIN_GT_BOX_LISTS only.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/configs/AVA/SLOWFAST_32x2_R50_SHORT.yaml
    """
    odd = odd_in(part, "person_id", "predictions")
    if odd:
        below = part.counts.get("below_threshold", 0)
        yield Finding(
            message=f"{part.name}: {many(odd.count, 'score')} above 1, which are persons' numbers;"
            f" {many(below, 'box', 'boxes')} left out as if they scored too low.",
            evidence=first_of(part, odd),
            subject=part.name,
        )


@rule("AVA015", severity=ERROR, subject="dataset")
def exclusions_malformed(part: Part) -> Iterator[Finding]:
    """The file of excluded timestamps has lines that its reader stops at.

    Why: each line is a video and a second, divided by a comma, without a header. It is read at the
    start of every training and test.

    Confirm: it prints the lines that are otherwise.

        awk -F, 'NF != 2' FILE | head

    Fix: fetch the official file again.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/slowfast/utils/ava_eval_helper.py
    """
    columns, number = (odd_in(part, what, "exclusions") for what in ("columns", "number"))
    second = odd_in(part, "second", "exclusions")
    if columns or number:
        count = (columns.count if columns else 0) + (number.count if number else 0)
        yield Finding(
            message=f"{part.name}: {many(count, 'line')} other than video,second.",
            evidence=first_of(part, columns, number),
            subject=part.name,
        )
    if second:
        yield Finding(
            severity=WARNING,
            message=f"{part.name}: {many(second.count, 'timestamp')} outside 902 to 1798, which"
            " excludes nothing.",
            evidence=first_of(part, second),
            subject=part.name,
        )


@rule("AVA016", severity=ERROR, subject="dataset")
def label_map_malformed(part: Part) -> Iterator[Finding]:
    """The label map names no class, or has lines that are misread.

    Why: lines begin with exactly two blanks: `  name: "…"`, `  id: 1` or `  label_id: 1`. Others
    are passed over silently, and with no class at all nothing is evaluated.

    Confirm: it counts the classes as PySlowFast does.

        grep -cE '^  (id|label_id):' FILE

    Fix: fetch the official file again, and do not let an editor change the blanks.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/slowfast/utils/ava_eval_helper.py
    """
    wrong = ("number", "name", "twice", "class", "indent")
    found = [odd_in(part, what, "label_map") for what in wrong]
    classes = part.counts.get("classes", 0)
    if classes == 0:
        yield Finding(
            message=f"{part.name} names no class.",
            evidence=first_of(part, *found)
            or (Evidence(part.setting, f"{classes} classes", part.path),),
            subject=part.name,
        )
    elif any(found):
        count = sum(odd.count for odd in found if odd)
        yield Finding(
            message=f"{part.name}: {many(count, 'line')} misread, or with a class named twice or"
            " outside 1 to 80.",
            evidence=first_of(part, *found),
            subject=part.name,
        )


@rule("AVA017", severity=WARNING, subject="dataset")
def label_map_of_all_classes(part: Part) -> Iterator[Finding]:
    """The label map holds all 80 classes, not the 60 that are evaluated.

    Why: the published mAP is the mean over 60 classes, those of the ActivityNet challenge. Over 80
    it is another number.

    Confirm: it counts the classes.

        grep -cE '^  (id|label_id):' FILE

    Fix: take the label map whose name ends in `for_activitynet_…`.

    Sources: https://research.google.com/ava/download.html
    """
    if part.of != "label_map":
        raise NotApplicable
    classes = read(part).counts.get("classes", 0)
    if classes > 60:
        yield Finding(
            message=f"{part.name} holds {classes} classes; the published mAP is over 60.",
            evidence=(Evidence(part.setting, f"{classes} classes", part.path),),
            subject=part.name,
        )
