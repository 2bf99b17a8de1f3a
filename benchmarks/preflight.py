"""What `envcheck preflight --format github` adds to a CI job.

    python benchmarks/preflight.py [ENV] [RUNS]

Beside `python -c pass`, the least any step costs, and where ENV, a venv with torch, is given,
beside `python -m torch.utils.collect_env` in it. All in turn, after one round that is not counted;
medians are printed, as in docs/performance.md. The policy asks for everything that costs a probe.
"""

import sys
import tempfile
from pathlib import Path

from doctor import ENVCHECK, measure, median

POLICY = """\
extends = "base.toml"
require = [
  "gpu.count >= 0",
  "python >= 3.8",
  "package:pip",
  "disk:/ >= 1MiB",
  "shm >= 1MiB",
  "kernel >= 3.10",
  "glibc >= 2.17",
  "host.os_id != none",
]
"""
BASE = """\
require = ["cpus >= 1"]
[severity]
PYE = "note"
[[ignore]]
code = "TCH"
reason = "the benchmark's"
until = 9999-12-31
"""


def main() -> None:
    """Print one row a program, and how many times as long preflight takes."""
    env = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 11
    python = str(env / "bin/python") if env else sys.executable
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder, "envcheck.toml")
        policy.write_text(POLICY, encoding="utf-8")
        policy.with_name("base.toml").write_text(BASE, encoding="utf-8")
        examined = ["--python", python, "--format", "github"]
        commands = {
            "preflight": [str(ENVCHECK), "preflight", "--policy", str(policy), *examined],
            "doctor": [str(ENVCHECK), "doctor", *examined],
            "python -c pass": [python, "-c", "pass"],
        }
        if env:
            commands["collect_env"] = [python, "-m", "torch.utils.collect_env"]
        rounds = [{name: measure(line) for name, line in commands.items()} for _ in range(runs + 1)]
    costs = {name: median([costs[name] for costs in rounds[1:]]) for name in commands}
    print(f"{'':16}{'wall s':>9}{'CPU s':>9}{'RSS MB':>9}{'ratio':>9}   median of {runs}")
    for name, cost in costs.items():
        ratio = costs["preflight"].wall / cost.wall
        print(f"{name:16}{cost.wall:9.3f}{cost.cpu:9.3f}{cost.rss:9.1f}{ratio:9.2f}")


if __name__ == "__main__":
    main()
