"""How long a pasted report and a long log take, from start to exit.

    python benchmarks/diagnose.py [RUNS]

One round is not counted; medians are printed, as in docs/performance.md.
"""

import random
import string
import sys
import tempfile
from pathlib import Path

from doctor import ENVCHECK, measure, median

SIZE = 5_000_000  # characters of a log
LINE = "2026-11-21 08:{:02}:{:02} INFO train: epoch {} iter {} loss {:.4f} lr 0.001 mem 12345 MiB\n"
ERROR = "RuntimeError: CUDA error: device-side assert triggered\n"
REPORT = """\
PyTorch version: 2.4.0+cu121
Is debug build: False
CUDA used to build PyTorch: 12.1
OS: Ubuntu 22.04.4 LTS (x86_64)
Python version: 3.11.9 (main) [GCC 11.4.0] (64-bit runtime)
Is CUDA available: True
GPU models and configuration: GPU 0: NVIDIA A100-SXM4-40GB
Nvidia driver version: 535.183.01
"""


def training(chance: random.Random) -> str:
    """A log as training writes it."""
    lines = SIZE // len(LINE.format(0, 0, 0, 0, 0.0))
    return "".join(
        LINE.format(i % 60, i % 60, i // 900, i % 900, chance.random()) for i in range(lines)
    )


def unlike(chance: random.Random) -> str:
    """The worst: no two lines alike."""
    letters = string.ascii_letters + " "
    return "".join("".join(chance.choices(letters, k=90)) + "\n" for _ in range(SIZE // 91))


def main() -> None:
    """Print one row a text."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    chance = random.Random(1)
    texts = {
        "report": (("doctor", "--report"), REPORT),
        "log": (("explain", "--log"), training(chance) + ERROR),
        "log as report": (("doctor", "--report"), training(chance) + REPORT),
        "unlike lines": (("explain", "--log"), unlike(chance) + ERROR),
    }
    print(f"{'diagnose':14}{'wall s':>9}{'CPU s':>9}{'RSS MB':>9}   median of {runs}")
    with tempfile.TemporaryDirectory() as folder:
        for name, (command, text) in texts.items():
            file = Path(folder, "text")
            file.write_text(text, encoding="utf-8")
            line = [str(ENVCHECK), *command, str(file)]
            cost = median([measure(line) for _ in range(runs + 1)][1:])
            print(f"{name:14}{cost.wall:9.3f}{cost.cpu:9.3f}{cost.rss:9.1f}")


if __name__ == "__main__":
    main()
