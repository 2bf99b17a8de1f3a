"""An AVA data set as PySlowFast would read it: what is right is fit, what is spoilt is named."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envcheck.dataset import check_ava
from envcheck.errors import UsageError
from envcheck.facts import Dataset, Part
from envcheck.report import Report
from tests.video import ava_peer, ava_set
from tests.video.ava_set import FRAMES, HEADER, TRAIN, VAL, edit, lines

Spoil = Callable[[Path], None]


def check(root: Path, **settings: str) -> Report:
    given = {name.replace("__", "."): value for name, value in settings.items()}
    return check_ava(str(root), given, frames=False)


def names(report: Report, *severities: str) -> list[str]:
    assert not report.crashed, report.crashed
    return [
        f.name
        for f in report.findings
        if not severities or (f.severity and f.severity.value in severities)
    ]


def part(report: Report, name: str) -> Part:
    assert isinstance(report.snapshot.dataset, Dataset)
    return next(part for part in report.snapshot.dataset.known_parts() if part.name == name)


# ---- what is right ----------------------------------------------------------------------------


def test_a_right_data_set_is_fit(tmp_path: Path) -> None:
    report = check_ava(str(ava_set.write(tmp_path / "ava", frames=513, disk=True)), {})
    assert (report.verdict, report.exit_code, names(report)) == ("fit", 0, [])
    assert part(report, "frame_lists/train.csv").counts == {"rows": 3 * 513, "videos": 3}
    assert part(report, "train").counts == {"videos": 3, "frames": 3 * 513, "keyframes": 12}
    assert part(report, "frames").counts == {"videos": 5, "frames": 5 * 513, "looked_at": 15}


def test_it_counts_what_pyslowfast_counts(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    train, val = ava_peer.read(str(root))
    counts = part(check(root), "train").counts, part(check(root), "val").counts
    assert [c["keyframes"] for c in counts] == [train, val]


def test_windows_line_ends_and_a_last_line_without_one(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    for file in (*root.glob("frame_lists/*"), *root.glob("annotations/*.csv")):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n").rstrip())
    assert names(check(root)) == []
    ava_peer.read(str(root))


def test_rows_in_turn_of_several_videos_are_in_order(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    rows = ava_set.frame_rows(TRAIN)
    mixed = [rows[video * FRAMES + frame] for frame in range(FRAMES) for video in range(3)]
    lines(root / "frame_lists/train.csv", [HEADER, *mixed])
    assert names(check(root)) == []


@pytest.mark.parametrize("place", [1, 2, 511, 512, 513, 514, 1024, 1025, 1100, 1101, 1102, 3000])
def test_a_row_that_is_left_out_is_found_anywhere(tmp_path: Path, place: int) -> None:
    """Rows are compared in blocks where a list goes on as it must."""
    root = ava_set.write(tmp_path / "ava")
    rows = [HEADER, *ava_set.frame_rows(TRAIN)]
    left_out = rows.pop(place)
    lines(root / "frame_lists/train.csv", rows)
    report = check(root)
    assert part(report, "frame_lists/train.csv").counts == {"rows": 3 * FRAMES - 1, "videos": 3}
    if place % FRAMES == 0:  # the last of a video: only what needs it can tell
        assert names(report) == []
    elif place % FRAMES == 1:
        assert names(report) == ["frame_list_of_other_frames"]
    else:
        assert names(report) == ["frame_list_out_of_order"]
        assert f"line {place + 1}: " in report.findings[0].evidence[0].value
        assert left_out not in report.findings[0].evidence[0].value


def test_a_list_of_another_form_gives_the_same_facts(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    before = part(check(root), "train")
    file = root / "frame_lists/train.csv"
    file.write_text(file.read_text().replace(" ", "  "))
    assert part(check(root), "train") == before


# ---- what PySlowFast stops at -----------------------------------------------------------------

TRAIN_LIST, VAL_LIST = "frame_lists/train.csv", "frame_lists/val.csv"
GROUND, PREDICTED = "annotations/ava_train_v2.2.csv", "annotations/ava_val_predicted_boxes.csv"
TRUTH, EXCLUDED = "annotations/ava_val_v2.2.csv", "annotations/ava_val_excluded_timestamps_v2.2.csv"
LABELS = "annotations/ava_action_list_v2.2_for_activitynet_2019.pbtxt"
ROW = f'{TRAIN[0]} 0 7 {TRAIN[0]}/{TRAIN[0]}_000008.jpg ""'
BOX = f"{TRAIN[0]},0903,0.11,0.120,0.81,0.965,13,1"
TRUE = f"{VAL[0]},0903,0.11,0.120,0.81,0.965,13,1"
SEEN = f"{VAL[0]},0904,0.01,0.120,0.80,0.965,12,0.905210"

STOPS = [
    (TRAIN_LIST, ROW, ROW.replace(" ", ","), "frame_list_columns", "line 9:"),
    (TRAIN_LIST, ROW, ROW[:-3], "frame_list_columns", "line 9:"),
    (TRAIN_LIST, ROW, f"{ROW}\n", "frame_list_columns", "line 10: (empty)"),
    (TRAIN_LIST, ROW, f'{ROW[:-1]}\xff"', "dataset_text_not_utf8", "line 9:"),
    (GROUND, BOX, BOX.replace("0903", "1"), "box_seconds_outside", "line 4:"),
    (GROUND, BOX, BOX.replace("0903", "903.0"), "box_rows_malformed", "line 4:"),
    (GROUND, BOX, BOX.replace("0.120", "x"), "box_rows_malformed", "line 4:"),
    (GROUND, BOX, BOX.replace(",", " "), "box_rows_malformed", "line 4:"),
    (GROUND, BOX, f"{BOX}\n", "box_rows_malformed", "line 5: (empty)"),
    (PREDICTED, SEEN, SEEN.rpartition(",")[0], "box_rows_malformed", "line 5:"),
    (PREDICTED, SEEN, SEEN.replace("0.905210", "high"), "box_rows_malformed", "line 5:"),
    (TRUTH, TRUE, TRUE.replace(",13,", ",,"), "box_rows_malformed", "line 4:"),
    (TRUTH, TRUE, f"{TRUE},9", "box_rows_malformed", "line 4:"),
    (EXCLUDED, "0903", "0903,1", "exclusions_malformed", "line 1:"),
    (EXCLUDED, "0903", "later", "exclusions_malformed", "line 1:"),
    (LABELS, "label_id: 7\n", "label_id: seven\n", "label_map_malformed", "label_id: seven"),
    (LABELS, '"class 7"', "class 7", "label_map_malformed", "name: class 7"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "name", "words"), STOPS)
def test_what_stops_pyslowfast_is_an_error(
    tmp_path: Path, file: str, old: str, new: str, name: str, words: str
) -> None:
    root = ava_set.write(tmp_path / "ava")
    text = (root / file).read_text()
    assert text.count(old) == 1
    (root / file).write_bytes(text.replace(old, new).encode("latin-1"))
    report = check(root)
    assert names(report) == [name] and report.exit_code == 1
    assert words in " ".join(e.value for e in report.findings[0].evidence)
    with pytest.raises((AssertionError, KeyError, ValueError, IndexError)):
        ava_peer.read(str(root))


@pytest.mark.parametrize(
    ("file", "header"), [(GROUND, "video_id,timestamp,x1,y1,x2,y2,action_id,person_id"),
                         (PREDICTED, "video,second,x1,y1,x2,y2,action,score")],
)  # fmt: skip
def test_a_box_file_with_a_header(tmp_path: Path, file: str, header: str) -> None:
    root = ava_set.write(tmp_path / "ava")
    (root / file).write_text(f"{header}\n{(root / file).read_text()}")
    report = check(root)
    assert names(report) == ["box_rows_malformed"] and "header" in report.findings[0].message
    remedy = report.findings[0].remedy
    assert remedy and os.system(remedy.commands[0]) == 0
    assert names(check(root)) == []


def only(videos: tuple[str, ...], last: str = "{person}") -> list[str]:
    return ava_set.box_rows(videos, last)


DIFFER = {
    "a video without boxes": lambda root: lines(root / GROUND, only(TRAIN[:2])),
    "a video below the score": lambda root: lines(
        root / PREDICTED, [*only(VAL[:1], "0.95"), *only(VAL[1:], "0.5")]
    ),
    "a video between the validated seconds": lambda root: lines(
        root / PREDICTED, [*only(VAL[:1], "0.95"), *only(VAL[1:], "0.95")[:2]]
    ),
    "a video in no list that only a test takes": lambda root: lines(
        root / PREDICTED, [*only(VAL, "0.95"), f"unlisted_00,0903{only(VAL, '0.95')[0][16:]}"]
    ),
    "a video in no list": lambda root: lines(root / GROUND, only((*TRAIN, "unlisted_00"))),
    "a quoted name": lambda root: lines(
        root / GROUND, [row.replace(TRAIN[0], f'"{TRAIN[0]}"') for row in only(TRAIN)]
    ),
    "a byte order mark": lambda root: lines(
        root / GROUND, [f"\ufeff{only(TRAIN)[0]}", *only(TRAIN)[1:]]
    ),
}


@pytest.mark.parametrize("spoil", DIFFER.values(), ids=DIFFER)
def test_lists_and_boxes_of_different_videos(tmp_path: Path, spoil: Spoil) -> None:
    root = ava_set.write(tmp_path / "ava")
    spoil(root)
    assert set(names(check(root), "error")) & {"split_videos_differ", "dataset_text_not_utf8"}
    with pytest.raises((AssertionError, KeyError)):
        ava_peer.read(str(root))


def test_an_action_that_stops_the_training_later(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    edit(root / GROUND, BOX, BOX.replace(",13,", ",81,"))
    assert names(check(root)) == ["box_action_unknown"]


# ---- what PySlowFast takes without a word -----------------------------------------------------


def test_a_list_without_a_header(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    lines(root / TRAIN_LIST, ava_set.frame_rows(TRAIN))
    report = check(root)
    assert names(report, "error") == ["frame_list_without_header"]
    ava_peer.read(str(root))
    remedy = report.findings[0].remedy
    assert remedy and os.system(remedy.commands[0]) == 0
    assert names(check(root)) == []


def test_a_frame_list_that_ends_before_the_boxes(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    lines(root / TRAIN_LIST, [HEADER, *ava_set.frame_rows(TRAIN, 150)])  # second 905: frame 151
    report = check(root)
    assert names(report) == ["frame_list_ends_early"] and report.exit_code == 1
    assert "3 videos" in report.findings[0].message
    assert f"{TRAIN[0]}: 150 frames, second 905 is frame 151" in str(report.findings[0].evidence)
    ava_peer.read(str(root))


@pytest.mark.parametrize(("frames", "found"), [(180, ["frame_list_ends_early"]), (181, [])])
def test_the_last_clip_may_be_longer_than_the_list(
    tmp_path: Path, frames: int, found: list[str]
) -> None:
    root = ava_set.write(tmp_path / "ava")
    lines(root / TRAIN_LIST, [HEADER, *ava_set.frame_rows(TRAIN, frames)])
    assert names(check(root), "warning") == found
    assert names(check(root, DATA__NUM_FRAMES="4")) == []


@pytest.mark.parametrize(
    ("box", "severity"),
    [("0.9,0.1,0.2,0.3", "error"), ("0.1,0.1,150,90", "error"), ("nan,0.1,0.3,0.3", "error")],
)
def test_boxes_outside_the_picture(tmp_path: Path, box: str, severity: str) -> None:
    root = ava_set.write(tmp_path / "ava")
    edit(root / GROUND, BOX, f"{TRAIN[0]},0903,{box},13,1")
    assert names(check(root), severity) == ["box_outside_picture"]


def test_one_bad_box_of_many_is_a_warning(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    lines(root / GROUND, [*only(TRAIN) * 9, f"{TRAIN[0]},0903,0.9,0.1,0.2,0.3,13,1"])
    assert names(check(root), "warning") == ["box_outside_picture"]


def test_persons_numbers_as_scores(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    rows = [row.rpartition(",")[0] + f",{n}" for n, row in enumerate(only(TRAIN))]
    lines(root / "annotations/persons.csv", rows)
    report = check(root, AVA__TRAIN_PREDICT_BOX_LISTS="persons.csv")
    assert names(report) == ["box_score_is_person", "dataset_settings_needed"]
    assert "1 box left out" in report.findings[0].message


def test_versions_that_are_mixed(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    (root / TRUTH).rename(root / TRUTH.replace("2.2", "2.1"))
    report = check(root)
    assert names(report) == ["annotation_versions_mixed", "dataset_settings_needed"]
    assert "2.1 and 2.2" in report.findings[0].message


def test_a_data_set_of_one_older_version(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    for file in list(root.glob("annotations/*v2.2*")):
        file.rename(str(file).replace("v2.2", "v2.1").replace("2019", "2018"))
    report = check(root)
    assert names(report) == ["dataset_settings_needed"] and report.verdict == "fit"
    remedy = report.findings[0].remedy
    assert remedy and "AVA.TRAIN_GT_BOX_LISTS '[\"ava_train_v2.1.csv\"]'" in remedy.text


def test_the_boxes_that_the_shipped_configurations_name(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    folder = root / "annotations/person_box_67091280_iou90"
    folder.mkdir()
    (root / PREDICTED).rename(folder / "ava_detection_val_boxes_and_labels.csv")
    assert names(check(root)) == ["dataset_settings_needed"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["label_map_malformed"]),
        (ava_set.label_map().replace("  label_id", "    label_id"), ["label_map_malformed"]),
        (ava_set.label_map() + '  name: "x"\n  id: 5\n', ["label_map_malformed"]),
        (ava_set.label_map(80), ["label_map_of_all_classes"]),
        (ava_set.label_map(81), ["label_map_malformed", "label_map_of_all_classes"]),
        (ava_set.label_map(3), []),
    ],
)
def test_label_maps(tmp_path: Path, text: str, found: list[str]) -> None:
    root = ava_set.write(tmp_path / "ava")
    (root / LABELS).write_text(text)
    assert names(check(root)) == found


def test_the_ground_truth_of_other_videos(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    lines(root / TRUTH, only(TRAIN))
    report = check(root)
    assert (
        names(report) == ["ground_truth_lacks_videos"] and "2 videos" in report.findings[0].message
    )


def test_a_video_of_both_splits(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    lines(root / TRAIN_LIST, [HEADER, *ava_set.frame_rows((*TRAIN, VAL[0]))])
    lines(root / GROUND, only((*TRAIN, VAL[0])))
    assert names(check(root)) == ["splits_share_videos"]


def test_timestamps_that_exclude_nothing(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    lines(root / EXCLUDED, [f"{VAL[0]},3"])
    assert names(check(root), "warning") == ["exclusions_malformed"]


# ---- frames on disk ---------------------------------------------------------------------------


DISK = 270


@pytest.fixture
def on_disk(tmp_path: Path) -> Path:
    return ava_set.write(tmp_path / "ava", frames=DISK, disk=True)


def frame(root: Path, video: str, number: int) -> Path:
    return root / f"frames/{video}/{video}_{number:06d}.jpg"


def test_frames_missing_at_the_end_and_in_the_middle(on_disk: Path) -> None:
    for number in range(201, DISK + 1):
        frame(on_disk, TRAIN[0], number).unlink()
    frame(on_disk, TRAIN[1], 77).unlink()
    frame(on_disk, VAL[0], DISK).unlink()
    report = check_ava(str(on_disk), {})
    assert names(report) == ["frames_missing", "frames_missing"]
    ends, middle = report.findings
    assert "71 frames at the ends" in ends.message and "_000201.jpg and 69 more" in str(
        ends.evidence
    )
    assert "1 frame within" in middle.message and f"{TRAIN[1]}_000077.jpg" in str(middle.evidence)
    assert names(check(on_disk)) == []


def test_folders_of_frames_that_are_not_there(on_disk: Path) -> None:
    for file in (on_disk / "frames" / TRAIN[0]).iterdir():
        file.unlink()
    (on_disk / "frames" / TRAIN[0]).rmdir()
    (on_disk / "frames" / TRAIN[0]).symlink_to(TRAIN[0])  # a loop
    (on_disk / "frames" / TRAIN[1]).rename(on_disk / "frames/renamed")
    report = check_ava(str(on_disk), {})
    assert names(report) == ["frames_missing"] and "2 listed videos" in report.findings[0].message
    assert "Too many levels" in str(report.findings[0].evidence)


def test_files_of_another_ending(on_disk: Path) -> None:
    for number in range(1, DISK + 1):
        file = frame(on_disk, TRAIN[0], number)
        file.rename(file.with_suffix(".png"))
    report = check_ava(str(on_disk), {})
    assert names(report) == ["frames_missing"] and "270 frames within" in report.findings[0].message


def test_empty_frames(on_disk: Path) -> None:
    for number in (1, 257, DISK):
        frame(on_disk, TRAIN[0], number).write_bytes(b"")
    report = check_ava(str(on_disk), {})
    assert names(report) == ["frames_empty"] and "3 of 15 frames" in report.findings[0].message


def test_lists_whose_frames_lie_in_one_folder(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    for split, videos in (("train", TRAIN), ("val", VAL)):
        rows = [row.replace(f" {v}/", " ") for v in videos for row in ava_set.frame_rows((v,), 200)]
        lines(root / f"frame_lists/{split}.csv", [HEADER, *rows])
        for video in videos:
            for number in range(1, 201):
                (root / f"frames/{video}_{number:06d}.jpg").write_bytes(b"x")
    assert names(check_ava(str(root), {})) == []
    (root / f"frames/{VAL[0]}_000150.jpg").unlink()
    assert names(check_ava(str(root), {})) == ["frames_missing"]


# ---- hostile ----------------------------------------------------------------------------------


@contextmanager
def somebody_else() -> Iterator[None]:
    """Without root's right to read everything."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if mine == 0:
            os.seteuid(mine)


def binary(file: Path) -> None:
    file.write_bytes(os.urandom(4096) + b"\0")


def utf16(file: Path) -> None:
    file.write_text("a b\n" * 9, encoding="utf-16")


def huge_line(file: Path) -> None:
    file.write_bytes(b"x" * (9 << 20))


def huge_line_later(file: Path) -> None:
    file.write_bytes(b"a\n" + b"x" * (9 << 20))


def loop(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.name)


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def device(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


UNREADABLE = [
    (binary, "binary"),
    (utf16, "UTF-16"),
    (huge_line, "longer than"),
    (huge_line_later, "line 2 is"),
    (loop, "Too many levels"),
    (folder, "it is no file"),
    (pipe, "it is no file"),
    (device, "it is no file"),
]


@pytest.mark.parametrize("file", [TRAIN_LIST, GROUND, LABELS, EXCLUDED])
@pytest.mark.parametrize(("spoil", "words"), UNREADABLE)
def test_a_file_that_is_no_list(tmp_path: Path, file: str, spoil: Spoil, words: str) -> None:
    root = ava_set.write(tmp_path / "ava")
    spoil(root / file)
    report = check(root)
    assert names(report, "error") == ["dataset_file_unreadable"] and report.exit_code == 1
    assert words in report.findings[0].message


@pytest.mark.parametrize("file", [TRAIN_LIST, GROUND, EXCLUDED])
def test_a_file_that_names_videos_without_end(tmp_path: Path, file: str) -> None:
    root = ava_set.write(tmp_path / "ava")
    row = {TRAIN_LIST: '{0} 0 0 {0}/1.jpg ""', GROUND: "{0},0902,0.1,0.1,0.2,0.2,1,1"}
    lines(root / file, [row.get(file, "{0},0902").format(n) for n in range(100_002)])
    report = check(root)
    assert names(report, "error") == ["dataset_file_unreadable"]
    assert "more than 100000 videos" in report.findings[0].message


def test_a_file_that_may_not_be_read() -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        root = ava_set.write(Path(folder) / "ava")
        (root / TRAIN_LIST).chmod(0)
        with somebody_else():
            assert names(check(root)) == ["dataset_file_unreadable"]
        (root / "annotations").chmod(0)
        root.chmod(0)
        with somebody_else():
            report = check(root)
        root.chmod(0o755)
        assert (report.verdict, report.exit_code, names(report)) == ("unknown", 3, [])


def test_a_list_with_no_order_takes_bounded_memory(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava", frames=200, disk=True)
    rows = [f'{TRAIN[0]} 0 {n} {TRAIN[0]}/{n * 7}.jpg ""' for n in range(100_100)]
    lines(root / TRAIN_LIST, [HEADER, *rows, *ava_set.frame_rows(TRAIN[1:], 200)])
    report = check_ava(str(root), {})
    assert names(report) == ["dataset_file_unreadable", "frame_list_out_of_order"]
    assert "100,099 lines" in report.findings[1].message
    assert "no order" in report.findings[0].message


def test_an_empty_folder(tmp_path: Path) -> None:
    report = check_ava(str(tmp_path), {})
    assert (
        names(report) == ["dataset_files_absent"] and "nothing of it" in report.findings[0].message
    )


def test_one_file_is_absent(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    (root / EXCLUDED).unlink()
    report = check(root)
    assert names(report) == ["dataset_files_absent"]
    remedy = report.findings[0].remedy
    assert remedy and len(remedy.commands) == 1
    assert remedy.commands[0].startswith(f"wget -c -P {root}/annotations https://")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("AVA.TEST_LIST", "x", "AVA.TEST_LISTS"),
        ("AVA.TRAIN_LISTS", "['a", "no list"),
        ("AVA.TRAIN_LISTS", "[1]", "no list"),
        ("AVA.LABEL_MAP_FILE", "", "names no file"),
        ("AVA.DETECTION_SCORE_THRESH", "high", "no number"),
        ("AVA.FULL_TEST_ON_VAL", "maybe", "neither"),
        ("DATA.NUM_FRAMES", "0", "no count"),
    ],
)
def test_settings_that_are_wrong(tmp_path: Path, key: str, value: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check_ava(str(tmp_path), {key: value})


@pytest.mark.parametrize("value", ["mine.csv", "['mine.csv']", '"mine.csv"', "mine.csv,"])
def test_lists_by_other_names(tmp_path: Path, value: str) -> None:
    root = ava_set.write(tmp_path / "ava")
    (root / VAL_LIST).rename(root / "frame_lists/mine.csv")
    assert names(check(root, AVA__TEST_LISTS=value)) == ["dataset_settings_needed"]


def test_a_list_in_two_files(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    rows = ava_set.frame_rows(TRAIN)
    lines(root / "frame_lists/a.csv", [HEADER, *rows[:600]])
    lines(root / "frame_lists/b.csv", [HEADER, *rows[600:]])
    assert names(check(root, AVA__TRAIN_LISTS="a.csv,b.csv"), "error") == []


def test_empty_files(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    for file in (*root.glob("*/*.csv"), *root.glob("*/*.pbtxt")):
        file.write_text("")
    found = names(check(root))
    assert found == ["label_map_malformed", "split_without_videos", "split_without_videos"]


def test_a_split_that_is_not_wanted(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    (root / TRAIN_LIST).unlink()
    (root / GROUND).unlink()
    unwanted = {"AVA__TRAIN_LISTS": "", "AVA__TRAIN_GT_BOX_LISTS": "[]"}
    assert names(check(root, **unwanted)) == []


def test_frames_that_are_no_folder(tmp_path: Path) -> None:
    root = ava_set.write(tmp_path / "ava")
    (root / "frames").rmdir()
    (root / "frames").touch()
    report = check_ava(str(root), {})
    assert (
        names(report) == ["dataset_file_unreadable"] and "no folder" in report.findings[0].message
    )


@pytest.mark.parametrize("name", [b"/tmp/\xff", b"/tmp/a\nb", b"/tmp/\x1b[31m"])
def test_a_name_that_no_report_can_hold(name: bytes) -> None:
    with pytest.raises(UsageError, match="another"):
        check_ava(os.fsdecode(name), {})


@pytest.mark.parametrize("root", ["/nonexistent", "/dev/null"])
def test_what_is_no_folder(root: str) -> None:
    with pytest.raises(UsageError, match=root):
        check_ava(root, {})


FRAGMENTS = (
    b"", b",", b" ", b"\n", b"-", b"0", b"1_0", b".", b'"', b"\r", b"nan", b"1e5", b"\x00", b"\xff",
    "٣".encode(), "\u2028".encode(), b"\x1c", b",,,", b"\n\n", b"  id:", b"2000",
)  # fmt: skip


@pytest.fixture(scope="module")
def spoilable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ava_set.write(tmp_path_factory.mktemp("any") / "ava", frames=190)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    file=st.sampled_from((TRAIN_LIST, VAL_LIST, GROUND, PREDICTED, TRUTH, EXCLUDED, LABELS)),
    where=st.floats(0, 1),
    cut=st.sampled_from((0, 0, 1, 2, 7, 60)),
    put=st.sampled_from(FRAGMENTS),
)
def test_whatever_stops_pyslowfast_is_an_error(
    spoilable: Path, file: str, where: float, cut: int, put: bytes
) -> None:
    right = (spoilable / file).read_bytes()
    place = int(where * len(right))
    (spoilable / file).write_bytes(right[:place] + put + right[place + cut :])
    try:
        errors = names(check(spoilable), "error")
        try:
            ava_peer.read(str(spoilable))
        except (AssertionError, KeyError, ValueError, IndexError):
            assert errors
    finally:
        (spoilable / file).write_bytes(right)
