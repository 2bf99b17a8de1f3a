"""Writes every generated file of the repository; `test_generated` compares them.

Run as `python -m tests.make_docs` (`make docs`).
"""

import json
from functools import cache
from pathlib import Path

import msgspec

from envcheck.builds import select, tables
from envcheck.comparison import Comparison
from envcheck.diagnosis import Diagnosis
from envcheck.facts import Snapshot
from envcheck.fleet.model import Fleet
from envcheck.inspection import Inspection
from envcheck.kb import load
from envcheck.kb.builds import Build
from envcheck.pages import all_pages
from envcheck.policy.shape import PolicyFile
from envcheck.render.matrix_data import render_markdown
from envcheck.report import Report
from envcheck.resolve.whatif import Answer
from envcheck.rules import RULES
from envcheck.video.listing import Listed
from envcheck.video.names import Decoded
from envcheck.watch.pages import query_page
from envcheck.watch.tick import Tick
from tests.docker_vars import docker_files
from tests.driver_vars import driver_files
from tests.ffmpeg_vars import ffmpeg_files
from tests.stack_vars import stack_files

ROOT = Path(__file__).parent.parent
MATRIX = """# Which torch build runs on which GPU

Written by `make docs` from the data files in `envcheck/kb/data/builds/`, last checked {checked};
`envcheck builds` prints the same for a terminal, and filters it. Rows known from the *wheel* were
measured: the GPU code was read out of the wheel itself (`envcheck builds harvest`). The others say
what build scripts and release notes of PyTorch say. Plain `pip install torch` brings the bold ones.

"""


@cache
def generated() -> dict[Path, str]:
    """Every generated file and what it must hold."""
    files = {ROOT / "docs/rules" / name: text for name, text in all_pages(RULES).items()}
    kb = load()
    checked = max(build.checked for build in kb.builds)
    matrix = MATRIX.format(checked=checked) + render_markdown(tables(select(kb), kb))
    files[ROOT / "docs/matrix.md"] = matrix
    files[ROOT / "docs/gpu-watch-fields.md"] = query_page()
    files.update((ROOT / "ansible" / name, text) for name, text in driver_files(kb).items())
    files.update((ROOT / "ansible" / name, text) for name, text in stack_files(kb).items())
    files.update((ROOT / "ansible" / name, text) for name, text in ffmpeg_files(kb).items())
    files.update((ROOT / "docker" / name, text) for name, text in docker_files(kb).items())
    for name, kind in (
        ("builds", list[Build]),
        ("compat", Answer),
        ("comparison", Comparison),
        ("diagnosis", Diagnosis),
        ("fleet", Fleet),
        ("inspection", Inspection),
        ("policy", PolicyFile),
        ("models", list[Listed]),
        ("names", list[Decoded]),
        ("report", Report),
        ("snapshot", Snapshot),
        ("tick", Tick),
    ):
        schema = msgspec.json.schema(kind)
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        text = json.dumps(schema, indent=1, sort_keys=True) + "\n"
        files[ROOT / f"envcheck/schema/{name}.json"] = text
    return files


def main() -> None:
    """Write the files, and remove pages of checks that are gone."""
    files = generated()
    for old in (ROOT / "docs/rules").glob("*.md"):
        if old not in files:
            old.unlink()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
