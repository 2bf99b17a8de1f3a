"""An AVA data set on disk becomes facts: each file PySlowFast would read, then each whole split.

Must not know what the rules make of it.
"""

import os
from collections.abc import Iterable, Iterator, Mapping

from envcheck.errors import UsageError
from envcheck.facts import Dataset, Missing, Part, failed
from envcheck.video.ava_boxes import Annotated, read_boxes, read_exclusions
from envcheck.video.ava_disk import read_frames
from envcheck.video.ava_frames import FrameLists
from envcheck.video.ava_labels import read_labels
from envcheck.video.ava_layout import FPS, START, VALIDATED, Layout, Named, layout_of
from envcheck.video.ava_text import Oddities, Tell, quiet, unreadable


def read_ava(
    root: str, settings: Mapping[str, str], *, frames: bool = True, tell: Tell = quiet
) -> Dataset | Missing:
    """The facts of one AVA data set.

    Args:
        settings: configuration keys of PySlowFast and their values, in the place of the defaults.
        frames: whether the frames on disk are compared with the lists.

    Raises:
        UsageError: `root` is not a folder, or a setting is unknown or malformed.
    """
    for text in (root, *settings, *settings.values()):
        if not text.isprintable():  # among them bytes that are no UTF-8, which no report can hold
            raise UsageError(f"{text!r}: a report cannot show this name; give the folder another")
    try:
        with os.scandir(root):
            pass
    except PermissionError as error:
        return unreadable(error)
    except OSError as error:
        raise UsageError(f"{root}: {error.strerror or error}") from error
    return _Reading(layout_of(root, settings), tell).dataset(frames)


class _Reading:
    def __init__(self, layout: Layout, tell: Tell) -> None:
        self._layout = layout
        self._tell = tell
        self._lists = {"train": FrameLists(), "val": FrameLists()}
        self._boxes = {"train": Annotated(seconds={}), "val": Annotated(seconds={})}
        self._truth = Annotated(seconds={})

    def dataset(self, frames: bool) -> Dataset:
        parts = [self._file(named) for named in self._layout.files]
        unread = {
            (named.key.split, part.of)
            for named, part in zip(self._layout.files, parts, strict=True)
            if part.unread
        }
        if frames:
            parts.append(read_frames(self._layout.frames, self._lists.values(), self._tell))
        for name in self._lists:
            if not any(named.key.of == "frame_list" for named in self._files_of(name)):
                continue  # taken away with --set
            needed = {(name, "frame_list"), (name, "boxes"), (name, "predictions")}
            if needed & unread:
                words = failed("not all of its files could be read")
                parts.append(Part(name=name, of="split", unread=words))
            else:
                parts.append(self._split(name, truth=("val", "ground_truth") not in unread))
        return Dataset(
            form="ava",
            root=self._layout.root,
            settings=self._layout.settings,
            parts=tuple(parts),
            sources={"*": self._layout.root},
        )

    def _files_of(self, split: str) -> Iterator[Named]:
        return (named for named in self._layout.files if named.key.split == split)

    def _file(self, named: Named) -> Part:
        of, split = named.key.of, named.key.split
        if of == "frame_list":
            return self._lists[split].read(named, self._tell)
        if of == "exclusions":
            return read_exclusions(named, self._tell)
        if of == "label_map":
            return read_labels(named, self._tell)
        into = self._truth if of == "ground_truth" else self._boxes[split]
        return read_boxes(named, self._layout.threshold, into, self._tell)

    def _split(self, name: str, *, truth: bool) -> Part:
        """What the frame lists and the boxes of a split say together."""
        odd = Oddities()
        videos, boxes = self._lists[name].videos, self._boxes[name]
        step = VALIDATED if name == "val" and not self._layout.every_second else 1
        taken = boxes.validated(step)
        _each(odd, "without_boxes", (video for video in videos if video not in taken))
        # a test takes the boxes of every second
        _each(odd, "without_list", (video for video in boxes.seconds if video not in videos))
        if name == "val":
            _each(
                odd, "shared", (video for video in videos if video in self._lists["train"].videos)
            )
            if truth:
                annotated = self._truth.seconds
                _each(odd, "without_truth", (video for video in videos if video not in annotated))
        keyframes = 0
        for video, seconds in boxes.seconds.items():
            if video in videos:
                keyframes += len(seconds)
                self._end(video, videos[video].frames, max(seconds), odd)
        frames = sum(video.frames for video in videos.values())
        counts = {"videos": len(videos), "frames": frames, "keyframes": keyframes}
        return Part(name=name, of="split", counts=counts, odd=odd.all())

    def _end(self, video: str, frames: int, second: int, odd: Oddities) -> None:
        """Whether the last annotated second of a video, and the clip around it, has its frames."""
        count, rate = self._layout.clip
        center = (second - START) * FPS
        half = count * rate // 2
        last = range(center - half, center + half, rate)[-1]
        words = f"{video}: {frames} frames, second {second}"
        if frames <= center:
            odd.add("keyframe", f"{words} is frame {center + 1}")
        elif frames <= last:
            odd.add("clip", f"{words}'s clip ends with frame {last + 1}")


def _each(odd: Oddities, what: str, names: Iterable[str]) -> None:
    for name in names:
        odd.add(what, name)
