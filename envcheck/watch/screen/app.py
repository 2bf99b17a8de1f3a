"""The screen as a textual program: draws frames, passes keys on. Needs the extra `watch`."""

import asyncio
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.app import App, ComposeResult
from textual.strip import Strip
from textual.widget import Widget

from envcheck.render.style import Style
from envcheck.watch.screen.control import Control
from envcheck.watch.screen.frame import frame
from envcheck.watch.screen.ink import ASCII, UNICODE
from envcheck.watch.screen.palette import COLOURED, PLAIN
from envcheck.watch.screen.replay import Replay
from envcheck.watch.tick import Tick

Wait = Callable[[float], object]
_PATIENCE_S = 2.0  # beyond the interval, before the driver is said to be silent
_HELD = 300  # ticks kept while the screen is held still
_FRAME_S = 0.05  # a recording is drawn so often at most


class Canvas(Widget):
    """The frame of the size of the terminal."""

    DEFAULT_CSS = "Canvas { width: 100%; height: 100%; background: ansi_default; }"

    def __init__(self, control: Control, *, colour: bool) -> None:
        super().__init__()
        self._control, self._palette = control, COLOURED if colour else PLAIN
        self._strips: list[Strip] = []

    def draw(self) -> None:
        lines = frame(self._control.scene, self.size.width, self.size.height)
        self._strips = [
            Strip([Segment(text, self._palette[role]) for text, role in line], self.size.width)
            for line in lines
        ]
        self.refresh()

    def on_resize(self) -> None:
        self.draw()

    def render_line(self, y: int) -> Strip:
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)


class WatchApp(App[None]):
    """What live view and replay have in common."""

    TITLE = "envcheck gpu-watch"
    ENABLE_COMMAND_PALETTE = False
    CSS = "Screen { background: ansi_default; }"
    BINDINGS: ClassVar = []

    def __init__(self, style: Style, *, live: bool) -> None:
        super().__init__(ansi_color=True)
        self.control = Control(UNICODE if style.unicode else ASCII, live=live)
        self._canvas = Canvas(self.control, colour=style.colour)
        self.error: BaseException | None = None  # for the caller to raise
        self.signalled = False

    def compose(self) -> ComposeResult:
        yield self._canvas

    def on_mount(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._end)
        self.start()

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        action = self.control.press(event.key, event.character)
        if action == "quit":
            self.exit()
        elif action:
            self.act(action)
        self._canvas.draw()

    async def action_quit(self) -> None:
        self.exit()

    def action_help_quit(self) -> None:  # textual's answer to Ctrl-C is a hint
        self.exit()

    def start(self) -> None:
        """Ticks may come from now on."""
        raise NotImplementedError

    def act(self, action: str) -> None:
        """A key that is about the source of the ticks."""
        raise NotImplementedError

    def draw(self) -> None:
        self._canvas.draw()

    def fail(self, error: BaseException) -> None:
        self.error = error
        self.exit()

    def _end(self) -> None:
        self.signalled = True
        self.exit()


class LiveApp(WatchApp):
    """Ticks as they come, read in a thread: a driver that hangs does not stop the keys."""

    def __init__(
        self, ticks: Callable[[Wait], Iterator[Tick]], style: Style, interval_s: float
    ) -> None:
        super().__init__(style, live=True)
        self._source, self._interval_s = ticks, interval_s
        self._come: queue.SimpleQueue[Tick | BaseException | None] = queue.SimpleQueue()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True, name="ticks")
        self._held: list[Tick] | None = None
        self._last = (time.monotonic(), time.strftime("%H:%M:%S"))

    def start(self) -> None:
        self._main = asyncio.get_running_loop()
        self._thread.start()
        self.set_interval(1.0, self._look)

    def act(self, action: str) -> None:
        if action != "pause":
            return
        if self._held is None:
            self._held = []
            self.control.say(status="held")
        else:
            held, self._held = self._held, None
            self.control.say(status="")
            for tick in held:
                self.control.take(tick)

    def finish(self, wait_s: float) -> None:
        """Ends the reading; waits for it so long only, as a call into the driver may hang."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(wait_s)

    def _read(self) -> None:
        """In the thread: every tick into the queue, then what ended them."""
        try:
            for tick in self._source(self._wait):
                self._tell(tick)
                if self._over.is_set():
                    return
            self._tell(None)
        except _Over:
            pass
        except BaseException as error:  # told to whom started the thread
            self._tell(error)

    def _wait(self, seconds: float) -> None:
        if self._over.wait(seconds):
            raise _Over

    def _tell(self, news: Tick | BaseException | None) -> None:
        if self._over.is_set():
            return
        self._come.put(news)
        self._main.call_soon_threadsafe(self._hear)

    def _hear(self) -> None:
        while not self._come.empty():
            news = self._come.get()
            if news is None:
                self.exit()
            elif isinstance(news, BaseException):
                self.fail(news)
            else:
                self._last = (time.monotonic(), time.strftime("%H:%M:%S"))
                if self._held is None:
                    self.control.take(news)
                else:
                    self._held = [*self._held[1 - _HELD :], news]
        self._look()

    def _look(self) -> None:
        """Says so when the driver has been silent for too long."""
        silent_s = time.monotonic() - self._last[0]
        late = silent_s > self._interval_s + _PATIENCE_S
        said = f"driver not answering since {self._last[1]} ({silent_s:.0f} s)" if late else ""
        self.control.say(stalled=said)
        self.draw()


class ReplayApp(WatchApp):
    """Ticks of a recording."""

    def __init__(self, replay: Replay, style: Style) -> None:
        super().__init__(style, live=False)
        self._replay = replay
        self._at = time.monotonic()

    def start(self) -> None:
        self.set_interval(_FRAME_S, self._go_on)
        self._go_on()

    def act(self, action: str) -> None:
        replay = self._replay
        if action == "pause":
            replay.held = not replay.held
        elif action == "step":
            replay.held = True
            self._show(replay.step)
        elif action in ("faster", "slower"):
            replay.faster(2 if action == "faster" else 0.5)
        elif action == "again":
            replay.again()
            self.control.forget()
            self._show(replay.step)
        self.control.say(status=replay.status)

    def _go_on(self) -> None:
        now = time.monotonic()
        elapsed_s, self._at = now - self._at, now
        before = self._replay.status
        ticks = self._show(lambda: self._replay.advance(elapsed_s))
        if ticks or self._replay.status != before:
            self.draw()

    def _show(self, read: Callable[[], list[Tick]]) -> bool:
        """Takes what is read; whether there was anything."""
        try:
            ticks = read()
        except Exception as error:
            self.fail(error)
            return False
        for tick in ticks:
            self.control.take(tick)
        self.control.say(status=self._replay.status)
        return bool(ticks)


class _Over(Exception):
    """The user has quit while the thread slept."""
