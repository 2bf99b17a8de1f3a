"""gpu-watch beside nvitop, gpustat and nvtop on the simulated machine with eight GPUs.

    python benchmarks/watch.py [SECONDS] [ROUNDS]

The peers are found in the virtual environment named by PEERS (made with `python3 -m venv DIR` and
`DIR/bin/pip install nvitop gpustat`) and on PATH; one that is missing is left out and said so.
The simulated driver answers in no time: what is measured is the programs' own cost.
"""

import fcntl
import os
import pty
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from envcheck.watch.sample import Sampler  # noqa: E402
from tests.nvmlstub import FLEET_8, build_stub  # noqa: E402

PEERS = Path(os.environ.get("PEERS", Path.home() / ".cache/envcheck-bench/peers")) / "bin"
ENVCHECK = Path(sys.executable).parent / "envcheck"
TICKS = 10_000
LOOK_S = 0.25
LINES, COLUMNS = 60, 160


def main() -> None:
    """Prints three tables: watching, once, memory."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    with tempfile.TemporaryDirectory() as folder:
        busy = [subprocess.Popen(["sleep", "3600"]) for _ in range(3)]
        try:
            pids = ",".join(str(process.pid) for process in busy)
            env = {
                **os.environ,
                "LD_LIBRARY_PATH": str(build_stub()),
                "NVMLSTUB_FLEET": str(FLEET_8),
                "NVMLSTUB_PIDS": pids,
                "NVMLSTUB_LOG": f"{folder}/calls",
                "TERM": "xterm-256color",
            }
            watching(seconds, env)
            once(rounds, env)
            memory(env)
        finally:
            for process in busy:
                process.kill()
                process.wait()


def watching(seconds: float, env: dict[str, str]) -> None:
    """CPU of each whole process tree at 1 Hz, its start left out; all run side by side."""
    programs = {
        "gpu-watch --format jsonl": [str(ENVCHECK), "gpu-watch", "--format", "jsonl"],
        "gpu-watch (live table)": [str(ENVCHECK), "gpu-watch"],
        "nvitop": [str(PEERS / "nvitop"), "--monitor", "full", "--interval", "1"],
        "gpustat": [str(PEERS / "gpustat"), "-i", "1", "-cpu"],
        "nvtop": [shutil.which("nvtop") or "nvtop", "-d", "10"],
    }
    runs = {name: Run(command, env) for name, command in programs.items() if there(command)}
    time.sleep(3)
    before = {name: run.cpu() for name, run in runs.items()}
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        time.sleep(LOOK_S)
        for run in runs.values():
            run.cpu()
    passed = time.monotonic() - started
    print(f"\n1 Hz for {seconds:g} s{'':14}{'CPU %':>8}{'MB':>8}")
    for name, run in runs.items():
        share = 100 * (run.cpu() - before[name]) / passed
        print(f"{name:28}{share:8.2f}{run.rss() / 1e6:8.1f}")
        run.end()


def once(rounds: int, env: dict[str, str]) -> None:
    """Wall and CPU time from start to exit, medians of interleaved rounds."""
    programs = {
        "gpu-watch --once": [str(ENVCHECK), "gpu-watch", "--once"],
        "gpu-watch --query-gpu": [
            *(str(ENVCHECK), "gpu-watch", "--query-gpu=name,utilization.gpu,memory.used"),
            "--format=csv",
        ],
        "nvitop -1": [str(PEERS / "nvitop"), "-1"],
        "gpustat": [str(PEERS / "gpustat"), "-cpu"],
        "nvtop -s": [shutil.which("nvtop") or "nvtop", "-s"],
    }
    found = {name: command for name, command in programs.items() if there(command)}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in found}
    for number in range(rounds + 1):
        for name, command in found.items():
            measured = timed(command, env)
            if number:  # the first round fills caches
                times[name].append(measured)
    print(f"\nonce, median of {rounds:<12}{'wall ms':>8}{'CPU ms':>8}")
    for name, measured_all in times.items():
        wall, cpu = (statistics.median(each) for each in zip(*measured_all, strict=True))
        print(f"{name:28}{1000 * wall:8.0f}{1000 * cpu:8.0f}")


def memory(env: dict[str, str]) -> None:
    """Resident memory of both processes over many ticks, as fast as they go."""
    sampler = Sampler(env=env, processes_s=0.0, health_s=0.0)
    sampler.open()
    print(f"\n{'ticks':>8}{'MB':>8}")
    started = time.process_time()
    for number in range(TICKS + 1):
        sampler.tick()
        if number in (100, TICKS // 4, TICKS // 2, TICKS):
            print(f"{number:8}{tree_rss(os.getpid()) / 1e6:8.1f}")
    spent = time.process_time() - started
    print(f"a tick with everything costs this process {1000 * spent / TICKS:.2f} ms of CPU")
    sampler.close()


class Run:
    """One program on a terminal of its own, whose output is thrown away."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        master, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        headless = "jsonl" in command
        self._process = psutil.Popen(
            command,
            env=env,
            stdin=terminal,
            stdout=subprocess.DEVNULL if headless else terminal,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(terminal)
        self._seen: dict[int, float] = {}  # of processes that may be gone by now
        threading.Thread(target=drain, args=(master,), daemon=True).start()

    def cpu(self) -> float:
        """Seconds of CPU of the process and all its descendants."""
        for process in self._tree():
            try:
                times = process.cpu_times()
                self._seen[process.pid] = times.user + times.system
            except psutil.Error:
                continue
        return sum(self._seen.values())

    def rss(self) -> int:
        return sum(process.memory_info().rss for process in self._tree())

    def end(self) -> None:
        for process in self._tree():
            process.kill()
        self._process.wait()

    def _tree(self) -> list[psutil.Process]:
        try:
            return [self._process, *self._process.children(recursive=True)]
        except psutil.Error:
            return []


def drain(master: int) -> None:
    """Reads what is drawn, and answers where the cursor is: gpustat waits for that."""
    try:
        while drawn := os.read(master, 65536):
            if b"\x1b[6n" in drawn:
                os.write(master, b"\x1b[1;1R")
    except OSError:
        os.close(master)


def timed(command: list[str], env: dict[str, str]) -> tuple[float, float]:
    before, started = os.times(), time.monotonic()
    subprocess.run(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True
    )
    wall, after = time.monotonic() - started, os.times()
    cpu = after.children_user + after.children_system
    return wall, cpu - before.children_user - before.children_system


def tree_rss(pid: int) -> int:
    process = psutil.Process(pid)
    tree = [process, *process.children(recursive=True)]
    return sum(one.memory_info().rss for one in tree if one.name().startswith("python"))


def there(command: list[str]) -> bool:
    found = shutil.which(command[0]) is not None
    if not found:
        print(f"{command[0]}: not installed, left out")
    return found


if __name__ == "__main__":
    main()
