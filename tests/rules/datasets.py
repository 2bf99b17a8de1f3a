"""An AVA data set in which everything is right, and changes to one of its parts."""

from typing import Any

import msgspec

from envcheck.facts import Dataset, Odd, Part, Snapshot
from envcheck.facts.dataset import PartKind

NOTES = "/data/ava/annotations"


def file(of: PartKind, name: str, setting: str, **counts: int) -> Part:
    version = "2.2" if "v2.2" in name else ""
    return Part(
        name=name, of=of, path=f"/data/ava/{name}", setting=setting, version=version, counts=counts
    )


def dataset() -> Dataset:
    """As PySlowFast's defaults name it."""
    return Dataset(
        form="ava",
        root="/data/ava",
        settings={"AVA.TEST_LISTS": '["val.csv"]'},
        parts=(
            file(
                "frame_list", "frame_lists/train.csv", "AVA.TRAIN_LISTS",
                rows=6352050, videos=235,
            ),
            file(
                "boxes", "annotations/ava_train_v2.2.csv", "AVA.TRAIN_GT_BOX_LISTS",
                rows=1000, boxes=1000, videos=235,
            ),
            file(
                "predictions", "annotations/ava_val_predicted_boxes.csv",
                "AVA.TEST_PREDICT_BOX_LISTS", rows=900, boxes=300, below_threshold=600, videos=64,
            ),
            file(
                "exclusions", "annotations/ava_val_excluded_timestamps_v2.2.csv",
                "AVA.EXCLUSION_FILE", rows=9, videos=3,
            ),
            file(
                "label_map", "annotations/ava_action_list_v2.2_for_activitynet_2019.pbtxt",
                "AVA.LABEL_MAP_FILE", classes=60,
            ),
            file("frames", "frames", "AVA.FRAME_DIR", videos=299, frames=8081970, looked_at=31694),
            Part(name="val", of="split", counts={"videos": 64, "frames": 1729920, "keyframes": 9}),
        ),
    )  # fmt: skip


def spoilt(machine: Snapshot, of: PartKind, **fields: Any) -> Snapshot:
    """The machine with the part of that kind changed, and only it left of the data set."""
    part = next(part for part in dataset().known_parts() if part.of == of)
    only = msgspec.structs.replace(dataset(), parts=(msgspec.structs.replace(part, **fields),))
    return msgspec.structs.replace(machine, dataset=only)


def odd(machine: Snapshot, of: PartKind, what: str, count: int = 2) -> Snapshot:
    """The machine with a data set in whose part of that kind so much is odd."""
    return spoilt(machine, of, odd=(Odd(what, count, ("line 7: its own words",)),))
