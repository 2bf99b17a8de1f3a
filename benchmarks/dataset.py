"""How long an AVA data set takes to check, beside PySlowFast's own reading of it and bare csv.

    python benchmarks/dataset.py [RUNS]

A million frames are listed for training, a quarter of it for the test, four boxes to a second.
Peers: `tests/video/ava_peer.py`, which is PySlowFast's loader and meter rewritten without torch,
and the csv module, which only splits the same files. Then the same with 270,300 frames on disk.
One round is not counted; medians are printed, as in docs/performance.md.
"""

import random
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing import Process
from pathlib import Path

from doctor import ENVCHECK, Cost, measure, median

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.video.ava_set import HEADER, frame_rows, label_map, lines  # noqa: E402

FRAMES = 27_030
PEER = f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom tests.video.ava_peer import read\n"
CSV = """
import csv, pathlib, sys
for file in pathlib.Path(sys.argv[1]).glob("*/*.csv"):
    with open(file, encoding="utf-8", newline="") as stream:
        for row in csv.reader(stream, delimiter=" " if file.parent.name == "frame_lists" else ","):
            pass
"""


def boxes(videos: tuple[str, ...], chance: random.Random, scored: bool) -> Iterator[str]:
    """Four people a second, of whom the detector finds most."""
    for video in videos:
        for second in range(902, 1799):
            for person in range(4):
                left, top = chance.random() / 2, chance.random() / 2
                box = f"{left:.3f},{top:.3f},{left + 0.2:.3f},{top + 0.4:.3f}"
                last = f",{0.5 + chance.random() / 2:.6f}" if scored else f"12,{person}"
                yield f"{video},{second:04d},{box},{last}"


def write(root: Path) -> None:
    """1,000,110 rows for training, 243,270 for the test."""
    chance = random.Random(1)
    names = tuple(
        "".join(chance.choices("abcdefghijkmnopqrstuvwxyzABCDEFGH0123456789-_", k=11))
        for _ in range(46)
    )
    for folder in ("frame_lists", "annotations", "frames"):
        (root / folder).mkdir()
    for split, videos in (("train", names[:37]), ("val", names[37:])):
        lines(root / f"frame_lists/{split}.csv", [HEADER, *frame_rows(videos, FRAMES)])
        lines(root / f"annotations/ava_{split}_v2.2.csv", list(boxes(videos, chance, False)))
    predicted = list(boxes(names[37:], chance, True))
    lines(root / "annotations/ava_val_predicted_boxes.csv", predicted)
    lines(root / "annotations/ava_val_excluded_timestamps_v2.2.csv", [f"{names[37]},0903"])
    labels = root / "annotations/ava_action_list_v2.2_for_activitynet_2019.pbtxt"
    labels.write_text(label_map(), encoding="utf-8")


def cut(root: Path) -> None:
    """The frames of the first ten videos, of one byte each."""
    listed = (root / "frame_lists/train.csv").read_text(encoding="utf-8").splitlines()
    for row in listed[1 : 10 * FRAMES + 1]:
        path = root / "frames" / row.split()[3]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")


def row(name: str, costs: list[Cost], own: Cost) -> None:
    cost = median(costs[1:])
    print(f"{name:24}{cost.wall:9.2f}{cost.cpu:9.2f}{cost.rss:9.1f}{cost.cpu / own.cpu:9.1f}")


def main() -> None:
    """Print one row a program, and its CPU time as a multiple of envcheck's."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as folder:
        for make in (write, cut):  # in processes of their own: a child's peak counts its parent's
            child = Process(target=make, args=(Path(folder),))
            child.start()
            child.join()
        checked = [str(ENVCHECK), "dataset", "ava", folder]
        programs = {
            "envcheck": [*checked, "--no-frames"],
            "PySlowFast's reading": [sys.executable, "-c", f"{PEER}read({folder!r})"],
            "csv": [sys.executable, "-c", CSV, folder],
            "envcheck, frames too": checked,
        }
        costs: dict[str, list[Cost]] = {name: [] for name in programs}
        for _ in range(runs + 1):
            for name, line in programs.items():
                costs[name].append(measure(line))
    print(
        f"{'dataset ava':24}{'wall s':>9}{'CPU s':>9}{'RSS MB':>9}{'ratio':>9}   median of {runs}"
    )
    for name, measured in costs.items():
        row(name, measured, median(costs["envcheck"][1:]))


if __name__ == "__main__":
    main()
