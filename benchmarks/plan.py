"""`envcheck doctor --plan` on a uv.lock of 500 packages and a Dockerfile, beside bare Python.

python benchmarks/plan.py [RUNS]
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DOCKERFILE = """\
FROM nvidia/cuda:12.1.1-cudnn8-runtime-ubuntu22.04
RUN apt-get update && apt-get install -y python3.11 python3-pip
RUN pip install torch==2.4.0 torchvision==0.19.0 --index-url https://download.pytorch.org/whl/cu121
RUN pip install "numpy<2" pandas==2.2.0
"""
HOST = ("--gpu", "H100 SXM", "--driver", "550.54.15", "--exit-zero")


def lock(packages: int) -> str:
    """A lock file of so many packages, torch among them."""
    rows = ["version = 1", 'requires-python = ">=3.11"']
    names = [("torch", "2.4.0"), *((f"package-{n}", f"1.{n}.0") for n in range(packages - 1))]
    for name, version in names:
        rows += ["[[package]]", f'name = "{name}"', f'version = "{version}"']
        rows += ['source = { registry = "https://example.org/simple" }', "wheels = ["]
        url = f"https://example.org/{name}-{version}"
        rows += [f'  {{ url = "{url}-{n}.whl", hash = "sha256:{n:064d}" }},' for n in range(8)]
        rows.append("]")
    return "\n".join(rows)


def timed(command: list[str], runs: int) -> float:
    """The median of the wall time, in seconds."""
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as folder:
        plans = {"Dockerfile": DOCKERFILE, "uv.lock": lock(500)}
        for name, text in plans.items():
            (Path(folder) / name).write_text(text)
        bare = timed([sys.executable, "-c", "pass"], runs)
        print(f"{'python -c pass':24} {bare:.3f} s")
        for name in plans:
            command = [sys.executable, "-m", "envcheck", "doctor", "--plan", f"{folder}/{name}"]
            took = timed([*command, *HOST], runs)
            size = (Path(folder) / name).stat().st_size
            print(
                f"{name:12} {size / 1e3:7.0f} kB   {took:.3f} s   {took / bare:.0f} × bare Python"
            )


if __name__ == "__main__":
    main()
