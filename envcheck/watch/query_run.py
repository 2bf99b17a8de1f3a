"""Answers `--query-gpu` and `--query-compute-apps` from the live driver, once or in a loop."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import count
from typing import TextIO

from envcheck.errors import EXIT_OK, EXIT_UNCHECKABLE
from envcheck.nvml.client import NvmlClient
from envcheck.nvml.inventory import Opened
from envcheck.nvml.readings import NvmlError, NvmlUnavailable
from envcheck.nvml.signals import ProcessUse
from envcheck.watch import query_apps
from envcheck.watch.query import (
    QueryError,
    header,
    parse_fields,
    parse_format,
    row,
)
from envcheck.watch.session import Session, no_driver, select_gpus

Write = Callable[[str], None]
# What a card or driver simply does not have.
_HARMLESS = {"NOT_SUPPORTED", "FUNCTION_NOT_FOUND", "NOT_FOUND", "DEPRECATED"}
_NO_DEVICES = QueryError("No devices were found\n", 6)  # nvidia-smi's words and exit code


def answer(
    gpu: str | None,
    apps: str | None,
    form: str | None,
    select: Sequence[str],
    every_s: float | None,
    times: int | None,
    out: TextIO,
) -> int:
    """The whole query, as `Query` and its `run` take it; the exit code.

    nvidia-smi's own message and code for what it would refuse; 3 without a driver, or when a GPU
    could not be read.
    """

    def write(line: str) -> None:
        out.write(line + "\n")
        out.flush()  # a loop's reader wants each line at once

    session = Session(NvmlClient())
    try:
        query = Query(gpu, apps, form)
        missing = query.run(session, write, select=select, every_s=every_s, times=times)
    except QueryError as error:
        out.write(error.message)
        return error.exit_code
    finally:
        session.close()
    if missing is not None:
        print(f"envcheck: {no_driver(missing)}", file=sys.stderr)
    for words in query.failures:
        print(f"envcheck: {words}", file=sys.stderr)
    return EXIT_UNCHECKABLE if missing or query.failures else EXIT_OK


class Query:
    """One query, checked before the driver is touched."""

    def __init__(self, gpu: str | None, apps: str | None, form: str | None) -> None:
        """`gpu` or `apps` is the value of --query-gpu or --query-compute-apps, `form` of --format.

        Raises:
            QueryError: nvidia-smi would not take it; with its message and exit code.
            UsageError: --format is not one of csv.
        """
        if gpu is not None and apps is not None:
            raise QueryError("Only one --query-* switch can be used at a time.\n", 2)
        self.failures: list[str] = []  # GPUs that could not be read at all, with the reason
        self._form = parse_format(form)
        self._fields = parse_fields(gpu) if gpu is not None else ()
        self._columns = query_apps.parse(apps) if apps is not None else ()

    def run(
        self,
        session: Session,
        write: Write,
        *,
        select: Sequence[str] = (),
        every_s: float | None = None,
        times: int | None = None,
    ) -> NvmlUnavailable | None:
        """Writes the header and a line a GPU (or process), again `every_s` seconds.

        `times` ends the loop after so many rounds. Returns why there is no driver, if so.

        Raises:
            QueryError: there is no GPU, or none of that name.
        """
        opened = session.open()
        if not isinstance(opened, Opened):
            return opened
        gpus = select_gpus(session, opened.gpu_count, select)
        if not gpus or None in gpus:
            raise _NO_DEVICES
        if self._form.header:
            write(query_apps.header(self._columns) if self._columns else header(self._fields))
        rounds = count() if every_s and times is None else range(times or 1)
        due = time.monotonic()
        for number in rounds:
            if number and every_s:
                due = max(due + every_s, time.monotonic())
                time.sleep(max(0.0, due - time.monotonic()))
            for index in gpus:
                if index is not None:
                    for line in self._lines(session, index, opened.driver_version):
                        write(line)
        return None

    def _lines(self, session: Session, index: int, driver: str | NvmlError) -> Iterator[str]:
        if self._columns:
            yield from self._processes(session, index)
            return
        readings = _ask(session, index, [field.call for field in self._fields])
        self._note(index, readings)
        yield row(
            self._fields,
            readings,
            self._form,
            now=datetime.now(),
            driver="" if isinstance(driver, NvmlError) else driver,
        )

    def _note(self, index: int, readings: Sequence[object]) -> None:
        """Remembers a GPU that is lost, hung, refused or in need of a reset."""
        errors = [r for r in readings if isinstance(r, NvmlError) and r.name not in _HARMLESS]
        if errors and not any(words.startswith(f"GPU {index}:") for words in self.failures):
            self.failures.append(f"GPU {index}: {errors[0]}")

    def _processes(self, session: Session, index: int) -> Iterator[str]:
        now = datetime.now()
        gpu = _ask(session, index, [column.call for column in self._columns])
        for use in _compute(session, index):
            (name,) = _ask(session, index, [("nvmlSystemGetProcessName", use.pid)])
            yield query_apps.row(self._columns, gpu, use, name, self._form, now)


def _compute(session: Session, index: int) -> list[ProcessUse]:
    wanted = {index: {"since": {}, "processes_since": 0}}
    watched = session.watch(wanted, fast=[], slow=[])[index]
    if isinstance(watched, NvmlError) or not isinstance(watched.processes, tuple):
        return []
    return [use for use in watched.processes if use.kind != "graphics"]


def _ask(session: Session, index: int, wanted: Sequence[tuple[str | int, ...]]) -> list[object]:
    """One reading for each call, in order; each different call is made once."""
    calls = list(dict.fromkeys(call for call in wanted if call and call[0] != "timestamp"))
    missing = NvmlError(3, "NOT_SUPPORTED", "")
    read: dict[tuple[str | int, ...], object] = {}
    answer = session.ask("calls", list[object], index, wanted=calls) if calls else []
    if isinstance(answer, NvmlError):
        read = dict.fromkeys(calls, answer)
    else:
        read = dict(zip(calls, map(_typed, answer), strict=True))
    return [read.get(call, missing) for call in wanted]


def _typed(value: object) -> object:
    """The worker's error as an `NvmlError`; every other value as it is."""
    if isinstance(value, dict) and value.keys() == {"code", "name", "call", "detail"}:
        return NvmlError(**value)
    return value
