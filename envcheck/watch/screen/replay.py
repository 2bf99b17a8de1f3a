"""Plays a recording: at its own pace, faster, held, tick by tick. Must not know the screen."""

from envcheck.watch.record import Recording
from envcheck.watch.tick import Tick

_LONGEST_S = 5.0  # a gap between two sessions is not waited for
_SLOWEST, _FASTEST = 1 / 16, 1024.0


class Replay:
    """Where a recording stands. Time comes from outside."""

    def __init__(self, recording: Recording, speed: float = 1.0) -> None:
        self._recording = recording
        self.speed = min(_FASTEST, max(_SLOWEST, speed))
        self.held = False
        self.again()

    def again(self) -> None:
        """Back to the start."""
        self.ended = False
        self.played = 0
        self._ticks = iter(self._recording)
        self._next: Tick | None = None
        self._waited_s = 0.0

    def advance(self, elapsed_s: float) -> list[Tick]:
        """The ticks due after `elapsed_s` more seconds; the first one at once.

        Raises:
            UsageError: the recording cannot be read any further.
        """
        if self.held or self.ended:
            return []
        self._waited_s += elapsed_s * self.speed
        due: list[Tick] = []
        while tick := self._peek():
            wait_s = min(tick.interval_s, _LONGEST_S) if self.played else 0.0
            if self._waited_s < wait_s:
                break
            self._waited_s -= wait_s
            due.append(self._take(tick))
        return due

    def step(self) -> list[Tick]:
        """The next tick, due or not."""
        tick = self._peek()
        self._waited_s = 0.0
        return [self._take(tick)] if tick else []

    def faster(self, factor: float) -> None:
        self.speed = min(_FASTEST, max(_SLOWEST, self.speed * factor))

    @property
    def status(self) -> str:
        """How it plays, in a few words."""
        if self.ended:
            torn = self._recording.torn
            return f"end of recording: {torn}" if torn else "end of recording"
        return "replay held" if self.held else f"replay x{self.speed:g}"

    def _peek(self) -> Tick | None:
        if self._next is None and not self.ended:
            self._next = next(self._ticks, None)
            self.ended = self._next is None
        return self._next

    def _take(self, tick: Tick) -> Tick:
        self._next = None
        self.played += 1
        return tick
