"""Ten thousand simulated machines: `envcheck fleet` beside judging one file after another.

    python benchmarks/fleet.py [MACHINES] [--keep DIR]

The peer is `envcheck.judge.judge` on the same snapshots in one process, the plain way, on a sample;
its time is scaled up to the number of machines.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from envcheck.facts import decode
from envcheck.judge import judge
from envcheck.kb import load
from envcheck.rules import RULES

MACHINES = Path(__file__).parent.parent / "tests" / "machines"
BASES = ("h100_nvswitch", "h100", "rtx4090", "a100_mig", "v100_driver580_cu130")
SAMPLE = 300


def simulate(folder: Path, count: int, packages: int = 150) -> None:
    """Snapshots of five kinds of machine with their own UUIDs, memory, disks, kernels, packages."""
    random.seed(7)
    bases = [json.loads((MACHINES / f"{name}.json").read_text()) for name in BASES]
    extra = [(f"package-{n}", f"{n % 7}.{n % 11}.{n % 5}") for n in range(packages)]
    for number in range(count):
        machine: dict[str, Any] = json.loads(json.dumps(bases[number % len(bases)]))
        for gpu in machine["gpus"]["devices"]:
            gpu["uuid"] = f"GPU-{random.getrandbits(64):016x}"
            gpu["temperature_c"] = random.randint(30, 80)
            gpu["memory_used_bytes"] = random.getrandbits(34)
        machine["taken"] = f"2026-11-21T00:{number // 60 % 60:02d}:{number % 60:02d}Z"
        for disk in machine["host"]["disks"]:
            disk["free_bytes"] = random.getrandbits(38)
        if number % 67 == 0:
            machine["driver"]["version"] = "535.104.05"
        if number % 211 == 0:
            machine["host"]["kernel"] = f"5.15.0-{random.randint(90, 130)}-generic"
        held = machine["python"]["distributions"]
        held += [{"name": name, "version": version} for name, version in extra]
        if number % 97 == 0:
            held[-1]["version"] = "0.0.1"
        (folder / f"node{number:05d}.json").write_text(json.dumps(machine))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("machines", nargs="?", type=int, default=10_000)
    parser.add_argument("--keep", type=Path, help="leave the snapshots here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary) / "machines"
        folder.mkdir(exist_ok=True)
        simulate(folder, options.machines)
        size = sum(path.stat().st_size for path in folder.iterdir())
        page = Path(temporary) / "fleet.html"
        begin = time.perf_counter()
        command = [sys.executable, "-m", "envcheck", "fleet", str(folder), "--html", str(page)]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        ours = time.perf_counter() - begin
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        kb = load()
        begin = time.perf_counter()
        for path in sorted(folder.iterdir())[:SAMPLE]:
            judge(decode(path.read_bytes()), kb, RULES)
        peer = (time.perf_counter() - begin) / min(SAMPLE, options.machines) * options.machines
        print(f"{options.machines} snapshots, {size / 1e6:.0f} MB")
        print(f"envcheck fleet       {ours:6.1f} s, largest process {memory:.0f} MB")
        print(f"one after another    {peer:6.1f} s (scaled from {SAMPLE}); ratio {peer / ours:.1f}")
        print(f"HTML page            {page.stat().st_size / 1e6:6.1f} MB")


if __name__ == "__main__":
    main()
