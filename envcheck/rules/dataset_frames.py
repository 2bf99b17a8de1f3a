"""Checks of AVA's frame lists, and of the frames on disk. Pure."""

import shlex
from collections.abc import Iterator

from envcheck.facts import Part
from envcheck.finding import ERROR, WARNING, Finding, Remedy
from envcheck.rules.base import rule
from envcheck.rules.dataset import first_of, many, odd_in


@rule("AVA020", severity=ERROR, subject="dataset")
def frame_list_without_header(part: Part) -> Iterator[Finding]:
    """A frame list has no header, and so loses its first frame.

    Why: the first line is always left out. Where it is a frame, every index of the first video is
    one too low, silently, and its boxes lie on the wrong frames.

    Confirm: it prints the first line, which has to be the columns' names.

        head -n 1 FILE

    Fix: write `original_vido_id video_id frame_id path labels` before it.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/slowfast/datasets/ava_helper.py
    """
    odd = odd_in(part, "no_header", "frame_list")
    if odd:
        header = "original_vido_id video_id frame_id path labels"
        yield Finding(
            message=f"{part.name} has no header: its first line is left out.",
            evidence=first_of(part, odd),
            subject=part.name,
            remedy=Remedy("Write one.", (f"sed -i '1i {header}' {shlex.quote(part.path)}",)),
        )


@rule("AVA021", severity=ERROR, subject="dataset")
def frame_list_columns(part: Part) -> Iterator[Finding]:
    """A frame list has lines without five fields divided by blanks.

    Why: the loader stops at the first of them with `assert len(row) == 5`: a list with commas, a
    blank in a path, no column of labels, or an empty line.

    Confirm: it prints the first such lines.

        awk 'NR > 1 && NF != 5 {print NR": "$0}' FILE | head

    Fix: write the five columns; labels may be \"\".

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/slowfast/datasets/ava_helper.py
    """
    odd = odd_in(part, "columns", "frame_list")
    if odd:
        path = shlex.quote(part.path)
        rows = part.counts.get("rows", 0) + odd.count
        yield Finding(
            message=f"{part.name}: {odd.count:,} of {many(rows, 'line')} without 5 fields divided"
            " by blanks.",
            evidence=first_of(part, odd),
            subject=part.name,
            remedy=Remedy(
                "See them.", (f"awk 'NR > 1 && NF != 5 {{print NR\": \"$0}}' {path} | head",)
            ),
        )


@rule("AVA022", severity=ERROR, subject="dataset")
def frame_list_out_of_order(part: Part) -> Iterator[Finding]:
    """A frame list is out of order, or leaves frames out.

    Why: a row's place among those of its video is the frame's index; its number is not read. After
    a hole, a frame twice or rows sorted as text, every box lies on a wrong frame, silently.

    Confirm: it prints the path column, whose numbers have to rise by one.

        awk 'NR > 1 {print $4}' FILE | head

    Fix: write the list again from the frames, sorted by number, without holes.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/slowfast/datasets/ava_helper.py
    """
    order = odd_in(part, "order", "frame_list")
    number = odd_in(part, "no_number", "frame_list")
    if order:
        yield Finding(
            message=f"{part.name}: the frames' numbers do not rise by one at"
            f" {many(order.count, 'line')}: the index of what follows is wrong.",
            evidence=first_of(part, order),
            subject=part.name,
        )
    if number:
        yield Finding(
            severity=WARNING,
            message=f"{part.name}: {many(number.count, 'path')} without a number; their order"
            " cannot be checked.",
            evidence=first_of(part, number),
            subject=part.name,
        )


@rule("AVA023", severity=WARNING, subject="dataset")
def frame_list_of_other_frames(part: Part) -> Iterator[Finding]:
    """A frame list begins a video with a late frame, or with another video's.

    Why: the first row of a video is second 900 of the film. A list that begins with a later number
    moves every box by as many frames; a path that does not name its video may be another's.

    Confirm: it prints each video's first path.

        awk 'NR > 1 && !seen[$1]++ {print $1, $4}' FILE | head

    Fix: list every video from its first frame.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/slowfast/datasets/DATASET.md
    """
    start = odd_in(part, "start", "frame_list")
    other = odd_in(part, "other_video", "frame_list")
    if start:
        yield Finding(
            message=f"{part.name}: {many(start.count, 'video')} listed from a frame after the"
            " first.",
            evidence=first_of(part, start),
            subject=part.name,
        )
    if other:
        yield Finding(
            message=f"{part.name}: {many(other.count, 'video')} with a path that does not name"
            " them.",
            evidence=first_of(part, other),
            subject=part.name,
        )


@rule("AVA040", severity=ERROR, subject="dataset")
def frames_missing(part: Part) -> Iterator[Finding]:
    """Frames that the lists name are not on disk.

    Why: the training stops, after ten tries, at the first clip that needs one of them: at the end
    of a video where it was cut short, in its middle where files were lost.

    Confirm: it counts a video's frames; a whole one has 27,030.

        ls DATASET/frames/VIDEO | wc -l

    Fix: cut the videos again from second 900 for 901 seconds at 30 frames a second, numbered from
    000001, not scaled; or write the list from what is there.

    Sources: https://github.com/facebookresearch/SlowFast/issues/611
    https://github.com/facebookresearch/SlowFast/issues/165
    """
    folder, tail = odd_in(part, "folder", "frames"), odd_in(part, "tail", "frames")
    missing, unread = odd_in(part, "missing", "frames"), odd_in(part, "unreadable", "frames")
    if folder:
        yield Finding(
            message=f"The folders of {many(folder.count, 'listed video')} cannot be read.",
            evidence=first_of(part, folder),
            subject=part.name,
        )
    if tail:
        yield Finding(
            message=f"{many(tail.count, 'frame')} at the ends of videos not on disk.",
            evidence=first_of(part, tail),
            subject=part.name,
        )
    if missing or unread:
        count = (missing.count if missing else 0) + (unread.count if unread else 0)
        yield Finding(
            message=f"{many(count, 'frame')} within videos not on disk.",
            evidence=first_of(part, missing, unread),
            subject=part.name,
        )


@rule("AVA041", severity=ERROR, subject="dataset")
def frames_empty(part: Part) -> Iterator[Finding]:
    """Frames on disk hold nothing.

    Why: a full disk leaves files of size zero, at which the training stops. Only the first, the
    last and every 256th frame of a video are looked at: there may be more.

    Confirm: it prints all of them.

        find DATASET/frames -name '*.jpg' -size 0

    Fix: make room, delete the empty files, and cut their videos again.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/slowfast/datasets/utils.py
    """
    odd = odd_in(part, "empty", "frames")
    if odd:
        looked = part.counts.get("looked_at", 0)
        yield Finding(
            message=f"{odd.count:,} of {many(looked, 'frame')} looked at are empty files.",
            evidence=first_of(part, odd),
            subject=part.name,
            remedy=Remedy(
                "List all of them.", (f"find {shlex.quote(part.path)} -name '*.jpg' -size 0",)
            ),
        )
