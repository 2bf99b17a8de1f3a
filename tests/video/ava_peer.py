"""PySlowFast's own reading of an AVA data set, rewritten plainly: the peer of `envcheck dataset`.

From slowfast/datasets/ava_helper.py, ava_dataset.py and slowfast/utils/ava_eval_helper.py of
https://github.com/facebookresearch/SlowFast at 287ec007; what it stops at, it raises.
"""

import csv
import os
from collections import defaultdict

VALID = range(902, 1799)


def image_lists(root: str, frame_lists: list[str]) -> tuple[list[list[str]], list[str]]:
    """Each video's frames, and the videos' names."""
    paths: dict[int, list[str]] = defaultdict(list)
    places: dict[str, int] = {}
    names: list[str] = []
    for name in frame_lists:
        with open(name, encoding="utf-8") as file:
            file.readline()
            for line in file:
                row = line.split()
                assert len(row) == 5
                if row[0] not in places:
                    places[row[0]] = len(places)
                    names.append(row[0])
                paths[places[row[0]]].append(os.path.join(root, row[3]))
    return [paths[place] for place in range(len(paths))], names


def boxes(
    files: list[tuple[str, bool]], threshold: float, step: int
) -> dict[str, dict[int, list[tuple[list[float], list[int]]]]]:
    """Each video's boxes by second; `files` are (path, annotated, not predicted)."""
    found: dict[str, dict[int, dict[str, tuple[list[float], list[int]]]]] = {}
    for name, annotated in files:
        with open(name, encoding="utf-8") as file:
            for line in file:
                row = line.strip().split(",")
                if not annotated and float(row[7]) < threshold:
                    continue
                video, second = row[0], int(row[1])
                if second % step != 0:
                    continue
                key = ",".join(row[2:6])
                box = list(map(float, row[2:6]))
                label = -1 if row[6] == "" else int(row[6])
                if video not in found:
                    found[video] = {valid: {} for valid in VALID}
                found[video][second].setdefault(key, (box, []))[1].append(label)
    return {
        video: {second: list(held.values()) for second, held in seconds.items()}
        for video, seconds in found.items()
    }


def split(root: str, frame_lists: list[str], files: list[tuple[str, bool]], step: int) -> int:
    """Reads a split as the data set's constructor does; its keyframes."""
    paths, names = image_lists(f"{root}/frames", frame_lists)
    held = boxes(files, 0.9, step)
    assert len(held) == len(paths)
    in_order = [held[name] for name in names]
    return sum(bool(rows) for video in in_order for rows in video.values())


def evaluation(root: str) -> None:
    """Reads what the meter reads at the start of training and test."""
    notes = f"{root}/annotations"
    with open(f"{notes}/ava_val_excluded_timestamps_v2.2.csv", encoding="utf-8") as file:
        for row in csv.reader(file):
            assert len(row) == 2
            int(row[1])
    with open(f"{notes}/ava_action_list_v2.2_for_activitynet_2019.pbtxt", encoding="utf-8") as file:
        for line in file:
            if line.startswith("  name:"):
                line.split('"')[1]
            elif line.startswith(("  id:", "  label_id:")):
                int(line.strip().split(" ")[-1])
    with open(f"{notes}/ava_val_v2.2.csv", encoding="utf-8") as file:
        for row in csv.reader(file):
            assert len(row) in (7, 8)
            int(row[1]), [float(n) for n in row[2:6]], int(row[6])


def read(root: str) -> tuple[int, int]:
    """Reads a data set of the default layout; keyframes of training and test."""
    lists, notes = f"{root}/frame_lists", f"{root}/annotations"
    train = split(root, [f"{lists}/train.csv"], [(f"{notes}/ava_train_v2.2.csv", True)], 1)
    predicted = [(f"{notes}/ava_val_predicted_boxes.csv", False)]
    split(root, [f"{lists}/val.csv"], predicted, 4)
    val = split(root, [f"{lists}/val.csv"], predicted, 1)
    evaluation(root)
    return train, val
