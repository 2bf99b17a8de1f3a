"""How a harvest goes on, for people: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress

    from envcheck.kb.harvest import Monitor, Result


@contextmanager
def monitor_for(stream: TextIO) -> Iterator[Monitor]:
    """A bar when the stream is a terminal, else a line for each wheel."""
    if not stream.isatty():
        yield Lines(stream)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[megabytes]:.1f} MB"),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=Console(file=stream), redirect_stdout=False) as progress:
        yield Bar(progress)


class Lines:
    """For logs and pipes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._count = self._done = 0

    def wheels(self, count: int) -> None:
        self._count = count

    def reading(self, wheel: str) -> None:
        pass

    def received(self, size: int) -> None:
        pass

    def finished(self, result: Result) -> None:
        self._done += 1
        self._stream.write(f"{self._done}/{self._count} {result.wheel}: {result.outcome}\n")
        self._stream.flush()


class Bar:
    """For terminals."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("reading the index", total=None, megabytes=0.0)
        self._bytes = 0

    def wheels(self, count: int) -> None:
        self._progress.update(self._task, total=count)

    def reading(self, wheel: str) -> None:
        self._progress.update(self._task, description=wheel)

    def received(self, size: int) -> None:
        self._bytes += size
        self._progress.update(self._task, megabytes=self._bytes / 1e6)

    def finished(self, result: Result) -> None:
        self._progress.advance(self._task)
