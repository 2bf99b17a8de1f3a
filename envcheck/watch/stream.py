"""Watching from the first tick to the exit code: source, sinks and alarms put together."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, NoReturn, TextIO

import msgspec

from envcheck.errors import EXIT_FINDINGS, EXIT_OK, EXIT_UNCHECKABLE, UsageError
from envcheck.nvml.readings import NvmlUnavailable
from envcheck.render.style import Style, style_for
from envcheck.watch import alarm, lines
from envcheck.watch.alarm import Alarms
from envcheck.watch.loop import every
from envcheck.watch.sample import Sampler
from envcheck.watch.session import no_driver
from envcheck.watch.table import table
from envcheck.watch.tick import Tick

Form = Literal["screen", "table", "jsonl", "csv", "none"]
_PRINTED: tuple[Form, ...] = ("table", "jsonl", "csv")
Sink = Callable[[Tick], object]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for on the command line."""

    form: Form = "table"
    interval_s: float = 1.0
    times: int | None = None  # ticks; None: until somebody ends it
    select: tuple[str, ...] = ()
    record: str | None = None
    prometheus: str | None = None
    fail_if: tuple[str, ...] = ()


def choose_form(text: str | None, *, tty: bool, quiet: bool) -> Form:
    """How to print: as asked, else a screen on a terminal, nothing when only a file or port is fed.

    Raises:
        UsageError: there is no such format.
    """
    if text is None:
        return "screen" if tty else "none" if quiet else "table"
    for form in _PRINTED:
        if text == form:
            return form
    raise UsageError(f"--format is one of {', '.join(_PRINTED)}, not {text!r}")


def once() -> NoReturn:
    """One table of this machine, as `--once` alone asks for; ends with the exit code."""
    raise SystemExit(stream(Plan(times=1), sys.stdout, style_for(sys.stdout, os.environ)))


def stream(plan: Plan, out: TextIO, style: Style) -> int:
    """Watches and writes to `out` as planned; the exit code.

    Raises:
        UsageError: an alarm, a GPU, a file or an address is not usable.
    """
    alarms = Alarms(tuple(_alarm(text, plan) for text in plan.fail_if))
    sampler = Sampler(interval_s=plan.interval_s, select=plan.select)
    signal.signal(signal.SIGTERM, _end)  # so that a recording is closed
    with ExitStack() as stack:
        stack.callback(sampler.close)
        opened = sampler.open()
        if isinstance(opened, NvmlUnavailable):
            print(f"envcheck: {no_driver(opened)}", file=sys.stderr)
            return EXIT_UNCHECKABLE
        sinks = _sinks(plan, out, style, stack)
        watching = _Watching(sampler, alarms, sinks)

        def ticks(wait: Callable[[float], object]) -> Iterator[Tick]:
            return watching.ticks(every(plan.interval_s, sampler.tick, plan.times, wait))

        if plan.form == "screen":
            from envcheck.watch.screen import show

            if not show(ticks, style, plan.interval_s):
                return EXIT_UNCHECKABLE
        else:
            for _ in ticks(time.sleep):
                pass
        return watching.exit_code()


class _Watching:
    """The course of one run: what the sinks were given, what fired, what failed last."""

    def __init__(self, sampler: Sampler, alarms: Alarms, sinks: list[Sink]) -> None:
        self._sampler, self._alarms, self._sinks = sampler, alarms, sinks
        self._fired: list[str] = []
        self._failed = False

    def ticks(self, source: Iterator[Tick]) -> Iterator[Tick]:
        """The source's ticks, each given to all sinks first; ends when an alarm fires."""
        for tick in source:
            for sink in self._sinks:
                sink(tick)
            self._failed = any(gpu.error for gpu in tick.gpus) or self._sampler.session.troubled
            self._fired = self._alarms.check(tick)
            yield tick
            if self._fired:
                return

    def exit_code(self) -> int:
        """1 when an alarm fired, 3 when something could not be read or judged, 0 else."""
        for words in self._fired:
            print(f"envcheck: alarm: {words}", file=sys.stderr)
        if self._fired:
            return EXIT_FINDINGS
        unjudged = self._alarms.unjudged()
        for words in unjudged:
            print(f"envcheck: {words}", file=sys.stderr)
        return EXIT_UNCHECKABLE if unjudged or self._failed else EXIT_OK


def _alarm(text: str, plan: Plan) -> alarm.Alarm:
    parsed = alarm.parse(text)
    if plan.times is not None and parsed.hold_s > plan.times * plan.interval_s:
        raise UsageError(
            f"--fail-if {text!r} needs {parsed.hold_s:g} s, and only"
            f" {plan.times * plan.interval_s:g} s are watched: raise -n or -l"
        )
    return parsed


def _sinks(plan: Plan, out: TextIO, style: Style, stack: ExitStack) -> list[Sink]:
    sinks: list[Sink] = []
    if plan.record is not None:
        from envcheck.watch.record import Recorder

        sinks.append(stack.enter_context(Recorder(Path(plan.record))).write)
    if plan.prometheus is not None:
        from envcheck.watch.prometheus import Exporter

        exporter = stack.enter_context(Exporter(plan.prometheus))
        print(f"envcheck: metrics at {exporter.address}", file=sys.stderr)
        sinks.append(exporter.update)
    if plan.form == "csv":
        _write(out, lines.csv_header())
        sinks.append(lambda tick: _write(out, lines.csv_rows(tick)))
    elif plan.form == "jsonl":
        sinks.append(lambda tick: _write(out, lines.jsonl(tick)))
    elif plan.form == "table":
        sinks.append(lambda tick: _write(out, table(tick, style)))
    return sinks


def _write(out: TextIO, text: str) -> None:
    out.write(text)
    out.flush()  # whoever reads the pipe wants each tick at once


def _end(*_: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)
