"""Writes the golden values of every architecture: `python -m tests.make_golden PYTHON`.

PYTHON is an interpreter with torch, numpy and pytorchvideo. To be run only when the recipe itself
changes: a value that moves by more than rounding is a fault somewhere.
"""

import json
import subprocess
import sys
from pathlib import Path

from envcheck.smoke.jobs import told
from envcheck.video.catalogue import GOLDEN, architectures

PATIENT = Path(__file__).parent.parent / "envcheck/patient"
SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
import torch, smoke_golden, smoke_models
smoke_models.torchvision_state(torch)
torch.set_grad_enabled(False)
made = {}
for row in json.load(sys.stdin):
    model = smoke_models.build(row)
    smoke_golden.fill(torch, model)
    smoke_golden.shrink_head(torch, model)
    seen, logits = smoke_golden.observe(torch, model, smoke_golden.golden_input(torch, row))
    made[row["name"]] = smoke_golden.record(seen, logits)
    print(row["name"], logits.std(), file=sys.stderr)
print(json.dumps(made))
"""


def main(python: str) -> None:
    """Computes and writes the file."""
    rows = json.dumps([told(row) for row in architectures().values()])
    ran = subprocess.run(
        [python, "-c", SCRIPT, str(PATIENT)], input=rows, stdout=subprocess.PIPE, text=True,
        check=True,
    )  # fmt: skip
    made = json.loads(ran.stdout.splitlines()[-1])
    lines = ",\n".join(f'"{name}": {json.dumps(values)}' for name, values in made.items())
    GOLDEN.write_text(f'{{"generator": "splitmix64", "models": {{\n{lines}\n}}}}\n')


if __name__ == "__main__":
    main(sys.argv[1])
