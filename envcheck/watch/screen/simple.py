"""The live view without textual: one table drawn over the other."""

import sys
from collections.abc import Iterator

from envcheck.render.style import Style, plain
from envcheck.watch.table import table
from envcheck.watch.tick import Tick

_HOME, _CLEAR_BELOW = "\x1b[H", "\x1b[J"
_ALTERNATE, _BACK = "\x1b[?1049h", "\x1b[?1049l"


def show(ticks: Iterator[Tick], style: Style, hint: str = "") -> None:
    """Draws each tick over the one before, until they end or Ctrl-C; `hint` stands below."""
    last = style.paint(plain(hint), "dim") + "\n" if hint else ""
    sys.stdout.write(_ALTERNATE)
    try:
        for tick in ticks:
            text = (table(tick, style) + last).replace("\n", "\x1b[K\n")
            sys.stdout.write(_HOME + text + _CLEAR_BELOW)
            sys.stdout.flush()
    except KeyboardInterrupt:
        pass
    finally:
        sys.stdout.write(_BACK)
        sys.stdout.flush()
