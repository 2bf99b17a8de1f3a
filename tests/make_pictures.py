"""Draws the pictures of the docs: doctor on a recorded machine, gpu-watch on made-up ticks.

Run as `python -m tests.make_pictures` (`make docs`). Nothing of the machine it runs on is in them.
"""

import math
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.segment import Segment, Segments
from rich.text import Text

from envcheck.facts import decode
from envcheck.judge import judge
from envcheck.kb import load
from envcheck.render.style import Style
from envcheck.render.text import render
from envcheck.rules import choose
from envcheck.watch.screen.control import Control
from envcheck.watch.screen.frame import frame
from envcheck.watch.screen.ink import UNICODE
from envcheck.watch.screen.palette import COLOURED
from envcheck.watch.tick import HostTick, ProcessTick, Tick
from tests.watch.ticks import GIB, gpu, process, tick

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs/pictures"
MACHINE = ROOT / "tests/machines/rtx5090_torch26.json"
WIDTH, HEIGHT, SECONDS = 104, 26, 45


def pictures() -> dict[str, str]:
    """The SVG of every picture, by its file's name."""
    return {"doctor.svg": _doctor(), "gpu-watch.svg": _gpu_watch()}


def words(svg: str) -> list[str]:
    """The texts of a picture in order: what is compared, as frames change with rich's releases."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def _doctor() -> str:
    report = judge(decode(MACHINE.read_bytes()), load(), choose([], []))
    console = _console()
    console.print(Text("$ envcheck doctor", style="bold"))
    for line in render(report, Style(width=WIDTH - 2, colour=True)).splitlines():
        text = Text.from_ansi(line)
        pieces = text.divide(range(WIDTH, len(text), WIDTH))  # as a terminal folds long commands
        console.print(*pieces, sep="\n")
    return _svg(console, "doctor")


def _gpu_watch() -> str:
    control = Control(UNICODE, live=True)
    for shown in _ticks():
        control.take(shown)
    console = _console()
    for line in frame(control.scene, WIDTH, HEIGHT):
        segments = [Segment(text, COLOURED[role]) for text, role in line]
        console.print(Segments([*segments, Segment.line()]), end="")
    return _svg(console, "gpu-watch")


def _ticks() -> Iterator[Tick]:
    """Three GPUs that train, and one that answers in bursts and reports a memory error."""
    for second in range(SECONDS):
        wave = 70 + 25 * math.sin(second / 2)
        burst = 100.0 if second % 4 == 0 else 0.0
        yield tick(
            *(
                gpu(
                    index,
                    **_load(wave - 3 * index, wave + 4, 59.6, 560.0 + 3 * index, 66),
                    nvlink_tx_bytes_per_second=38.1e9,
                    nvlink_rx_bytes_per_second=38.1e9,
                    throttle_reasons=("sw_power_cap",),
                )
                for index in range(3)
            ),
            gpu(
                3,
                **_load(burst / 6, burst, 11.7, 110.0, 39),
                nvlink_tx_bytes_per_second=0.0,
                nvlink_rx_bytes_per_second=0.0,
                xids=(63,) if second == SECONDS - 4 else (),
            ),
            timestamp=f"2026-11-21T09:10:{second:02}.000Z",
            processes=(
                *(_python(19725, i, "train.py --cfg SLOWFAST_8x8_R50.yaml", 57) for i in range(3)),
                _python(19726, 3, "serve.py", 11),
            ),
            host=HostTick(
                name="node7",
                cpu_percent=51.0,
                cpu_count=96,
                memory_total_bytes=1008 * GIB,
                memory_used_bytes=212 * GIB,
            ),
        )


def _load(mean: float, peak: float, used: float, watts: float, celsius: int) -> dict[str, object]:
    return {
        "name": "NVIDIA H100 80GB HBM3",
        "utilization_percent": mean,
        "utilization_peak_percent": peak,
        "memory_total_bytes": int(79.6 * GIB),
        "memory_used_bytes": int(used * GIB),
        "memory_utilization_percent": mean / 2,
        "power_watts": watts,
        "power_peak_watts": watts,
        "power_limit_watts": 700.0,
        "temperature_celsius": celsius,
        "memory_temperature_celsius": celsius + 6,
        "sm_clock_mhz": 1980,
        "memory_clock_mhz": 2619,
        "pcie_tx_bytes_per_second": 342e6,
        "pcie_rx_bytes_per_second": 879e6,
        "encoder_percent": 0,
        "decoder_percent": 0,
        "ecc_corrected": 0,
        "ecc_uncorrected": 0,
    }


def _python(pid: int, index: int, arguments: str, gib: int) -> ProcessTick:
    return process(
        pid,
        index,
        command=f"python {arguments}",
        user="ada",
        gpu_memory_bytes=gib * GIB,
        sm_percent=88.0 if gib > 50 else 8.0,
        encoder_percent=0.0,
        decoder_percent=0.0,
        cpu_percent=98.0,
        rss_bytes=6 * GIB,
        started="2026-11-21T08:12:00Z",
    )


def _console() -> Console:
    return Console(
        record=True,
        file=StringIO(),
        width=WIDTH,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        highlight=False,
        _environ={},
    )


def _svg(console: Console, name: str) -> str:
    """Without rich's fonts from the network: a picture loads nothing."""
    svg = console.export_svg(title=f"envcheck {name}", unique_id=name)
    return re.sub(r"\s*@font-face \{.*?\n    \}", "", svg, flags=re.DOTALL) + "\n"


def main() -> None:
    """Write the pictures."""
    PICTURES.mkdir(exist_ok=True)
    for name, svg in pictures().items():
        file = PICTURES / name
        if not file.exists() or words(file.read_text(encoding="utf-8")) != words(svg):
            file.write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
