"""Writes every generated file of the repository; `test_generated` compares them.

Run as `python -m tests.make_docs` (`make docs`).
"""

import json
from pathlib import Path

import msgspec

from envcheck.facts import Snapshot
from envcheck.pages import all_pages
from envcheck.report import Report
from envcheck.rules import RULES
from envcheck.whatif import Answer

ROOT = Path(__file__).parent.parent


def generated() -> dict[Path, str]:
    """Every generated file and what it must hold."""
    files = {ROOT / "docs/rules" / name: text for name, text in all_pages(RULES).items()}
    for name, kind in (("compat", Answer), ("report", Report), ("snapshot", Snapshot)):
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
