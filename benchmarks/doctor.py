"""Doctor beside `python -m torch.utils.collect_env` in the same environment, in one run.

    python benchmarks/doctor.py ENV [RUNS]

ENV is a venv with torch (the figures in docs/performance.md: torch 2.4.0, CUDA 12.1). The two run
in turn, after one round that is not counted; medians and their ratio are printed. CPU time includes
the children each program waits for; memory is the largest single process.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ENVCHECK = Path(sys.executable).parent / "envcheck"


class Cost(NamedTuple):
    wall: float  # seconds
    cpu: float  # seconds
    rss: float  # MB


def measure(command: list[str]) -> Cost:
    """Run a command to its end and account for it."""
    begun = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, usage = os.wait4(child.pid, 0)
    child.returncode = 0
    wall = time.perf_counter() - begun
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def median(costs: list[Cost]) -> Cost:
    return Cost(*(statistics.median(column) for column in zip(*costs, strict=True)))


def main() -> None:
    """Print one row a program and the ratio."""
    env = Path(sys.argv[1])
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    ours = [str(ENVCHECK), "doctor", "--python", str(env)]
    theirs = [str(env / "bin/python"), "-m", "torch.utils.collect_env"]
    pairs = [(measure(ours), measure(theirs)) for _ in range(runs + 1)][1:]
    doctor, collect = median([a for a, _ in pairs]), median([b for _, b in pairs])
    print(f"{'':14}{'wall s':>9}{'CPU s':>9}{'RSS MB':>9}   median of {runs}")
    print(f"{'doctor':14}{doctor.wall:9.3f}{doctor.cpu:9.3f}{doctor.rss:9.1f}")
    print(f"{'collect_env':14}{collect.wall:9.3f}{collect.cpu:9.3f}{collect.rss:9.1f}")
    ratio = Cost(*(b / a for a, b in zip(doctor, collect, strict=True)))
    print(f"{'ratio':14}{ratio.wall:9.1f}{ratio.cpu:9.1f}{ratio.rss:9.1f}")


if __name__ == "__main__":
    main()
