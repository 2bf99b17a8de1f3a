"""What the screen shows, at every size, of ticks that need no driver."""

from typing import Any

import pytest
from rich.cells import cell_len

from envcheck.watch.screen.frame import frame
from envcheck.watch.screen.history import History
from envcheck.watch.screen.ink import ASCII, UNICODE, Glyphs, Line, text_of
from envcheck.watch.screen.view import LAYOUTS, SORTS, Scene, View
from envcheck.watch.tick import GpuTick, ProcessTick, Tick, Unread
from tests.watch.ticks import GIB, gpu, mig, process, tick

LOST = Unread("GPU_IS_LOST", "nvmlDeviceGetUUID: GPU_IS_LOST")
DENIED = Unread("NO_PERMISSION", "nvmlDeviceGetTemperatureV: NO_PERMISSION")
SIZES = [(1, 1), (10, 3), (40, 12), (60, 16), (80, 24), (100, 30), (132, 43), (200, 60), (400, 100)]


def scene(*ticks: Tick, glyphs: Glyphs = UNICODE, **view: Any) -> Scene:
    history = History()
    for one in ticks:
        history.add(one)
    return Scene(tick=ticks[-1], history=history, glyphs=glyphs, view=View(**view))


def shown(of: Scene, width: int = 80, height: int = 24) -> list[str]:
    lines = frame(of, width, height)
    assert [sum(cell_len(span.text) for span in line) for line in lines] == [width] * height
    return [text_of(line).rstrip() for line in lines]


def roles(lines: list[Line], words: str) -> set[str]:
    return {span.role for line in lines for span in line if words in span.text}


def busy(index: int, **values: Any) -> GpuTick:
    return gpu(
        index,
        **{
            "name": "NVIDIA H100 80GB HBM3",
            "utilization_percent": 97.0,
            "utilization_peak_percent": 100.0,
            "memory_used_bytes": 61 * GIB,
            "power_watts": 655.5,
            "power_limit_watts": 700.0,
            "temperature_celsius": 71,
            "sm_clock_mhz": 1980,
            "pcie_tx_bytes_per_second": 1.5e9,
            "pcie_rx_bytes_per_second": 2e6,
            "encoder_percent": 12,
            "decoder_percent": 34,
            "ecc_corrected": 0,
            "ecc_uncorrected": 0,
            **values,
        },
    )


def worker(pid: int, gpu_index: int = 0, **values: Any) -> ProcessTick:
    return process(
        pid,
        gpu_index,
        **{
            "user": "ada",
            "command": f"/usr/bin/python3 train.py --rank {pid}",
            "name": "python3",
            "sm_percent": 55.0,
            "cpu_percent": 101.0,
            "rss_bytes": 3 * GIB,
            "parent_pid": 7,
            "started": "2026-11-21T08:00:00Z",
            **values,
        },
    )


HOSTILE = tick(
    *(busy(index) for index in range(12)),
    busy(12, error=LOST, name="\x1b[31mred\x07"),
    gpu(13, mig_devices=(mig(0), mig(1, name=LOST, memory_used_bytes=LOST))),
    busy(14, temperature_celsius=DENIED, xids=(79, 79), ecc_uncorrected=4),
    gpu(15, name=LOST, utilization_percent=LOST, memory_total_bytes=0),
    processes=(
        worker(100, command="日本語" * 50, user="\u202eroot"),
        worker(101, 3, command="\x1b]0;owned\x07", container="docker:3f2a45e1c09b"),
        worker(102, 5, kind="graphics", pod="a" * 36, parent_pid=102),
        process(103, 6),
    ),
    processes_unread={12: LOST},
)


def test_sixteen_gpus_fit_into_80_by_24() -> None:
    workers = tuple(worker(100 + index, index) for index in range(16))
    lines = shown(scene(tick(*map(busy, range(16)), processes=workers)))
    rows = lines[3:19]
    for index, row in enumerate(rows):
        cells = row.split()
        assert cells[:4] == [str(index), "H100", "80GB", "HBM3"]
        assert cells[5:] == ["97%", "100%", "61.0/80.0", "656/700", "71", "1980"]
    assert not any(UNICODE.more in line for line in lines[:19])
    assert sum("train.py" in line for line in lines) == 3
    assert lines[-1].startswith("q quit  ? help")


def test_every_fault_has_its_badge_in_80_columns() -> None:
    lines = shown(scene(HOSTILE))
    assert "nvmlDeviceGetUUID: GPU_IS_LOST" in lines[3 + 12]
    assert lines[3 + 13].endswith("2 MIG")
    assert "n/a" in lines[3 + 14]
    assert "!Xid 79x2 +2" in lines[3 + 14]
    assert lines[3].endswith("1980")  # the others go on


def test_a_failed_cell_says_why() -> None:
    (line,) = shown(scene(tick(busy(0, temperature_celsius=DENIED))))[3:4]
    assert line.endswith("n/a 1980 temp denied")
    page = shown(scene(tick(busy(0, temperature_celsius=DENIED)), mode="detail"))
    assert "not read     nvmlDeviceGetTemperatureV: NO_PERMISSION" in page


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@pytest.mark.parametrize("mode", ["watch", "filter", "confirm", "help", "detail"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_size(width: int, height: int, mode: str, glyphs: Glyphs) -> None:
    for layout in LAYOUTS:
        one = scene(HOSTILE, glyphs=glyphs, mode=mode, layout=layout, gpu=13, question="?" * 999)
        lines = shown(one, width, height)
        assert len(lines) == height


@pytest.mark.parametrize("mode", ["watch", "help", "detail"])
def test_ascii_only(mode: str) -> None:
    text = "\n".join(shown(scene(HOSTILE, glyphs=ASCII, mode=mode, tree=True), 200, 60))
    assert text.isascii()
    assert text.replace("\n", "").isprintable()


def test_foreign_text_steers_nothing() -> None:
    text = "".join(shown(scene(HOSTILE), 200, 60))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\\x1b]0;owned\\x07" in text


def test_bursts_stand_above_the_mean() -> None:
    burst = busy(0, utilization_percent=4.0, utilization_peak_percent=100.0)
    text = "".join(shown(scene(tick(burst)), 80, 24))
    assert UNICODE.peak in text
    calm = busy(0, utilization_percent=4.0, utilization_peak_percent=4.0)
    assert UNICODE.peak not in "".join(shown(scene(tick(calm)), 80, 24))


def test_a_gap_is_no_zero() -> None:
    values = (0.0, LOST, 0.0)
    ticks = [tick(gpu(0, utilization_percent=value)) for value in values]
    (row,) = (line for line in shown(scene(*ticks, layout="rows")) if "H100" in line)
    assert f"{UNICODE.zero} {UNICODE.zero} " in row


def test_more_gpus_than_rows_are_counted() -> None:
    lines = shown(scene(tick(*map(busy, range(16)))), 40, 12)
    kept = [line for line in lines if "61.0/80.0" in line]
    assert f"  {UNICODE.more} {16 - len(kept)} more GPUs: Enter shows one each" in lines


def test_wide_screens_show_traffic_and_codecs() -> None:
    (row,) = (line for line in shown(scene(tick(busy(0))), 200, 12) if "H100" in line)
    assert "1.4G/2M" in row
    assert "12%/34%" in row
    assert "0/0" in row


def test_the_tool_and_the_machine_are_on_it() -> None:
    (line,) = shown(scene(tick(busy(0))))[1:2]
    assert "CPU 1% of 2" in line
    assert "1.0/8.0 GiB" in line
    assert "watching 0.5% of a core" in line
    assert "covers 100%" in line


def test_a_silent_driver_is_said_at_every_size() -> None:
    for width, height in ((80, 24), (40, 12), (40, 6)):
        one = Scene(tick=tick(busy(0)), history=History(), stalled="driver not answering since 10")
        lines = frame(one, width, height)
        assert roles(lines, "driver not answering since 10") == {"bad"}


def columns(of: Scene, width: int = 120) -> list[list[str]]:
    """The cells of the process table."""
    lines = shown(of, width, 30)
    start = next(number for number, line in enumerate(lines) if " PID" in line)
    return [line.split() for line in lines[start + 1 : -1] if line]


def pids(of: Scene) -> list[int]:
    return [int(row[1]) for row in columns(of)]


CROWD = tick(
    busy(0),
    processes=(
        worker(10, gpu_memory_bytes=GIB, user="bob", cpu_percent=5.0, sm_percent=1.0),
        worker(30, gpu_memory_bytes=3 * GIB, user="Ada", cpu_percent=1.0, sm_percent=LOST),
        worker(20, gpu_memory_bytes=2 * GIB, user="cyd", cpu_percent=3.0, sm_percent=9.0),
    ),
)


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("memory", [30, 20, 10]),
        ("pid", [10, 20, 30]),
        ("user", [30, 10, 20]),
        ("cpu", [10, 20, 30]),
        ("sm", [20, 10, 30]),
    ],
)
def test_sorting(sort: str, order: list[int]) -> None:
    assert sort in SORTS
    assert pids(scene(CROWD, sort=sort)) == order


def test_what_cannot_be_read_stands_last_either_way() -> None:
    assert pids(scene(CROWD, sort="sm", reverse=True)) == [10, 20, 30]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("bob", [10]),
        ("ADA", [30]),
        ("train 20", [20]),
        ("gpu0 python3", [30, 20, 10]),
        ("gpu1", []),
    ],
)
def test_filter(words: str, found: list[int]) -> None:
    one = scene(CROWD, filter=words)
    if not found:
        assert f"no process matches '{words}'" in "\n".join(shown(one))
        return
    assert pids(one) == found


def test_processes_that_cannot_be_listed_say_why() -> None:
    text = "\n".join(shown(scene(tick(busy(0), processes_unread={0: DENIED}))))
    assert "GPU 0: nvmlDeviceGetTemperatureV: NO_PERMISSION" in text


def test_tree() -> None:
    processes = (
        worker(10, parent_pid=7, command="launch"),
        worker(11, parent_pid=10, command="rank0"),
        worker(12, parent_pid=10, command="rank1"),
        worker(13, parent_pid=12, command="loader"),
        worker(20, parent_pid=7, command="other"),
    )
    rows = columns(scene(tick(busy(0), processes=processes), tree=True, sort="pid"))
    assert [" ".join(row[10:]) for row in rows[1:]] == [
        "├─launch",
        "│ ├─rank0",
        "│ └─rank1",
        "│ └─loader",  # blanks are not told apart here
        "└─other",
    ]
    assert " ".join(rows[0]) == "parent 7: 2 processes, 2.0G GPU memory"


def test_tree_of_parents_of_one_another() -> None:
    processes = (worker(10, parent_pid=11), worker(11, parent_pid=10))
    assert sorted(pids(scene(tick(busy(0), processes=processes), tree=True))) == [10, 11]


def test_tree_of_any_depth() -> None:
    processes = tuple(worker(pid, parent_pid=pid - 1) for pid in range(2, 5000))
    assert len(shown(scene(tick(busy(0), processes=processes), tree=True))) == 24


def test_the_chosen_row_is_in_sight() -> None:
    processes = tuple(worker(pid) for pid in range(100, 200))
    one = scene(tick(busy(0), processes=processes), sort="pid", chosen=(150, 0))
    assert "chosen" in roles(frame(one, 80, 24), "150")


def test_containers_have_a_column_where_there_are_any() -> None:
    inside = worker(10, container="docker:3f2a45e1c09b")
    assert any("3f2a45e1c" in line for line in shown(scene(tick(busy(0), processes=(inside,)))))
    wide = shown(scene(tick(busy(0), processes=(inside,))), 200, 24)
    assert any("docker:3f2a45e1c09b" in line for line in wide)


def test_help_shows_every_key_in_80_by_24() -> None:
    text = "\n".join(shown(scene(tick(busy(0)), mode="help")))
    for word in ("quit", "TERM", "these words", "parents", "recording", "throttle reasons"):
        assert word in text


def test_one_gpu_in_full() -> None:
    text = "\n".join(shown(scene(tick(busy(0), busy(1, xids=(48,))), mode="detail", gpu=1)))
    assert "GPU 1 of 2" in text
    assert "97 %, peak 100 % (from samples, 100 % covered)" in text
    assert "encoder 12 %, decoder 34 %" in text
    assert "fan NOT_SUPPORTED" in text
    assert "Xid          48 at " in text


def test_xids_stay_when_the_next_tick_has_none() -> None:
    text = "\n".join(shown(scene(tick(busy(0, xids=(79,))), tick(busy(0)))))
    assert "!Xid 79" in text
