"""Pictures of the screen: what textual would draw, kept as SVG files beside this test.

`SNAPSHOTS=write` in the environment makes them anew: look at them in a browser first.
What is compared is each piece of text, where it stands and which pieces share a style; the frame
around it is textual's own and changes with its releases.
"""

import asyncio
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from envcheck.render.style import Style
from envcheck.watch.screen.app import LiveApp, Wait
from envcheck.watch.tick import Tick, Unread
from tests.watch.ticks import gpu, process, tick

PICTURES = Path(__file__).parent / "pictures"

EIGHT = tick(
    *(gpu(index, utilization_percent=10.0 * index) for index in range(7)),
    gpu(7, error=Unread("GPU_IS_LOST", "nvmlDeviceGetUUID: GPU_IS_LOST")),
    processes=(process(4242, 0, command="python train.py"), process(4243, 1)),
)
SIXTEEN = tick(*(gpu(index) for index in range(16)), processes=(process(4242, 0),))

CASES: dict[str, tuple[Tick, tuple[int, int], Style]] = {
    "eight-120x36": (EIGHT, (120, 36), Style(colour=True)),
    "sixteen-80x24": (SIXTEEN, (80, 24), Style(colour=True)),
    "sixteen-80x24-ascii": (SIXTEEN, (80, 24), Style(unicode=False)),
}


def picture(shown: Tick, size: tuple[int, int], style: Style) -> str:
    """The screen on one tick as SVG, without the name textual gives each picture."""

    def source(wait: Wait) -> Iterator[Tick]:
        yield shown
        wait(600)

    async def go() -> str:
        app = LiveApp(source, style, 1.0)
        async with app.run_test(size=size) as pilot:
            for _ in range(2000):
                svg = app.export_screenshot()
                if "H100" in svg:
                    break
                await pilot.pause(0.005)
            await _quit(pilot)
        return svg

    return re.sub(r"terminal-\d+", "terminal", asyncio.run(go()))


async def _quit(pilot: Pilot[None]) -> None:
    await pilot.press("q")


def pieces(svg: str) -> list[tuple[str, ...]]:
    """(class, x, y, text) of every piece of text, classes numbered in the order they appear."""
    found = re.findall(
        r'<text class="terminal-r(\d+)" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>', svg
    )
    names: dict[str, str] = {}
    return [(names.setdefault(kind, str(len(names))), *rest) for kind, *rest in found]


@pytest.mark.parametrize("name", CASES)
def test_the_screen_looks_as_in_its_picture(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    svg = picture(*CASES[name])
    file = PICTURES / f"{name}.svg"
    if os.environ.get("SNAPSHOTS") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(svg, encoding="utf-8")
    drawn = pieces(svg)
    assert len(drawn) > 20 and drawn == pieces(file.read_text(encoding="utf-8"))
