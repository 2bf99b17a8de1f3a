"""`gpu-watch run`, and the summary of ticks it prints."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from envcheck.watch.summary import Summary
from tests.watch.conftest import ROOT, Command, Fleet
from tests.watch.ticks import GIB, gpu, process, tick

MINE = 77


def test_sums_up_what_followed_processes_did() -> None:
    summary = Summary(lambda pid: pid == MINE)
    summary.add(tick(gpu(0, energy_joules=1000.0, utilization_percent=99.0), gpu(1)))
    for percent, samples, joules, held in ((0.0, (0, 0), 1100.0, 4), (60.0, (20, 100), 1500.0, 8)):
        busy = gpu(
            0,
            utilization_percent=percent,
            utilization_peak_percent=float(max(samples)),
            utilization_samples_percent=samples,
            energy_joules=joules,
            throttle_reasons=("gpu_idle", "sw_power_cap"),
            xids=(31,) if percent else (),
        )
        users = (
            process(MINE, 0, gpu_memory_bytes=held * GIB),
            process(MINE, 0, gpu_memory_bytes=GIB),
            process(1, 1),
        )
        summary.add(tick(busy, gpu(1), seconds=2.0, processes=users))
    (used,) = summary.used()
    assert used.index == 0
    assert (used.utilization_mean_percent, used.utilization_peak_percent) == (30, 100)
    assert used.utilization_p95_percent == 100
    assert (used.memory_of, used.memory_peak_bytes) == ("processes", 9 * GIB)
    assert used.memory_mean_bytes == 7 * GIB
    assert used.energy_joules == 500
    assert used.throttled_seconds == {"sw_power_cap": 4.0}
    assert used.xids == (31,)


def test_whole_gpus_when_no_process_was_seen() -> None:
    summary = Summary(lambda pid: False)
    summary.add(tick(gpu(0), gpu(1)))
    summary.add(tick(gpu(0, memory_used_bytes=3 * GIB), gpu(1)))
    first, second = summary.used()
    assert (first.memory_of, first.memory_peak_bytes) == ("gpu", 3 * GIB)
    assert second.memory_peak_bytes == GIB


def test_counter_that_went_back_gives_no_energy() -> None:
    summary = Summary(lambda pid: False)
    summary.add(tick(gpu(energy_joules=1000.0)))
    summary.add(tick(gpu(energy_joules=5.0)))
    assert summary.used()[0].energy_joules is None


@pytest.mark.parametrize("code", [0, 7])
def test_exits_like_the_command(simulated: Fleet, gpu_watch: Command, code: int) -> None:
    ran = gpu_watch("run", "--", "sh", "-c", f"echo out; exit {code}", env=simulated(1))
    assert (ran.returncode, ran.stdout) == (code, "out\n")
    assert f"exit code {code}, " in ran.stderr


def test_options_after_the_command_are_its_own(simulated: Fleet, gpu_watch: Command) -> None:
    ran = gpu_watch("run", "echo", "--json", "-n", env=simulated(1))
    assert ran.stdout == "--json -n\n"


def test_json_file(simulated: Fleet, gpu_watch: Command, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    child = "import time; time.sleep(0.3)"
    env = simulated([{"util": 50, "power_w": 200}])
    gpu_watch("run", "--json", str(path), "--", sys.executable, "-c", child, env=env)
    done = json.loads(path.read_text())
    assert done["command"][1:] == ["-c", child]
    assert done["wall_seconds"] >= 0.3
    (seen,) = done["gpus"]
    assert seen["utilization_peak_percent"] == 50
    assert seen["energy_joules"] == pytest.approx(200 * done["wall_seconds"], rel=0.5)


@pytest.mark.parametrize(("name", "code"), [("no-such-command", 127), ("/etc/passwd", 126)])
def test_command_that_cannot_start(
    simulated: Fleet, gpu_watch: Command, name: str, code: int
) -> None:
    assert gpu_watch("run", "--", name, env=simulated(1)).returncode == code


def test_runs_without_a_driver(gpu_watch: Command, tmp_path: Path) -> None:
    env = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path)}
    ran = gpu_watch("run", "--", "echo", "out", env=env)
    assert (ran.returncode, ran.stdout) == (0, "out\n")
    assert "GPUs: no NVIDIA driver is installed here" in ran.stderr


def test_json_that_cannot_be_written(simulated: Fleet, gpu_watch: Command, tmp_path: Path) -> None:
    ran = gpu_watch("run", "--json", str(tmp_path / "x" / "y"), "--", "echo", env=simulated(1))
    assert (ran.returncode, ran.stdout) == (2, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signals_are_passed_on(simulated: Fleet, number: signal.Signals) -> None:
    child = (
        "import signal, sys\n"
        f"signal.signal({int(number)}, lambda *_: sys.exit(42))\n"
        "print('ready', flush=True)\n"
        "signal.pause()\n"
    )
    command = [sys.executable, "-m", "envcheck", "gpu-watch", "run", "--", sys.executable, "-c"]
    with subprocess.Popen(
        [*command, child], cwd=ROOT, env=simulated(1), stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as ran:  # fmt: skip
        assert ran.stdout
        ran.stdout.readline()
        ran.send_signal(number)
        assert ran.wait(timeout=30) == 42


def test_command_killed_by_a_signal(simulated: Fleet, gpu_watch: Command) -> None:
    ran = gpu_watch("run", "--", "sh", "-c", "kill -KILL $$", env=simulated(1))
    assert ran.returncode == 128 + signal.SIGKILL
