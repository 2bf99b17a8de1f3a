"""Rules about a training that has not begun: each mistake is one finding, its near miss none."""

from typing import Any

import msgspec
import pytest

from envcheck.facts import (
    Checkpoint,
    Environment,
    Gpus,
    NeededFile,
    Repeat,
    Snapshot,
    YamlTag,
    absent,
    blocked,
    failed,
)
from envcheck.facts.training import Form, Layers
from envcheck.finding import NOTE, WARNING
from envcheck.judge import judge
from envcheck.kb import load
from envcheck.rules import choose
from tests.rules.configs import configured, training
from tests.rules.machine import change, fires, gpu, healthy, not_applicable, passes, skips


def config(changes: dict[str, Any] | None = None, **fields: Any) -> Snapshot:
    return configured(healthy(), changes or {}, **fields)


# ---- settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("TRAIN.BATCHSIZE", "TRAIN.BATCH_SIZE"),
        ("TRAIN.batch_size", "TRAIN.BATCH_SIZE"),
        ("AVA.TEST_LIST", "AVA.TEST_LISTS"),
        ("TENSORBOARD.MODEL_VIS.TOPK", "TENSORBOARD.MODEL_VIS.TOPK_PREDS"),
        ("TRAIN.NUM_FRAMES", "DATA.NUM_FRAMES"),
        ("NUM_GPU", "NUM_GPUS"),
    ],
)
def test_an_unknown_setting_is_named_with_the_one_that_is_meant(key: str, meant: str) -> None:
    found = fires("config_key_unknown", config({key: 1}))
    assert found.message == f"mine.yaml:20: there is no setting {key}."
    assert found.remedy and meant in found.remedy.text


def test_a_setting_like_no_other() -> None:
    found = fires("config_key_unknown", config({"PREFETCH": {}}))
    assert found.remedy and found.remedy.text == "Delete the line."
    passes("config_key_unknown", config())


@pytest.mark.parametrize(
    ("key", "value", "todo"),
    [
        ("SOLVER.WARMUP_EPOCHS", 34, "Write 34.0."),
        ("TRAIN.BATCH_SIZE", 16.0, "Write 16."),
        ("TRAIN.ENABLE", 1, "of the type bool"),
        ("TASK", 5, "\"'5'\""),
        ("DATA.MEAN", 0.45, "of the type list"),
    ],
)
def test_a_value_of_another_type(key: str, value: Any, todo: str) -> None:
    found = fires("config_value_of_other_type", config({key: value}))
    assert found.remedy and todo in found.remedy.text and key in found.message


def test_values_that_are_taken() -> None:
    taken = {"SOLVER.BASE_LR": 0.1, "SOLVER.CLIP_GRAD_VAL": 1.0, "TASK": None, "SOLVER.BETAS": [1]}
    passes("config_value_of_other_type", config(taken))
    passes("config_key_unknown", config(taken))
    section = configured(healthy(), {"TRAIN": None})
    assert "must be a section" in fires("config_value_of_other_type", section).message


def test_tags_and_repeated_keys() -> None:
    tag = YamlTag("!!python/tuple", "mine.yaml", 9)
    assert "mine.yaml:9" in fires("config_tag_refused", config(tags=(tag,))).message
    passes("config_tag_refused", config())
    twice = Repeat("MVIT.DEPTH", "mine.yaml", (23, 34), False)
    found = fires("config_key_repeated", config(repeats=(twice,)))
    assert found.severity is WARNING and "line 34 holds" in found.message
    same = msgspec.structs.replace(twice, same=True)
    assert fires("config_key_repeated", config(repeats=(same,))).severity is NOTE
    passes("config_key_repeated", config())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"TRAIN.CHECKPOINT_TYPE": "pytorchvideo"}, "knows pytorch and caffe2"),
        ({"NUM_GPUS": 3}, "must divide by NUM_GPUS, 3"),
        ({"NUM_SHARDS": 2, "SHARD_ID": 2}, "must be below NUM_SHARDS, 2"),
        ({"TRAIN.BATCH_SIZE": 0}, "TRAIN.BATCH_SIZE is 0; it must be 1 or more"),
    ],
)
def test_settings_that_contradict_one_another(changes: dict[str, Any], words: str) -> None:
    batches = {"TRAIN.BATCH_SIZE": 16, "TEST.BATCH_SIZE": 9 if "NUM_GPUS" in changes else 8}
    found = fires("config_refused", config({**batches, **changes}))
    assert words in found.message


def test_settings_that_agree() -> None:
    passes("config_refused", config({"NUM_GPUS": 0, "TRAIN.BATCH_SIZE": 7}))
    passes("config_refused", config({"NUM_GPUS": 8, "NUM_SHARDS": 2, "SHARD_ID": 1}))


def test_multigrid() -> None:
    cycle = {"MULTIGRID.SHORT_CYCLE": True}
    assert "NUM_GPUS 1" in fires("multigrid_on_one_gpu", config(cycle)).message
    passes("multigrid_on_one_gpu", config({**cycle, "NUM_GPUS": 2}))
    not_applicable("multigrid_on_one_gpu", config())
    not_applicable("multigrid_on_one_gpu", config({**cycle, "TRAIN.ENABLE": False}))


# ---- the machine ------------------------------------------------------------------------------


def test_gpus_asked_for() -> None:
    found = fires("more_gpus_asked_than_here", config({"NUM_GPUS": 8}))
    assert "NUM_GPUS is 8; here are 1: NVIDIA H100" in found.message
    none = change(config(), gpus=Gpus(devices=()))
    assert "here is none" in fires("more_gpus_asked_than_here", none).message
    passes("more_gpus_asked_than_here", change(config({"NUM_GPUS": 0}), gpus=Gpus(devices=())))
    passes("more_gpus_asked_than_here", config())


def test_gpus_that_are_hidden_do_not_count() -> None:
    four = change(config({"NUM_GPUS": 4}), gpus=Gpus(devices=tuple(gpu(i) for i in range(4))))
    passes("more_gpus_asked_than_here", four)
    hidden = change(four, environment=Environment(variables={"CUDA_VISIBLE_DEVICES": "0,2"}))
    message = fires("more_gpus_asked_than_here", hidden).message
    assert "here are 2" in message and "CUDA_VISIBLE_DEVICES hides 2" in message


def test_a_driver_that_hangs_leaves_it_open() -> None:
    machine = change(config(), gpus=failed("NVML gave no answer"))
    assert "no answer" in skips("more_gpus_asked_than_here", machine)
    made = judge(machine, load(), choose([], [], subject="training"))
    assert (made.verdict, made.exit_code) == ("unknown", 3)


def test_decoding_by_torchvision() -> None:
    default = {"DATA.DECODING_BACKEND": "torchvision"}
    found = fires("torchvision_asked_to_decode", config(default))
    assert found.severity is WARNING
    passes("torchvision_asked_to_decode", config())
    frames = {"TRAIN.DATASET": "ava", "TEST.DATASET": "ava"}
    not_applicable("torchvision_asked_to_decode", config({**default, **frames}))
    not_applicable("torchvision_asked_to_decode", config({**default, "DATA.DUMMY_LOAD": True}))


# ---- data -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "batch", "gpus", "shards", "empty"),
    [
        (15, 16, 1, 1, True),
        (16, 16, 1, 1, False),
        (64, 64, 8, 1, False),
        (63, 64, 8, 1, False),  # the sampler pads: 8 on each GPU
        (56, 64, 8, 1, True),
        (56, 64, 0, 1, True),
        (100, 64, 8, 2, True),
        (113, 64, 8, 2, False),
        (0, 1, 1, 1, True),
    ],
)
def test_a_batch_that_the_data_cannot_fill(
    items: int, batch: int, gpus: int, shards: int, empty: bool
) -> None:
    changes = {"TRAIN.BATCH_SIZE": batch, "NUM_GPUS": gpus, "NUM_SHARDS": shards}
    machine = config(changes, items=items)
    if not empty:
        passes("batch_larger_than_data", machine)
        return
    found = fires("batch_larger_than_data", machine)
    assert f"is {batch}, and there are {items} training videos" in found.message
    assert "'inputs' referenced before assignment" in found.message


def test_the_batch_is_not_judged_where_the_data_is_not_known() -> None:
    assert "not there" in skips("batch_larger_than_data", config(items=absent("not there")))
    assert "longer" in skips("batch_larger_than_data", config(items=3, items_more=True))
    passes("batch_larger_than_data", config(items=300, items_more=True))
    not_applicable("batch_larger_than_data", config({"TRAIN.ENABLE": False}, items=1))
    frames = config({"TRAIN.DATASET": "ava"}, items=3)
    assert "3 key frames" in fires("batch_larger_than_data", frames).message


def test_files_of_the_data() -> None:
    gone = NeededFile("AVA.TRAIN_LISTS", "/data/train.csv", absent("/data/train.csv is not there"))
    found = fires("training_file_absent", config(files=(gone,)))
    assert found.message == "AVA.TRAIN_LISTS: /data/train.csv is not there."
    passes("training_file_absent", config())
    unset = fires("training_file_absent", config(folder=absent("DATA.PATH_TO_DATA_DIR is not set")))
    assert unset.severity is NOTE and unset.remedy and "--data DIR" in unset.remedy.text
    not_applicable("training_file_absent", config(files=()))


def test_lines_that_are_no_path_and_label() -> None:
    commas = fires("video_list_not_split", config(unsplit=200))
    assert "200 of 200 lines" in commas.message and "label 0" in commas.message
    assert "stops at the first" in fires("video_list_not_split", config(overfull=1)).message
    passes("video_list_not_split", config())


AVA = {"TRAIN.DATASET": "ava", "TEST.DATASET": "ava"}
OLD = {
    "AVA.TRAIN_GT_BOX_LISTS": ["ava_train_v2.1.csv"],
    "AVA.GROUNDTRUTH_FILE": "ava_val_v2.1.csv",
    "AVA.EXCLUSION_FILE": "ava_val_excluded_timestamps_v2.1.csv",
    "AVA.LABEL_MAP_FILE": "ava_action_list_v2.1_for_activitynet_2018.pbtxt",
}


@pytest.mark.parametrize("key", OLD)
def test_one_file_of_another_version_is_enough(key: str) -> None:
    found = fires("config_mixes_annotations", config({**AVA, key: OLD[key]}))
    assert f"2.1: {key}" in found.message and "2.2: " in found.message


def test_files_of_one_version() -> None:
    passes("config_mixes_annotations", config(AVA))
    passes("config_mixes_annotations", config({**AVA, **OLD}))
    not_applicable("config_mixes_annotations", config(OLD))
    person = ["person_box_67091280_iou90/ava_detection_train_boxes_and_labels_v2.2.csv"]
    mixed = config({**AVA, **OLD, "AVA.TRAIN_PREDICT_BOX_LISTS": person})
    assert "AVA.TRAIN_PREDICT_BOX_LISTS" in fires("config_mixes_annotations", mixed).message


# ---- checkpoints ------------------------------------------------------------------------------


def checkpoint(form: Form, layers: Layers | None = None) -> tuple[Checkpoint, ...]:
    names = absent("none") if layers is None else layers
    key = "TRAIN.CHECKPOINT_FILE_PATH"
    return (Checkpoint(setting=key, path="/w/x.pkl", form=form, layers=names),)


def test_a_checkpoint_that_is_not_there() -> None:
    key = "TRAIN.CHECKPOINT_FILE_PATH"
    gone = Checkpoint(setting=key, path="/w/x.pkl", form=absent("/w/x.pkl is not there"))
    found = fires("config_checkpoint_absent", config(checkpoints=(gone,)))
    assert found.message == f"{key}: /w/x.pkl is not there."
    assert [e.source for e in found.evidence] == ["mine.yaml:4"]
    passes("config_checkpoint_absent", config())
    not_applicable("config_checkpoint_absent", config(checkpoints=()))


@pytest.mark.parametrize(
    ("form", "type_", "todo"),
    [
        ("caffe2", "pytorch", "to caffe2"),
        ("torch", "caffe2", "to pytorch"),
        ("html", "pytorch", "Download"),
        ("empty", "caffe2", "Download"),
        ("pickle", "caffe2", "Download"),
        ("other", "pytorch", "Download"),
    ],
)
def test_a_checkpoint_of_another_type(form: Form, type_: str, todo: str) -> None:
    machine = config({"TRAIN.CHECKPOINT_TYPE": type_}, checkpoints=checkpoint(form))
    found = fires("config_checkpoint_of_other_type", machine)
    assert found.remedy and todo in found.remedy.text and f"is {type_}, and" in found.message


def test_a_checkpoint_of_its_type() -> None:
    passes("config_checkpoint_of_other_type", config())
    caffe2 = config({"TRAIN.CHECKPOINT_TYPE": "caffe2"}, checkpoints=checkpoint("caffe2"))
    passes("config_checkpoint_of_other_type", caffe2)


@pytest.mark.parametrize(
    ("model", "layers", "loads"),
    [
        ("SlowFast", "pyslowfast", True),
        ("SlowFast", "wrapped", False),
        ("SlowFast", "pytorchvideo", False),
        ("PTVSlowFast", "wrapped", True),
        ("PTVSlowFast", "pytorchvideo", False),
        ("PTVX3D", "pyslowfast", False),
        ("MViT", "pyslowfast_mvit", True),
        ("MViT", "pytorchvideo", False),
        ("SlowFast", "other", True),
    ],
)
def test_layers_of_another_model(model: str, layers: Layers, loads: bool) -> None:
    machine = config({"MODEL.MODEL_NAME": model}, checkpoints=checkpoint("torch", layers))
    if loads:
        passes("config_checkpoint_of_other_model", machine)
    else:
        found = fires("config_checkpoint_of_other_model", machine)
        assert "random weights" in found.message and model in found.message


def test_layers_that_are_renamed_or_of_no_known_model() -> None:
    rename = {"TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN": ["backbone."]}
    wrong = checkpoint("torch", "wrapped")
    not_applicable("config_checkpoint_of_other_model", config(rename, checkpoints=wrong))
    mine = {"MODEL.MODEL_NAME": "MyModel"}
    not_applicable("config_checkpoint_of_other_model", config(mine, checkpoints=wrong))


def test_a_run_that_would_be_resumed() -> None:
    last = "/w/checkpoints/checkpoint_epoch_00010.pyth"
    found = fires("config_checkpoint_ignored", config(resumes=last))
    assert last in found.message and found.severity is WARNING
    passes("config_checkpoint_ignored", config())
    passes("config_checkpoint_ignored", config({"TRAIN.AUTO_RESUME": False}, resumes=last))
    not_applicable(
        "config_checkpoint_ignored", config({"TRAIN.CHECKPOINT_FILE_PATH": ""}, resumes=last)
    )
    assert skips("config_checkpoint_ignored", config(resumes=blocked("no permission")))


# ---- the whole --------------------------------------------------------------------------------


def test_doctor_judges_no_training() -> None:
    assert all("training" not in rule.facts for rule in choose([], []))
    assert {rule.subject for rule in choose([], [], subject="training")} == {"training"}


def test_settings_of_wrong_types_crash_nothing() -> None:
    fact = training()
    for value in (None, "x", 1.5, [], [1, [2]], {"a": 1}, True, 0, -1, 1 << 62):
        wrong = msgspec.structs.replace(fact, settings=dict.fromkeys(fact.settings, value))
        made = judge(change(healthy(), training=wrong), load(), choose([], [], subject="training"))
        assert not made.crashed
