"""The command line: formats, counts, alarms, exit codes."""

import csv
import io
import os
from pathlib import Path

import pytest

from envcheck.watch.tick import decode
from tests.watch.conftest import Command, Fleet


def test_one_table(simulated: Fleet, gpu_watch: Command) -> None:
    process = {"pid": os.getpid(), "mem_mib": 512}
    ran = gpu_watch("--once", env=simulated([{"util": 42, "procs": [process]}]))
    assert ran.returncode == 0
    assert "H100 80GB HBM3" in ran.stdout
    assert "42 %" in ran.stdout
    assert str(os.getpid()) in ran.stdout
    assert "covers 100 %" in ran.stdout


def test_jsonl(simulated: Fleet, gpu_watch: Command) -> None:
    ran = gpu_watch("--format", "jsonl", "-n", "3", "-lms", "50", env=simulated(2))
    ticks = [decode(line) for line in ran.stdout.splitlines()]
    assert [len(tick.gpus) for tick in ticks] == [2, 2, 2]
    assert sorted({tick.timestamp for tick in ticks}) == [tick.timestamp for tick in ticks]


def test_csv_names_what_could_not_be_read(simulated: Fleet, gpu_watch: Command) -> None:
    ran = gpu_watch("--format", "csv", "--once", env=simulated([{"util": 5}, {"temp_c": 70}]))
    first, second = csv.DictReader(io.StringIO(ran.stdout))
    assert (first["utilization_percent"], second["temperature_celsius"]) == ("5.0", "70")
    assert first["fan_percent"] == ""
    assert "fan_percent=NOT_SUPPORTED" in first["unread"]


@pytest.mark.parametrize(("limit", "code"), [(30, 1), (40, 0)])
def test_alarm(simulated: Fleet, gpu_watch: Command, limit: int, code: int) -> None:
    ran = gpu_watch("--once", "--fail-if", f"temp>{limit}", env=simulated(1))
    assert ran.returncode == code
    assert ("alarm: GPU 0: temp>30 (35)" in ran.stderr) is (code == 1)


def test_alarm_that_cannot_be_judged(simulated: Fleet, gpu_watch: Command) -> None:
    ran = gpu_watch("--once", "--fail-if", "temp>90", env=simulated([{"na": ["temp"]}]))
    assert ran.returncode == 3
    assert "could not be judged" in ran.stderr


def test_alarm_that_cannot_hold_so_long(simulated: Fleet, gpu_watch: Command) -> None:
    ran = gpu_watch("--once", "--fail-if", "util<5 for 10m", env=simulated(1))
    assert ran.returncode == 2
    assert "600 s" in ran.stderr


def test_lost_gpu_tells_by_the_exit_code(simulated: Fleet, gpu_watch: Command) -> None:
    ran = gpu_watch("--once", env=simulated(2, faults=[{"gpu": 1, "fn": "*", "ret": 15}]))
    assert ran.returncode == 3
    assert "GPU_IS_LOST" in ran.stdout


def test_no_driver_is_one_sentence(gpu_watch: Command, tmp_path: Path) -> None:
    env = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path)}
    for arguments in (("--once",), ("--query-gpu=name", "--format=csv"), ("pick",)):
        ran = gpu_watch(*arguments, env=env)
        assert (ran.returncode, ran.stdout) == (3, "")
        assert ran.stderr.startswith("envcheck: no NVIDIA driver is installed here (")
        assert ran.stderr.count("\n") == 1


def test_driver_of_another_version(simulated: Fleet, gpu_watch: Command) -> None:
    ran = gpu_watch("--once", env=simulated(1, init_return=18))
    assert ran.returncode == 3
    assert "reboot" in ran.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--format", "xml"),
        ("-i", "9", "--once"),
        ("--fail-if", "nonsense"),
        ("--record", "/no/such/folder/x"),
        ("--prometheus", "nonsense"),
        ("-n", "0"),
    ],
)
def test_wrong_usage(simulated: Fleet, gpu_watch: Command, arguments: tuple[str, ...]) -> None:
    ran = gpu_watch(*arguments, env=simulated(1))
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr
