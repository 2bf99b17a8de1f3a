"""Ctrl-C put off for a moment. Must not know what is done in it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C is answered at the end of the block: what begins there is known by then.

    A program that was just started, in a session of its own, would otherwise be left behind.
    """
    if threading.current_thread() is not threading.main_thread():  # Ctrl-C never comes there
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came and callable(before):
            before(came[0], None)
