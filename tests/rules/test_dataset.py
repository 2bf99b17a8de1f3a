"""Rules about data sets: each kind of oddity is one finding that names the first lines."""

import pytest

from envcheck.facts import Dataset, Part, absent, blocked, failed
from envcheck.facts.dataset import PartKind
from envcheck.rules import RULES
from tests.rules.datasets import odd, spoilt
from tests.rules.machine import change, fires, healthy, not_applicable, passes, report, skips

ODD: list[tuple[str, PartKind, str, str]] = [
    ("dataset_text_not_utf8", "frame_list", "encoding", "2 lines"),
    ("dataset_text_not_utf8", "boxes", "bom", "byte order mark"),
    ("box_rows_malformed", "boxes", "header", "header"),
    ("box_rows_malformed", "boxes", "columns", "person"),
    ("box_rows_malformed", "predictions", "columns", "score"),
    ("box_rows_malformed", "predictions", "number", "2 lines"),
    ("box_seconds_outside", "boxes", "second", "2 boxes"),
    ("box_outside_picture", "boxes", "box", "2 of 1,000 boxes"),
    ("box_action_unknown", "boxes", "action", "2 boxes"),
    ("box_score_is_person", "predictions", "person_id", "600 boxes"),
    ("exclusions_malformed", "exclusions", "columns", "2 lines"),
    ("exclusions_malformed", "exclusions", "number", "2 lines"),
    ("exclusions_malformed", "exclusions", "second", "2 timestamps"),
    ("label_map_malformed", "label_map", "twice", "2 lines"),
    ("frame_list_without_header", "frame_list", "no_header", "left out"),
    ("frame_list_columns", "frame_list", "columns", "2 of 6,352,052 lines"),
    ("frame_list_out_of_order", "frame_list", "order", "2 lines"),
    ("frame_list_out_of_order", "frame_list", "no_number", "2 paths"),
    ("frame_list_of_other_frames", "frame_list", "start", "2 videos"),
    ("frame_list_of_other_frames", "frame_list", "other_video", "2 videos"),
    ("split_videos_differ", "split", "without_boxes", "2 videos"),
    ("split_videos_differ", "split", "without_list", "2 videos"),
    ("frame_list_ends_early", "split", "keyframe", "silently"),
    ("frame_list_ends_early", "split", "clip", "repeated"),
    ("ground_truth_lacks_videos", "split", "without_truth", "2 videos"),
    ("splits_share_videos", "split", "shared", "2 videos"),
    ("frames_missing", "frames", "folder", "2 listed videos"),
    ("frames_missing", "frames", "tail", "2 frames at the ends"),
    ("frames_missing", "frames", "missing", "2 frames within"),
    ("frames_missing", "frames", "unreadable", "2 frames within"),
    ("frames_empty", "frames", "empty", "2 of 31,694 frames"),
]


@pytest.mark.parametrize(("name", "of", "what", "words"), ODD)
def test_each_oddity_is_one_finding(name: str, of: PartKind, what: str, words: str) -> None:
    machine = odd(healthy(), of, what)
    found = report(machine).findings
    assert [f.name for f in found] == [name]
    assert words in found[0].message
    assert [e.value for e in found[0].evidence] == ["line 7: its own words"]
    assert found[0].evidence[0].source.startswith(("/data/ava/", "")) and found[0].subject


@pytest.mark.parametrize(("name", "of", "what", "words"), ODD)
def test_a_part_that_could_not_be_read_is_not_judged(
    name: str, of: PartKind, what: str, words: str
) -> None:
    assert "it broke" in skips(name, spoilt(healthy(), of, unread=failed("it broke")))
    not_applicable(name, spoilt(healthy(), of, unread=absent("no such file")))


def test_every_check_fires_and_is_silent() -> None:
    fires("dataset_text_not_utf8", odd(healthy(), "frame_list", "encoding"))
    passes("dataset_text_not_utf8", odd(healthy(), "frame_list", "columns"))
    fires("box_rows_malformed", odd(healthy(), "boxes", "columns"))
    passes("box_rows_malformed", odd(healthy(), "boxes", "second"))
    fires("box_seconds_outside", odd(healthy(), "boxes", "second"))
    passes("box_seconds_outside", odd(healthy(), "boxes", "box"))
    fires("box_action_unknown", odd(healthy(), "boxes", "action"))
    passes("box_action_unknown", odd(healthy(), "boxes", "box"))
    fires("box_score_is_person", odd(healthy(), "predictions", "person_id"))
    not_applicable("box_score_is_person", odd(healthy(), "boxes", "person_id"))
    fires("exclusions_malformed", odd(healthy(), "exclusions", "columns"))
    not_applicable("exclusions_malformed", odd(healthy(), "boxes", "columns"))
    fires("label_map_malformed", odd(healthy(), "label_map", "number"))
    passes("label_map_malformed", spoilt(healthy(), "label_map"))
    fires("frame_list_without_header", odd(healthy(), "frame_list", "no_header"))
    passes("frame_list_without_header", odd(healthy(), "frame_list", "order"))
    fires("frame_list_columns", odd(healthy(), "frame_list", "columns"))
    passes("frame_list_columns", odd(healthy(), "frame_list", "order"))
    fires("frame_list_out_of_order", odd(healthy(), "frame_list", "order"))
    passes("frame_list_out_of_order", odd(healthy(), "frame_list", "start"))
    fires("frame_list_of_other_frames", odd(healthy(), "frame_list", "start"))
    passes("frame_list_of_other_frames", odd(healthy(), "frame_list", "order"))
    fires("split_videos_differ", odd(healthy(), "split", "without_boxes"))
    passes("split_videos_differ", odd(healthy(), "split", "without_truth"))
    fires("frame_list_ends_early", odd(healthy(), "split", "keyframe"))
    passes("frame_list_ends_early", odd(healthy(), "split", "shared"))
    fires("ground_truth_lacks_videos", odd(healthy(), "split", "without_truth"))
    passes("ground_truth_lacks_videos", odd(healthy(), "split", "shared"))
    fires("splits_share_videos", odd(healthy(), "split", "shared"))
    passes("splits_share_videos", odd(healthy(), "split", "without_truth"))
    fires("frames_missing", odd(healthy(), "frames", "missing"))
    passes("frames_missing", odd(healthy(), "frames", "empty"))
    fires("frames_empty", odd(healthy(), "frames", "empty"))
    passes("frames_empty", odd(healthy(), "frames", "missing"))


@pytest.mark.parametrize(("count", "severity"), [(9, "warning"), (10, "error"), (900, "error")])
def test_a_few_bad_boxes_are_a_warning(count: int, severity: str) -> None:
    assert fires("box_outside_picture", odd(healthy(), "boxes", "box", count)).severity == severity
    passes("box_outside_picture", spoilt(healthy(), "boxes"))


def test_files_that_are_absent() -> None:
    machine = spoilt(healthy(), "boxes", unread=absent("no such file"), published="https://x/y.csv")
    found = fires("dataset_files_absent", machine)
    assert "nothing of it is there" in found.message
    assert found.remedy and found.remedy.commands == (
        "wget -c -P /data/ava/annotations https://x/y.csv",
    )
    passes("dataset_files_absent", spoilt(healthy(), "boxes", unread=blocked("no permission")))
    assert isinstance(machine.dataset, Dataset)
    whole = healthy().dataset
    assert isinstance(whole, Dataset)
    parts = (*machine.dataset.parts, *whole.parts)
    message = fires("dataset_files_absent", change(machine, dataset__parts=parts)).message
    assert message == "Not there: annotations/ava_train_v2.2.csv."


def test_files_that_cannot_be_read() -> None:
    machine = spoilt(healthy(), "boxes", unread=blocked("no permission to read it"))
    assert "no permission" in fires("dataset_file_unreadable", machine).message
    passes("dataset_file_unreadable", spoilt(healthy(), "boxes", unread=absent("no such file")))


def test_a_data_set_that_was_not_read_is_not_fit() -> None:
    machine = change(healthy(), dataset=blocked("no permission"))
    assert "no permission" in skips("dataset_files_absent", machine)


def test_versions() -> None:
    older = Part(name="a_v2.1.csv", of="ground_truth", version="2.1", counts={"rows": 1})
    whole = healthy().dataset
    assert isinstance(whole, Dataset)
    machine = change(healthy(), dataset__parts=(*whole.parts, older))
    assert "2.1 and 2.2" in fires("annotation_versions_mixed", machine).message
    passes("annotation_versions_mixed", healthy())
    not_applicable("annotation_versions_mixed", spoilt(healthy(), "frame_list"))


def test_settings() -> None:
    machine = spoilt(healthy(), "predictions", usual=False, setting="AVA.TEST_LISTS")
    found = fires("dataset_settings_needed", machine)
    assert found.remedy and "AVA.TEST_LISTS '[\"val.csv\"]'" in found.remedy.text
    passes("dataset_settings_needed", healthy())


def test_a_split_without_videos() -> None:
    machine = spoilt(healthy(), "split", counts={"videos": 0, "frames": 0, "keyframes": 0})
    assert "no video" in fires("split_without_videos", machine).message
    passes("split_without_videos", spoilt(healthy(), "split"))
    not_applicable("split_without_videos", spoilt(healthy(), "boxes"))


def test_classes() -> None:
    assert "no class" in fires(
        "label_map_malformed", spoilt(healthy(), "label_map", counts={"classes": 0})
    ).message  # fmt: skip
    all_of_them = spoilt(healthy(), "label_map", counts={"classes": 80})
    assert "80 classes" in fires("label_map_of_all_classes", all_of_them).message
    passes("label_map_of_all_classes", spoilt(healthy(), "label_map"))


def test_they_are_all_of_one_subject() -> None:
    assert {r.subject for r in RULES if r.code.startswith("AVA")} == {"dataset"}
    assert all(r.code.startswith("AVA") for r in RULES if r.subject == "dataset")
