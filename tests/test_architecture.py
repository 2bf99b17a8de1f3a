"""The map in docs/architecture.md shows every room of the package, and no room that is gone."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROW = re.compile(r"^\| (`[^|]*) \|", re.MULTILINE)


def test_the_map_shows_the_rooms_there_are() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    shown = {name for cell in ROW.findall(page) for name in re.findall(r"`([^`]+)`", cell)}
    rooms = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in (ROOT / "envcheck").iterdir()
        if not path.name.startswith("__") and path.name != "py.typed"
    }
    assert shown == rooms
