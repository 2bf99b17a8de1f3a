"""Writes a small AVA data set, right in every part, for tests to spoil."""

from pathlib import Path

TRAIN = ("-5KQ66BBWC4", "053oq2xB3oU", "0f39OWEqJ24")
VAL = ("1j20qq1JyX4", "2bxKkUgcqpk")
FRAMES = 1100  # of each video: a list is read in blocks of 512
SECONDS = range(902, 906)  # the last clip ends with frame 181
HEADER = "original_vido_id video_id frame_id path labels"


def frame_rows(videos: tuple[str, ...], frames: int = FRAMES) -> list[str]:
    return [
        f'{video} {place} {frame} {video}/{video}_{frame + 1:06d}.jpg ""'
        for place, video in enumerate(videos)
        for frame in range(frames)
    ]


def box_rows(videos: tuple[str, ...], last: str = "{person}") -> list[str]:
    return [
        f"{video},{second:04d},0.{person}1,0.120,0.8{person},0.965,{12 + person},"
        + last.format(person=person)
        for video in videos
        for second in SECONDS
        for person in range(2)
    ]


def label_map(classes: int = 60) -> str:
    return "".join(
        f'label {{\n  name: "class {n}"\n  label_id: {n}\n}}\n' for n in range(1, classes + 1)
    )


def write(root: Path, *, frames: int = FRAMES, disk: bool = False) -> Path:
    """The data set in PySlowFast's default layout, of version 2.2."""
    notes = root / "annotations"
    for folder in ("frame_lists", "annotations", "frames"):
        (root / folder).mkdir(parents=True)
    for split, videos in (("train", TRAIN), ("val", VAL)):
        lines(root / f"frame_lists/{split}.csv", [HEADER, *frame_rows(videos, frames)])
        lines(notes / f"ava_{split}_v2.2.csv", box_rows(videos))
    lines(notes / "ava_val_predicted_boxes.csv", box_rows(VAL, "0.9{person}5210"))
    lines(notes / "ava_val_excluded_timestamps_v2.2.csv", [f"{VAL[0]},0903"])
    (notes / "ava_action_list_v2.2_for_activitynet_2019.pbtxt").write_text(label_map())
    if disk:
        for video in TRAIN + VAL:
            (root / "frames" / video).mkdir()
            for frame in range(1, frames + 1):
                (root / f"frames/{video}/{video}_{frame:06d}.jpg").write_bytes(b"\xff\xd8")
    return root


def lines(path: Path, rows: list[str]) -> None:
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


def edit(path: Path, old: str, new: str) -> None:
    """Replaces a text that stands there once."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, text.count(old)
    path.write_text(text.replace(old, new), encoding="utf-8")
