"""A recording shown again: on the screen, or printed in any form that a live tick has."""

import sys
from pathlib import Path
from typing import TextIO

from envcheck.errors import UsageError
from envcheck.render.style import Style
from envcheck.watch import lines
from envcheck.watch.record import Recording
from envcheck.watch.stream import Form
from envcheck.watch.table import table
from envcheck.watch.tick import Tick


def replay(file: Path, form: Form, out: TextIO, style: Style, speed: float) -> None:
    """Plays `file` on the screen; other forms are written at once.

    Raises:
        UsageError: it cannot be read, or holds nothing.
    """
    recording = Recording(file)
    if next(iter(recording), None) is None:
        raise UsageError(f"{file}: {recording.torn or 'no tick in this recording'}")
    if form == "screen":
        from envcheck.watch.screen import play

        play(recording, style, speed)
    else:
        if form == "csv":
            out.write(lines.csv_header())
        for tick in recording:
            out.write(_text(tick, form, style))
    if recording.torn:
        print(f"envcheck: {file}: {recording.torn}", file=sys.stderr)


def _text(tick: Tick, form: Form, style: Style) -> str:
    if form == "jsonl":
        return lines.jsonl(tick)
    return lines.csv_rows(tick) if form == "csv" else table(tick, style)
