"""`envcheck models check-config` on files: what a user has, what is missing, what is hostile."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from envcheck.errors import UsageError
from envcheck.facts import Training
from envcheck.finding import NOTE, WARNING, Severity
from envcheck.report import Report
from envcheck.training import check_config
from tests.video.test_checkpoint import archive, state

ROOT = Path(__file__).parent.parent.parent
CONFIG = """\
TRAIN:
  ENABLE: True
  DATASET: kinetics
  BATCH_SIZE: 8
DATA:
  DECODING_BACKEND: pyav
MODEL:
  MODEL_NAME: SlowFast
TEST:
  ENABLE: False
NUM_GPUS: 0
"""
AVA = """\
TRAIN: {DATASET: ava, BATCH_SIZE: 16}
TEST: {DATASET: ava}
DETECTION: {ENABLE: True}
NUM_GPUS: 0
"""
LISTS = ("ava_val_v2.2.csv", "ava_val_excluded_timestamps_v2.2.csv", "ava_val_predicted_boxes.csv",
         "ava_action_list_v2.2_for_activitynet_2019.pbtxt")  # fmt: skip


def check(folder: Path, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    ran = subprocess.run(
        [sys.executable, "-m", "envcheck", "models", "check-config", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=folder,
        env={**os.environ, **environ},
    )
    assert "Traceback" not in ran.stderr, ran.stderr
    return ran


def report(*overrides: str, file: str = "mine.yaml", **options: Any) -> Report:
    """As the command makes it, in the folder of the test."""
    made = check_config(file, overrides=overrides, **options)
    assert made.crashed == ()
    return made


def fact(made: Report) -> Training:
    training = made.snapshot.training
    assert isinstance(training, Training)
    return training


def found(made: Report, severity: Severity = WARNING) -> list[str]:
    return [finding.name for finding in made.at_least(severity)]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(CONFIG)
    data = tmp_path / "data"
    data.mkdir()
    for split in ("train", "val"):
        (data / f"{split}.csv").write_text("".join(f"v{n}.mp4 {n}\n" for n in range(8)))
    return tmp_path


# ---- settings and data ------------------------------------------------------------------------


def test_a_training_that_may_begin(here: Path) -> None:
    made = report(folder="data")
    assert (made.verdict, made.exit_code, made.findings) == ("fit", 0, ())
    assert fact(made).items == 8
    text = check(here, "mine.yaml", "--data", "data").stdout
    assert "mine.yaml, SlowFast on kinetics, clips of 8 x 8, batch 8 on the CPU" in text


def test_without_data_the_batch_stays_open(here: Path) -> None:
    made = report()
    assert (made.verdict, made.exit_code) == ("unknown", 0)
    assert found(made, NOTE) == ["training_file_absent"]


def test_settings_on_the_command_line(here: Path) -> None:
    made = report("TRAIN.BATCH_SIZE", "9", "TRAIN.BATCHSIZE", "9",
                  folder="data")  # fmt: skip
    assert found(made) == ["config_key_unknown", "batch_larger_than_data"]
    assert made.exit_code == 1
    (batch,) = [f for f in made.findings if f.name == "batch_larger_than_data"]
    assert "is 9, and there are 8 training videos" in batch.message
    assert batch.evidence[0].source == "the command line"


def test_the_data_folder_of_the_configuration(here: Path) -> None:
    text = CONFIG.replace("DATA:\n", "DATA:\n  PATH_TO_DATA_DIR: ./data\n")
    (here / "mine.yaml").write_text(text)
    assert report().exit_code == 0
    made = report(folder=".")
    assert found(made) == ["training_file_absent", "training_file_absent"]
    assert f"{here}/train.csv is not there" in made.findings[0].message


def test_a_list_with_commas_is_not_split(here: Path) -> None:
    (here / "data/train.csv").write_text("a.mp4,0\nb.mp4,1\n" * 4 + "a b c d\n")
    made = report(folder="data")
    assert found(made) == ["video_list_not_split", "video_list_not_split"]
    assert "8 of 9 lines" in made.findings[0].message
    split = report("DATA.PATH_LABEL_SEPARATOR", ",", folder="data")
    assert split.findings[0].message.startswith("1 of 9 lines")


def test_videos_of_a_frame_list_are_counted(here: Path) -> None:
    rows = ["original_vido_id video_id frame_id path labels"]
    rows += [f'v{n} {n} {f} v{n}/{f}.jpg ""' for n in range(7) for f in range(5)]
    (here / "data/train.csv").write_text("\n".join(rows))
    for dataset in ("charades", "ssv2", "ptvcharades"):
        made = report("TRAIN.DATASET", dataset, folder="data")
        assert found(made) == ["batch_larger_than_data"]
        assert "there are 7 training videos" in made.findings[0].message


def test_ava(here: Path) -> None:
    (here / "ava.yaml").write_text(AVA)
    for name in (
        "frame_lists/train.csv",
        "frame_lists/val.csv",
        *(f"annotations/{n}" for n in LISTS),
    ):
        (here / "data" / name).parent.mkdir(exist_ok=True)
        (here / "data" / name).write_text("x\n")
    boxes = [f"v{n},{second:04d},0,0,1,1,12,1" for n in range(3) for second in range(900, 907)]
    (here / "data/annotations/ava_train_v2.2.csv").write_text("\n".join([*boxes, *boxes, "", "x"]))
    made = report(file="ava.yaml", folder="data")
    assert found(made) == ["batch_larger_than_data"]
    assert "there are 15 key frames" in made.findings[0].message, "902 to 906 of 3 videos"
    old = ("AVA.TRAIN_GT_BOX_LISTS", "['ava_train_v2.1.csv']")
    mixed = report(*old, file="ava.yaml", folder="data")
    assert found(mixed) == ["training_file_absent", "config_mixes_annotations"]


def test_a_checkout_says_which_settings_there_are(here: Path) -> None:
    config = here / "repo/slowfast/config"
    config.mkdir(parents=True)
    with pytest.raises(UsageError, match=r"defaults\.py is not there"):
        report(repo="repo")
    (config / "defaults.py").write_text("_C = 1\n")
    with pytest.raises(UsageError, match="holds no settings of PySlowFast"):
        report(repo="repo")
    keys = ("TRAIN.ENABLE = True", "TRAIN.DATASET = ''", "TRAIN.BATCH_SIZE = 64", "NUM_GPUS = 1")
    sections = "".join(f"_C.{name} = CfgNode()\n" for name in ("TRAIN", "DATA", "MODEL", "TEST"))
    (config / "defaults.py").write_text(sections + "".join(f"_C.{key}\n" for key in keys))
    made = report(repo="repo")
    assert set(found(made)) == {"config_key_unknown"} and len(found(made)) == 3
    (config / "custom_config.py").write_text(
        "def add_custom_config(_C):\n    _C.DATA.DECODING_BACKEND = ''\n    _C.TEST.ENABLE = True\n"
        "    _C.MODEL.MODEL_NAME = 'x'\n"
    )
    assert found(report(repo="repo")) == []


# ---- checkpoints ------------------------------------------------------------------------------


def test_checkpoints_are_looked_into(here: Path) -> None:
    path, kind = "TRAIN.CHECKPOINT_FILE_PATH", "TRAIN.CHECKPOINT_TYPE"

    def names(file: str, *more: str) -> list[str]:
        return found(report(path, file, *more, folder="data"))

    assert names("gone.pyth") == ["config_checkpoint_absent"]
    assert names("data") == ["config_checkpoint_absent"]
    assert names("https://example.org/x.pyth") == []
    (here / "own.pyth").write_bytes(archive(state("s1.pathway0_stem.conv.weight")))
    (here / "ptv.pyth").write_bytes(archive(state("blocks.0.conv.weight")))
    (here / "c2.pkl").write_bytes(pickle.dumps({"blobs": {"conv1_w": 0}}, 2))
    (here / "page.pyth").write_text("<html>404</html>")
    assert names("own.pyth") == []
    assert names("ptv.pyth") == ["config_checkpoint_of_other_model"]
    assert names("ptv.pyth", "MODEL.MODEL_NAME", "PTVSlowFast") == [
        "config_checkpoint_of_other_model"
    ]
    assert names("c2.pkl") == ["config_checkpoint_of_other_type"]
    assert names("c2.pkl", kind, "caffe2") == []
    assert names("own.pyth", kind, "caffe2") == ["config_checkpoint_of_other_type"]
    assert names("page.pyth") == ["config_checkpoint_of_other_type"]
    assert names("own.pyth", kind, "pytorchvideo") == [
        "config_refused",
        "config_checkpoint_of_other_type",
    ]


def test_an_earlier_run_goes_before_the_checkpoint(here: Path) -> None:
    (here / "own.pyth").write_bytes(archive(state("s1.pathway0_stem.conv.weight")))
    (here / "out/checkpoints").mkdir(parents=True)

    def made(*more: str) -> Report:
        pairs = ("TRAIN.CHECKPOINT_FILE_PATH", "own.pyth", "OUTPUT_DIR", "out", *more)
        return report(*pairs, folder="data")

    assert found(made()) == []
    for epoch in (9, 10):
        (here / f"out/checkpoints/checkpoint_epoch_{epoch:05d}.pyth").touch()
    assert found(made()) == ["config_checkpoint_ignored"]
    assert "checkpoint_epoch_00010.pyth" in made().findings[0].message
    assert found(made("TASK", "ssl")) == []


# ---- what cannot be read ----------------------------------------------------------------------


def test_files_that_are_no_configuration(here: Path) -> None:
    os.mkfifo(here / "fifo.yaml")
    (here / "loop.yaml").symlink_to("loop.yaml")
    with (here / "huge.yaml").open("wb") as file:
        file.truncate(100 << 20)
    (here / "bad.yaml").write_bytes(b"A: [1\n")
    for name, words in (
        ("gone.yaml", "gone.yaml is not there"),
        ("data", "is not a regular file"),
        ("fifo.yaml", "is not a regular file"),
        ("/dev/zero", "is not a regular file"),
        ("loop.yaml", "loop.yaml"),
        ("huge.yaml", "larger than 32 KiB"),
        ("bad.yaml", "line 2"),
        ("a\0b", "is not there"),
    ):
        with pytest.raises(UsageError, match=words):
            report(file=name)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gone.yaml",), "gone.yaml is not there"),
        (("mine.yaml", "NUM_GPUS"), "has no value"),
        (("mine.yaml", "--data", "gone"), "is not a folder"),
        (("mine.yaml", "--repo", "data"), "defaults.py is not there"),
        (("mine.yaml", "--select", "CFG999"), "no check"),
        ((), "FILE"),
    ],
)
def test_bad_usage_is_one_clear_error(here: Path, arguments: tuple[str, ...], words: str) -> None:
    ran = check(here, *arguments)
    assert ran.returncode == 2 and words in ran.stderr and ran.stdout == ""


def test_hostile_data_and_checkpoints(here: Path) -> None:
    data = here / "data"
    for name in ("train.csv", "val.csv"):
        (data / name).unlink()
    os.mkfifo(data / "train.csv")
    (data / "val.csv").symlink_to("/dev/zero")
    made = report("TRAIN.CHECKPOINT_FILE_PATH", "/dev/zero", folder="data")
    assert found(made) == ["training_file_absent", "training_file_absent",
                           "config_checkpoint_absent"]  # fmt: skip
    assert made.verdict == "unfit"
    (data / "train.csv").unlink()
    with (data / "train.csv").open("wb") as file:
        file.truncate(40 << 20)
    made = report(folder="data")
    assert fact(made).items_more is True
    assert "batch_larger_than_data" in [skip.name for skip in made.skipped]


def test_a_configuration_steers_no_terminal(here: Path) -> None:
    (here / "mine.yaml").write_text(CONFIG + '"A\\e[31m\\u202e": "\\e[31m"\nTASK: "\\ud800"\n')
    ran = check(here, "mine.yaml")
    assert ran.returncode == 1 and "\x1b" not in ran.stdout and "\u202e" not in ran.stdout
    assert "config_key_unknown" in found(report())


def test_without_pyyaml_it_says_what_to_install(here: Path) -> None:
    (here / "shadow").mkdir()
    (here / "shadow/yaml.py").write_text("raise ImportError('No module named yaml')")
    ran = check(here, "mine.yaml", PYTHONPATH=f"{here}/shadow:{ROOT}")
    assert ran.returncode == 2 and "pip install pyyaml" in ran.stderr


def test_a_saved_report_is_judged_again(here: Path) -> None:
    saved = here / "report.json"
    saved.write_text(check(here, "mine.yaml", "NUM_GPUS", "3", "--format", "json").stdout)
    ran = subprocess.run(
        [sys.executable, "-m", "envcheck", "doctor", "--snapshot", str(saved), "--select", "CFG",
         "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    names = {finding["name"] for finding in json.loads(ran.stdout)["findings"]}
    assert {"config_refused", "more_gpus_asked_than_here"} <= names
