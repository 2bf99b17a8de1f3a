"""The live view in a terminal. Must not know how ticks are read; textual is imported only here."""

import importlib.util
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator

import msgspec

from envcheck.render.style import Style
from envcheck.watch.record import Recording
from envcheck.watch.screen import simple
from envcheck.watch.tick import Tick

_HINT = "a screen with graphs, sorting and keys: pip install textual"
_GAP_S = 5.0  # longer gaps of a recording are not waited for
_END_S = 0.5  # how long a reader may still take when the user has quit


def show(
    ticks: Callable[[Callable[[float], object]], Iterator[Tick]], style: Style, interval_s: float
) -> bool:
    """Draws ticks until they end or the user quits; whether the driver answered at the end.

    `ticks` takes the function to wait with between two of them, and may block in another thread.
    """
    if not _full():
        simple.show(ticks(time.sleep), style, _hint())
        return True
    from envcheck.watch.screen.app import LiveApp

    app = LiveApp(ticks, _spoken(style), interval_s)
    try:
        app.run(mouse=False)
    finally:
        app.finish(_END_S)
    _raise(app.error, app.signalled)
    return not app.control.scene.stalled


def play(recording: Recording, style: Style, speed: float) -> None:
    """Plays a recording until its end, or until the user quits."""
    if not _full():
        simple.show(_paced(recording, speed), style, _hint())
        return
    from envcheck.watch.screen.app import ReplayApp
    from envcheck.watch.screen.replay import Replay

    app = ReplayApp(Replay(recording, speed), _spoken(style))
    app.run(mouse=False)
    _raise(app.error, app.signalled)


def _full() -> bool:
    return _terminal() and importlib.util.find_spec("textual") is not None


def _terminal() -> bool:
    """Whether keys can be read, and drawn where textual draws."""
    return sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()


def _spoken(style: Style) -> Style:
    """In ASCII where the locale says so: Python itself writes UTF-8 even under LC_ALL=C."""
    locale = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_CTYPE", "LANG"))), "UTF-8")
    return style if "utf" in locale.lower() else msgspec.structs.replace(style, unicode=False)


def _hint() -> str:
    return _HINT if _terminal() else ""


def _paced(recording: Recording, speed: float) -> Iterator[Tick]:
    for number, tick in enumerate(recording):
        if number:
            time.sleep(min(tick.interval_s, _GAP_S) / speed)
        yield tick


def _raise(error: BaseException | None, signalled: bool) -> None:
    if error is not None:
        raise error
    if signalled:
        raise SystemExit(128 + signal.SIGTERM)
