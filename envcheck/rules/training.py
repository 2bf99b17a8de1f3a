"""Checks of a training's configuration: its settings. Pure.

Only `envcheck models check-config` reads one.
"""

import difflib
from collections.abc import Iterator

from envcheck.facts import Setting, Training
from envcheck.finding import ERROR, NOTE, WARNING, Evidence, Finding, Remedy
from envcheck.rules.base import rule

SECTION = "CfgNode"
CHECKPOINT_TYPES = ("pytorch", "caffe2")


def given(training: Training, *keys: str) -> tuple[Evidence, ...]:
    """What a finding rests on: settings and where each was given."""
    return tuple(
        Evidence(key, str(training.settings.get(key)), training.place(key)) for key in keys
    )


@rule("CFG001", severity=ERROR, subject="training")
def config_key_unknown(training: Training) -> Iterator[Finding]:
    """A setting of the configuration does not exist.

    Why: PySlowFast refuses the whole file with `KeyError: Non-existent config key`. It is a
    misspelling, a setting in the wrong section, or one that only another version or fork knows.

    Confirm: the settings that exist stand in defaults.py.

        grep -n "_C.TRAIN" slowfast/config/defaults.py

    Fix: correct or delete the line. Where your own checkout knows the setting, let envcheck read
    its settings: `envcheck models check-config --repo DIR`.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/slowfast/config/defaults.py
    https://github.com/facebookresearch/SlowFast/issues/264
    """
    for setting in training.given:
        if setting.default_type is not None:
            continue
        near = _near(setting.key, training)
        yield Finding(
            message=f"{setting.place}: there is no setting {setting.key}.",
            evidence=(Evidence(setting.key, str(setting.value), setting.place),),
            subject=setting.key,
            remedy=Remedy(f"Is it {' or '.join(near)}?" if near else "Delete the line."),
        )


def _near(key: str, training: Training) -> list[str]:
    """The setting that may be meant: beside it, of the same name elsewhere, or alike."""
    section, _, name = key.upper().rpartition(".")
    keys = list(training.settings)
    beside = {one.rpartition(".")[2]: one for one in keys if one.rpartition(".")[0] == section}
    longer = [one for one in beside if one.startswith(name)]
    found = difflib.get_close_matches(name, beside, 1, cutoff=0.7) or longer[:1]
    if found:
        return [beside[one] for one in found]
    same = [one for one in keys if one.rpartition(".")[2] == name]
    return same[:2] or difflib.get_close_matches(key, keys, 1, cutoff=0.75)


@rule("CFG002", severity=ERROR, subject="training")
def config_value_of_other_type(training: Training) -> Iterator[Finding]:
    """A setting has a value of another type than its default.

    Why: PySlowFast refuses the whole file with `ValueError: Type mismatch`. Whole numbers do not
    stand for decimal ones: where the default is 0.1, 1 is refused and 1.0 is right.

    Confirm: the default stands in defaults.py.

        grep -n "WARMUP_EPOCHS" slowfast/config/defaults.py

    Fix: write the value as the default is written.

    Sources: https://github.com/rbgirshick/yacs/blob/master/yacs/config.py
    """
    for setting in training.given:
        wanted = setting.default_type
        if wanted is None or not setting.type or setting.taken:
            continue
        seen = "a section" if setting.type == SECTION else f"{setting.value}, {setting.type}"
        needed = "a section" if wanted == SECTION else wanted
        yield Finding(
            message=f"{setting.place}: {setting.key} is {seen}; it must be {needed}.",
            evidence=(Evidence(setting.key, str(setting.value), setting.place),),
            subject=setting.key,
            remedy=Remedy(_written(setting, wanted)),
        )


def _written(setting: Setting, wanted: str) -> str:
    if wanted == "float" and setting.type == "int":
        return f"Write {setting.value}.0."
    if wanted == "int" and isinstance(setting.value, float) and setting.value % 1 == 0:
        return f"Write {setting.value:.0f}."
    if wanted == "str":
        return f"Write \"'{setting.value}'\": PySlowFast takes one pair of quotes off."
    return f"Write a value of the type {wanted}."


@rule("CFG003", severity=ERROR, subject="training")
def config_tag_refused(training: Training) -> Iterator[Finding]:
    """The YAML file holds a tag that asks for a Python object.

    Why: PySlowFast reads configurations with YAML's safe reader, which stops at such a tag. Files
    written by `cfg.dump()` of other programs, or with `yaml.dump`, have `!!python/tuple`. envcheck
    runs nothing of it either.

    Confirm: it shows the lines.

        grep -n '!' FILE.yaml

    Fix: write a list, [0.9, 0.999], in the place of the tag and what follows.

    Sources: https://pyyaml.org/wiki/PyYAMLDocumentation
    """
    for tag in training.tags:
        yield Finding(
            message=f"{tag.file}:{tag.line}: {tag.tag} is refused by the safe YAML reader.",
            evidence=(Evidence("tag", tag.tag, f"{tag.file}:{tag.line}"),),
            remedy=Remedy("Write a plain value or a list in its place."),
        )


@rule("CFG004", severity=WARNING, subject="training")
def config_key_repeated(training: Training) -> Iterator[Finding]:
    """A key stands more than once in one section.

    Why: YAML's reader takes the last one silently, so that a change to the first has no effect. Of
    PySlowFast's published configurations 14 have such keys.

    Confirm: it shows the lines.

        grep -n "KEY:" FILE.yaml

    Fix: delete all but one.

    Sources: https://github.com/facebookresearch/SlowFast/tree/main/configs
    """
    for repeat in training.repeats:
        lines = ", ".join(map(str, repeat.lines[:-1])) + f" and {repeat.lines[-1]}"
        with_ = "with the same value" if repeat.same else f"line {repeat.lines[-1]} holds"
        yield Finding(
            severity=NOTE if repeat.same else None,
            message=f"{repeat.file}: {repeat.key} stands on the lines {lines}: {with_}.",
            evidence=(Evidence(repeat.key, f"lines {lines}", repeat.file),),
            subject=repeat.key,
            remedy=Remedy("Delete all but one."),
        )


@rule("CFG005", severity=ERROR, subject="training")
def config_refused(training: Training) -> Iterator[Finding]:
    """Settings contradict one another: PySlowFast stops with an AssertionError that names none.

    Why: it asserts that the batches divide by the GPUs, that checkpoints are of a type it knows,
    and that the machine's index is below the number of machines; torch refuses an empty batch.

    Confirm: the assertions stand at the end of the file.

        grep -n "assert cfg" slowfast/config/defaults.py

    Fix: what the message says.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/slowfast/config/defaults.py
    """
    gpus = training.number("NUM_GPUS")
    for split in ("TRAIN", "TEST"):
        key = f"{split}.CHECKPOINT_TYPE"
        if training.text(key) not in CHECKPOINT_TYPES:
            yield Finding(
                message=f"{key} is {training.text(key)}; PySlowFast knows pytorch and caffe2.",
                evidence=given(training, key),
                subject=key,
                remedy=Remedy("Write pytorch, also for checkpoints of pytorchvideo."),
            )
        key = f"{split}.BATCH_SIZE"
        batch = training.number(key)
        if batch < 1:
            yield Finding(
                message=f"{key} is {batch}; it must be 1 or more.",
                evidence=given(training, key),
                subject=key,
            )
        elif gpus > 0 and batch % gpus:
            more = -(-batch // gpus) * gpus
            yield Finding(
                message=f"{key} is {batch}; it must divide by NUM_GPUS, {gpus}.",
                evidence=given(training, key, "NUM_GPUS"),
                subject=key,
                remedy=Remedy(f"Write {more}, or another multiple of {gpus}."),
            )
    shard, shards = training.number("SHARD_ID"), training.number("NUM_SHARDS")
    if shard >= shards:
        yield Finding(
            message=f"SHARD_ID is {shard}; it must be below NUM_SHARDS, {shards}.",
            evidence=given(training, "SHARD_ID", "NUM_SHARDS"),
            subject="SHARD_ID",
            remedy=Remedy("Count the machines from 0."),
        )
