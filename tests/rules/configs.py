"""A training that would begin well: SLOWFAST_8x8_R50 on one GPU, and changes to it."""

from typing import Any

import msgspec

from envcheck.facts import Checkpoint, NeededFile, Setting, Snapshot, Training
from envcheck.video.defaults import SECTION, published

FILE = "mine.yaml"


def setting(key: str, value: Any, line: int = 1, **changes: Any) -> Setting:
    """One setting as the file gives it."""
    default = published().settings.get(key)
    fields = {
        "type": type(value).__name__,
        "default_type": None if default is None else default.type,
        "file": FILE,
    }
    return Setting(key=key, value=value, line=line, **{**fields, **changes})


def training() -> Training:
    """Two hundred videos, a batch of 16, the data, a checkpoint of the right type."""
    given = (
        setting("TRAIN.DATASET", "kinetics", 2),
        setting("TRAIN.BATCH_SIZE", 16, 3),
        setting("TRAIN.CHECKPOINT_FILE_PATH", "SLOWFAST_8x8_R50.pyth", 4),
        setting("DATA.PATH_TO_DATA_DIR", "/data/k400", 5),
        setting("DATA.DECODING_BACKEND", "pyav", 6),
        setting("MODEL.MODEL_NAME", "SlowFast", 7),
        setting("NUM_GPUS", 1, 8),
    )
    plain = {
        key: default.value
        for key, default in published().settings.items()
        if default.type != SECTION
    }
    return Training(
        file=FILE,
        keys=published().source,
        given=given,
        settings={**plain, **{one.key: one.value for one in given}},
        folder="/data/k400",
        files=(NeededFile("DATA.PATH_TO_DATA_DIR", "/data/k400/train.csv", None),),
        items=200,
        checkpoints=(
            Checkpoint(
                setting="TRAIN.CHECKPOINT_FILE_PATH",
                path="/work/SLOWFAST_8x8_R50.pyth",
                form="torch",
                layers="pyslowfast",
            ),
        ),
        resumes=None,
    )


def configured(machine: Snapshot, settings: dict[str, Any], **changes: Any) -> Snapshot:
    """The machine with these settings given, known or not, and the fact's fields replaced."""
    fact = training()
    extra = tuple(setting(key, value, 20) for key, value in settings.items())
    merged = {**fact.settings, **{one.key: one.value for one in extra if one.taken}}
    fact = msgspec.structs.replace(fact, given=(*fact.given, *extra), settings=merged, **changes)
    return msgspec.structs.replace(machine, training=fact)
