"""The fatbin scan beside `cuobjdump --list-elf`, and the symbol check of one extension.

    python benchmarks/inspection.py ENV [EXTENSION] [RUNS]

ENV is a venv with a CUDA torch and triton, whose wheel carries a cuobjdump (the figures in
docs/performance.md: torch 2.4.0, CUDA 12.1). EXTENSION is a library compiled against torch, by
default torchvision's. Both programs read the same libtorch_cuda.so, in turn, after one round that
is not counted; medians are printed. "scan" and "symbol check" are the time of the work itself, the
first and only time a fresh process does it, and that process's whole memory; "with Python" is that
process from start to end, as cuobjdump is measured. (Not called inspect.py: the scripts beside it
would import it for Python's own `inspect`.)
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from doctor import Cost, median

TIMED = """
import sys, time
{imports}
begun = time.perf_counter(), time.process_time()
{work}
print(time.perf_counter() - begun[0], time.process_time() - begun[1])
"""
SCAN = TIMED.format(
    imports="""
from envcheck.binaries.fatbin import read_gpu_code
from envcheck.binaries.source import FileSource
""",
    work="""
with FileSource(sys.argv[1]) as source:
    assert read_gpu_code(source).full
""",
)
CHECK = TIMED.format(
    imports="""
from envcheck.binaries.elf import read_elf
from envcheck.binaries.source import FileSource
from envcheck.probes.compiled import read_compiled
from envcheck.probes.host import Host
from envcheck.probes.torch_libraries import TorchLibraries
""",
    work="""
with FileSource(sys.argv[1]) as source, TorchLibraries(Host(), sys.argv[2]) as torch:
    names = read_compiled(read_elf(source)).torch_symbols
    assert names and isinstance(torch.missing(names), tuple)
""",
)


def measure(command: list[str]) -> tuple[Cost, list[float]]:
    """Run a command to its end and account for it; with the numbers it printed, if it did."""
    begun = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    lines = child.stdout.read().splitlines()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - begun
    if child.returncode:
        sys.exit(f"{command[0]} ended with {child.returncode}")
    cost = Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
    return cost, [float(word) for word in lines[-1].split()] if len(lines) == 1 else []


def main() -> None:
    """Print a row a program, and the ratio."""
    site = next(Path(sys.argv[1]).glob("lib/python3.*/site-packages"))
    extension = sys.argv[2] if len(sys.argv) > 2 else str(site / "torchvision/_C.so")
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    library = str(site / "torch/lib/libtorch_cuda.so")
    cuobjdump = str(site / "triton/backends/nvidia/bin/cuobjdump")
    python = [sys.executable, "-I", "-c"]
    programs = {
        "scan": [*python, SCAN, library],
        "cuobjdump": [cuobjdump, "--list-elf", library],
        "symbol check": [*python, CHECK, extension, str(site / "torch/lib")],
    }
    costs: dict[str, list[Cost]] = {}
    for number in range(runs + 1):
        for name, argv in programs.items():
            whole, inside = measure(argv)
            if number and inside:
                costs.setdefault(name, []).append(Cost(inside[0], inside[1], whole.rss))
                name += ", with Python"
            if number:
                costs.setdefault(name, []).append(whole)
    rows = {name: median(each) for name, each in costs.items()}
    print(f"{'':26}{'wall s':>9}{'CPU s':>9}{'RSS MB':>9}   median of {runs}")
    for name, cost in rows.items():
        print(f"{name:26}{cost.wall:9.4f}{cost.cpu:9.4f}{cost.rss:9.1f}")
    for name in ("scan", "scan, with Python"):
        print(f"cuobjdump takes {rows['cuobjdump'].wall / rows[name].wall:.0f} times the {name}")


if __name__ == "__main__":
    main()
