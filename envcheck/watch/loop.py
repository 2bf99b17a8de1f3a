"""One tick after another, at a steady pace. Must not know what becomes of them."""

import time
from collections.abc import Callable, Iterator
from itertools import count

from envcheck.watch.tick import Tick


def every(
    interval_s: float,
    read: Callable[[], Tick],
    times: int | None = None,
    wait: Callable[[float], object] = time.sleep,
) -> Iterator[Tick]:
    """A tick at once, then one each `interval_s`; a late one does not make the next ones late."""
    due = time.monotonic()
    for number in count() if times is None else range(times):
        if number:
            due = max(due + interval_s, time.monotonic())
            wait(max(0.0, due - time.monotonic()))
        yield read()
