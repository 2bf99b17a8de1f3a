"""Reads and judges the files of a fleet, on all processors, into one `Fleet`."""

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import msgspec

from envcheck import __version__
from envcheck.compare import differing_facts, said
from envcheck.errors import EXIT_UNCHECKABLE, UsageError
from envcheck.facts import Snapshot
from envcheck.finding import ERROR, Severity
from envcheck.fleet.collect import find, read
from envcheck.fleet.group import drift, groups, problems
from envcheck.fleet.judging import Judge
from envcheck.fleet.model import Change, Fleet, Machine, Said, Unread
from envcheck.fleet.traits import kind, traits
from envcheck.kb import load
from envcheck.report import Report, worst_exit
from envcheck.rules import choose

FEW = 200  # files up to which one process is quicker
CHUNK = 100  # files a process is given at a time
MOST_DRIFT = 200  # differences kept of one machine

Progress = Callable[[int, int], None]  # files done, files in all


def judge_fleet(
    patterns: list[str],
    *,
    golden: Snapshot | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    fail_on: Severity = ERROR,
    progress: Progress | None = None,
) -> Fleet:
    """The judgement of every machine in these files.

    Raises:
        UsageError: unknown code, no file, or nothing readable in any of them.
    """
    choose(select, ignore)  # a wrong code is said before work begins
    files = find(patterns)
    task = _Task(golden, tuple(select), tuple(ignore), fail_on)
    machines: list[Machine] = []
    unread: list[Unread] = []
    for done, part in _parts(task, files):
        for one in part:
            if isinstance(one, Machine):
                machines.append(_slim(one))
            else:
                unread.append(one)
        if progress is not None:
            progress(done, len(files))
    if not machines and not any(one.unreachable for one in unread):
        why = f"; {unread[0].source}: {unread[0].why}" if unread else ""
        raise UsageError(f"no snapshot could be read in {len(files)} files{why}")
    codes = {machine.exit_code for machine in machines} | ({EXIT_UNCHECKABLE} if unread else set())
    return Fleet(
        tool=f"envcheck {__version__}",
        exit_code=worst_exit(codes),
        verdicts=dict(Counter(machine.verdict for machine in machines)),
        problems=problems(machines),
        groups=groups(machines),
        drift=None if golden is None else drift(machines),
        unread=tuple(sorted(unread, key=lambda one: (not one.unreachable, one.host))),
        machines=tuple(sorted(machines, key=_worst_first)),
    )


def _worst_first(machine: Machine) -> tuple[int, int, str]:
    return (
        ("unfit", "unknown", "fit").index(machine.verdict),
        -max((said.severity.rank for said in machine.findings), default=-1),
        machine.host,
    )


class _Task:
    """What one process needs to judge files."""

    def __init__(
        self,
        golden: Snapshot | None,
        select: tuple[str, ...],
        ignore: tuple[str, ...],
        fail_on: Severity,
    ) -> None:
        self.golden = golden
        self._wish = (select, ignore, fail_on)
        self._judge: Judge | None = None

    def machines(self, files: Sequence[str]) -> list[Machine | Unread]:
        if self._judge is None:
            select, ignore, fail_on = self._wish
            self._judge = Judge(load(), choose(select, ignore), fail_on)
        return [
            one if isinstance(one, Unread) else self._machine(host, source, one, self._judge)
            for file in files
            for host, source, one in read(file)
        ]

    def _machine(self, host: str, source: str, snapshot: Snapshot, rules: Judge) -> Machine:
        verdict, exit_code, parts = rules.judge(snapshot)
        reports = (parts,) if isinstance(parts, Report) else parts
        findings = [finding for report in reports for finding in report.findings]
        return Machine(
            host=host,
            source=source,
            kind=kind(snapshot),
            verdict=verdict,
            exit_code=exit_code,
            findings=tuple(
                Said(f.code, f.name, f.severity or ERROR, f.subject, f.message, f.remedy)
                for f in sorted(findings, key=lambda f: (-(f.severity or ERROR).rank, f.code))
            ),
            traits=traits(snapshot),
            drift=() if self.golden is None else self._drift(self.golden, snapshot),
        )

    @staticmethod
    def _drift(golden: Snapshot, snapshot: Snapshot) -> tuple[Change, ...]:
        changes = []
        for path, one, other in differing_facts(golden, snapshot):
            changes.append(Change(path, said(one), said(other)))
            if len(changes) >= MOST_DRIFT:
                break
        return tuple(changes)


def _parts(task: _Task, files: tuple[str, ...]) -> Iterator[tuple[int, list[Machine | Unread]]]:
    """The machines, some files at a time, with the number of files done."""
    workers = min(os.cpu_count() or 1, 16)
    chunks = [files[place : place + CHUNK] for place in range(0, len(files), CHUNK)]
    done = 0
    if len(files) <= FEW or workers < 2:
        for chunk in chunks:
            done += len(chunk)
            yield done, task.machines(chunk)
        return
    context = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
    try:
        with ProcessPoolExecutor(
            workers, mp_context=context, initializer=_begin, initargs=(task,)
        ) as pool:
            for chunk, part in zip(chunks, pool.map(_work, chunks), strict=True):
                done += len(chunk)
                yield done, part
    except BrokenProcessPool as error:
        raise UsageError(
            "a process that judged snapshots was killed, perhaps for memory: judge fewer at a time"
        ) from error


_task: _Task | None = None  # of this process


def _begin(task: _Task) -> None:
    global _task
    _task = task
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's


def _work(files: Sequence[str]) -> list[Machine | Unread]:
    assert _task is not None
    return _task.machines(files)


_words: dict[str, str] = {}


def _slim(machine: Machine) -> Machine:
    """The same with equal words kept once: ten thousand machines say the same things."""
    return msgspec.structs.replace(
        machine,
        traits={
            _words.setdefault(path, path): _words.setdefault(value, value)
            for path, value in machine.traits.items()
        },
    )
