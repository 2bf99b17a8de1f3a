"""How long `envcheck compat` takes, from start to exit.

    python benchmarks/compat.py [RUNS]

One round is not counted; medians are printed, as in docs/performance.md.
"""

import sys

from doctor import ENVCHECK, measure, median

QUESTION = ("--gpu", "H100", "--driver", "535.104.05", "--python", "3.9")


def main() -> None:
    """Print one row a format."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    print(f"{'compat':14}{'wall s':>9}{'CPU s':>9}{'RSS MB':>9}   median of {runs}")
    for fmt in ("text", "json"):
        command = [str(ENVCHECK), "compat", *QUESTION, "--format", fmt]
        cost = median([measure(command) for _ in range(runs + 1)][1:])
        print(f"{fmt:14}{cost.wall:9.3f}{cost.cpu:9.3f}{cost.rss:9.1f}")


if __name__ == "__main__":
    main()
