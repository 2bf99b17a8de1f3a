"""How the reading of large files goes on, for people: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress, TaskID


@contextmanager
def bar_for(stream: TextIO) -> Iterator[Callable[[str, int, int], None]]:
    """A function that is told what is read, how much of it, of how much."""
    if not stream.isatty():
        yield lambda what, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.progress import TimeRemainingColumn as Left

    columns = (
        BarColumn(),
        TaskProgressColumn(),
        Left(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=Console(file=stream), transient=True) as progress:
        yield _Bar(progress).tell


class _Bar:
    """One bar, begun anew for each file."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None
        self._what = ""

    def tell(self, what: str, done: int, total: int) -> None:
        whole = what.partition(" of ")[0]  # "frames of VIDEO": one bar for all videos
        if self._task is None or whole != self._what:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task = self._progress.add_task(whole, total=max(total, 1))
            self._what = whole
        shown = what.encode("utf-8", "replace").decode()  # a file may name what is no UTF-8
        self._progress.update(self._task, completed=done, description=shown)
