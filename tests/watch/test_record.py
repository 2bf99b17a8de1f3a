"""Recordings: appendable, readable by others, whole up to the last tick after a kill."""

import gzip
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from envcheck.errors import UsageError
from envcheck.watch.record import Recorder, Recording
from envcheck.watch.tick import Tick
from tests.watch.conftest import ROOT, Fleet
from tests.watch.ticks import gpu, tick


def numbered(number: int) -> Tick:
    return tick(gpu(temperature_celsius=number))


def record(path: Path, *numbers: int) -> None:
    with Recorder(path) as recorder:
        for number in numbers:
            recorder.write(numbered(number))


def torn(path: Path, *numbers: int) -> None:
    """As a killed writer leaves it: flushed, not closed."""
    recorder = Recorder(path)
    for number in numbers:
        recorder.write(numbered(number))
    recorder._file.close()


def numbers(recording: Recording) -> list[object]:
    return [tick.gpus[0].temperature_celsius for tick in recording]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    record(tmp_path / "r.gz", 1, 2, 3)
    recording = Recording(tmp_path / "r.gz")
    assert list(recording) == [numbered(1), numbered(2), numbered(3)]
    assert recording.torn == ""


def test_appends(tmp_path: Path) -> None:
    record(tmp_path / "r.gz", 1)
    record(tmp_path / "r.gz", 2)
    assert numbers(Recording(tmp_path / "r.gz")) == [1, 2]


def test_is_a_gzip_file_of_json_lines(tmp_path: Path) -> None:
    record(tmp_path / "r.gz", 1)
    record(tmp_path / "r.gz", 2)
    lines = gzip.decompress((tmp_path / "r.gz").read_bytes()).splitlines()
    assert [msgspec.json.decode(line)["schema_version"] for line in lines] == [1, 1]


def test_torn_end_is_read_and_told(tmp_path: Path) -> None:
    torn(tmp_path / "r.gz", 1, 2)
    recording = Recording(tmp_path / "r.gz")
    assert numbers(recording) == [1, 2]
    assert "killed" in recording.torn


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_appending_after_a_kill_within_a_tick(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "r.gz"
    torn(path, 1, 2, 3)
    path.write_bytes(path.read_bytes()[:-cut])
    record(path, 4)
    assert numbers(Recording(path)) == [1, 2, 4]
    assert Recording(path).torn == ""
    assert len(gzip.decompress(path.read_bytes()).splitlines()) == 3


def test_appending_after_a_kill_between_ticks(tmp_path: Path) -> None:
    torn(tmp_path / "r.gz", 1, 2)
    torn(tmp_path / "r.gz", 3)
    record(tmp_path / "r.gz", 4)
    assert numbers(Recording(tmp_path / "r.gz")) == [1, 2, 3, 4]


def test_appending_after_a_kill_before_the_first_tick(tmp_path: Path) -> None:
    (tmp_path / "r.gz").write_bytes(b"\x1f\x8b\x08")
    record(tmp_path / "r.gz", 1)
    assert numbers(Recording(tmp_path / "r.gz")) == [1]


def test_damage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "r.gz"
    record(path, *range(3))
    record(path, 3)
    data = bytearray(path.read_bytes())
    data[-200:-100] = bytes(100)
    path.write_bytes(data)
    recording = Recording(path)
    assert numbers(recording)[:1] == [0]
    assert recording.torn


def test_not_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("hello, this is text")
    with pytest.raises(UsageError, match="not a recording"):
        list(Recording(path))
    with pytest.raises(UsageError, match="not a recording"):
        Recorder(path)
    assert path.read_text() == "hello, this is text"
    path.write_bytes(gzip.compress(b'{"a": 1}\n'))
    with pytest.raises(UsageError, match="not a recording"):
        list(Recording(path))


def test_of_a_newer_schema(tmp_path: Path) -> None:
    (tmp_path / "r.gz").write_bytes(gzip.compress(b'{"schema_version": 99}\n'))
    with pytest.raises(UsageError, match="update"):
        list(Recording(tmp_path / "r.gz"))


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        Recorder(tmp_path / "none" / "r.gz")
    with pytest.raises(UsageError, match="No such file"):
        list(Recording(tmp_path / "none"))


def test_a_small_file_for_many_ticks(tmp_path: Path) -> None:
    record(tmp_path / "r.gz", *([5] * 200))
    assert (tmp_path / "r.gz").stat().st_size < 200 * 200


def test_kill_9_of_the_command(simulated: Fleet, tmp_path: Path) -> None:
    path = tmp_path / "r.gz"
    command = [sys.executable, "-m", "envcheck", "gpu-watch", "--format", "jsonl", "-lms", "50"]
    with subprocess.Popen(
        [*command, "--record", str(path)], cwd=ROOT, env=simulated(2), stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout
        seen = [writer.stdout.readline() for _ in range(3)]  # each is recorded before it is printed
        os.kill(writer.pid, signal.SIGKILL)
    recording = Recording(path)
    assert len(list(recording)) >= len(seen)
    assert "killed" in recording.torn
