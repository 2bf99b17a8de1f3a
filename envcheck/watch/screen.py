"""The live view in a terminal. Must not know where ticks come from: live or a recording."""

import sys
from collections.abc import Iterator

from envcheck.render.style import Style
from envcheck.watch.table import table
from envcheck.watch.tick import Tick

_HOME, _CLEAR_BELOW = "\x1b[H", "\x1b[J"
_ALTERNATE, _BACK = "\x1b[?1049h", "\x1b[?1049l"


def show(ticks: Iterator[Tick], style: Style) -> None:
    """Draws each tick over the one before, until they end or Ctrl-C."""
    sys.stdout.write(_ALTERNATE)
    try:
        for tick in ticks:
            text = table(tick, style).replace("\n", "\x1b[K\n")
            sys.stdout.write(_HOME + text + _CLEAR_BELOW)
            sys.stdout.flush()
    except KeyboardInterrupt:
        pass
    finally:
        sys.stdout.write(_BACK)
        sys.stdout.flush()
