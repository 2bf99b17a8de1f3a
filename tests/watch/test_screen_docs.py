"""The documented keys are the keys."""

import re
from pathlib import Path

from envcheck.watch.screen.keys import BINDINGS

PAGE = (Path(__file__).parents[2] / "docs/gpu-watch-screen.md").read_text(encoding="utf-8")


def test_every_key_is_documented() -> None:
    documented = set(re.findall(r"`([^`\n]+)`", PAGE))
    for binding in BINDINGS:
        for shown in binding.shown.split():
            assert shown in documented, shown
