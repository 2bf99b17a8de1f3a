"""A recording summed up into equal stretches of time, in memory that its length does not touch.

Must not know how a page looks.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from envcheck.errors import UsageError
from envcheck.watch.record import Recording
from envcheck.watch.summary import GpuSummary, Summary
from envcheck.watch.tick import GpuTick, ProcessTick, Tick, Unread, read
from envcheck.watch.units import moment

STRETCHES = 480
_PROCESSES = 5000  # that are told apart; more are counted
_QUIET = {"gpu_idle", "applications_clocks_setting", "display_clock_setting"}


class Series:
    """One value over the stretches: its mean and its highest in each; None in a gap."""

    def __init__(self) -> None:
        self._sums, self._seconds = [0.0] * STRETCHES, [0.0] * STRETCHES
        self.peaks: list[float | None] = [None] * STRETCHES

    def add(self, at: int, seconds: float, value: float | None, peak: float | None = None) -> None:
        if value is None:
            return
        self._sums[at] += value * seconds
        self._seconds[at] += seconds
        highest, before = value if peak is None else peak, self.peaks[at]
        self.peaks[at] = highest if before is None else max(before, highest)

    @property
    def means(self) -> list[float | None]:
        pairs = zip(self._sums, self._seconds, strict=True)
        return [total / seconds if seconds else None for total, seconds in pairs]


class GpuLine:
    """One GPU over the whole recording."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.utilization, self.memory = Series(), Series()
        self.power, self.temperature = Series(), Series()
        self.memory_total = self.power_limit = 0.0
        self.throttled: dict[int, set[str]] = {}  # stretch → reasons
        self.xids: list[tuple[float, int, str]] = []  # where on the line (0 to 1), which, when
        self.unread: dict[str, float] = {}  # why → seconds in which the whole GPU was not read

    def add(self, gpu: GpuTick, shares: Sequence[tuple[int, float]]) -> None:
        """`shares`: the stretches that this tick covers, and the seconds of each."""
        self.memory_total = max(self.memory_total, read(gpu.memory_total_bytes) or 0)
        self.power_limit = max(self.power_limit, read(gpu.power_limit_watts) or 0)
        reasons = set(read(gpu.throttle_reasons) or ()) - _QUIET
        for at, seconds in shares:
            peak = read(gpu.utilization_peak_percent)
            self.utilization.add(at, seconds, read(gpu.utilization_percent), peak)
            self.memory.add(at, seconds, read(gpu.memory_used_bytes))
            self.power.add(at, seconds, read(gpu.power_watts), read(gpu.power_peak_watts))
            self.temperature.add(at, seconds, read(gpu.temperature_celsius))
            if reasons:
                self.throttled.setdefault(at, set()).update(reasons)
            if gpu.error:
                why = gpu.error.reason
                self.unread[why] = self.unread.get(why, 0.0) + seconds


class ProcessLine:
    """One process on one GPU."""

    def __init__(self, process: ProcessTick, at: datetime) -> None:
        self.process = process
        self.first = self.last = at
        self.memory = 0
        self._sm, self._times = 0.0, 0

    def add(self, process: ProcessTick, at: datetime) -> None:
        self.process, self.last = process, at
        self.memory = max(self.memory, read(process.gpu_memory_bytes) or 0)
        sm = read(process.sm_percent)
        if sm is not None:
            self._sm, self._times = self._sm + sm, self._times + 1

    @property
    def sm_percent(self) -> float | None:
        return self._sm / self._times if self._times else None


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page tells."""

    name: str
    torn: str
    start: datetime
    end: datetime
    ticks: int
    covered: list[bool]  # stretch by stretch: whether anything was recorded
    last: Tick
    gpus: list[GpuLine]
    summaries: dict[int, GpuSummary]
    processes: list[ProcessLine]  # the greatest use of GPU memory first
    more_processes: int

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


def read_timeline(recording: Recording, name: str) -> Timeline:
    """Reads a recording twice: for its length, then for its values.

    Raises:
        UsageError: it cannot be read, or has no tick.
    """
    start = end = None
    for tick, at in _timed(recording):
        begun = at - timedelta(seconds=min(max(0.0, tick.interval_s), 86400.0))
        start = begun if start is None else min(start, begun)
        end = at if end is None else max(end, at)
    if start is None or end is None:
        raise UsageError(f"{name}: {recording.torn or 'no tick in this recording'}")
    return _Reader(start, max(end, start + timedelta(seconds=1))).read(recording, name)


def _timed(recording: Recording) -> Iterator[tuple[Tick, datetime]]:
    for tick in recording:
        at = moment(tick.timestamp)
        if at is not None:
            yield tick, at


class _Reader:
    """The second reading."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self._start, self._end = start, end
        self._stretch_s = (end - start).total_seconds() / STRETCHES
        self._gpus: dict[int, GpuLine] = {}
        self._covered = [False] * STRETCHES
        self._processes: dict[tuple[int, int, str | None], ProcessLine] = {}
        self._more = 0

    def read(self, recording: Recording, name: str) -> Timeline:
        summary = Summary(lambda pid: False)
        last, count = None, 0
        for tick, at in _timed(recording):
            if at > self._end:  # written since the first reading
                break
            last, count = tick, count + 1
            summary.add(tick)
            self._add(tick, at)
        if last is None:
            raise UsageError(f"{name}: it changed while it was read")
        found = sorted(self._processes.values(), key=lambda line: -line.memory)
        return Timeline(
            name=name,
            torn=recording.torn,
            start=self._start,
            end=self._end,
            ticks=count,
            covered=self._covered,
            last=last,
            gpus=[self._gpus[index] for index in sorted(self._gpus)],
            summaries={gpu.index: gpu for gpu in summary.used()},
            processes=found,
            more_processes=self._more,
        )

    def _add(self, tick: Tick, at: datetime) -> None:
        until_s = (at - self._start).total_seconds()
        shares = list(self._shares(max(0.0, until_s - max(0.0, tick.interval_s)), until_s))
        for stretch, _ in shares:
            self._covered[stretch] = True
        for gpu in tick.gpus:
            line = self._gpus.setdefault(gpu.index, GpuLine(gpu.index))
            line.add(gpu, shares)
            if not isinstance(gpu.xids, Unread):
                where = min(1.0, until_s / (self._stretch_s * STRETCHES))
                line.xids += [(where, xid, tick.timestamp) for xid in gpu.xids]
        for process in tick.processes:
            self._follow(process, at)

    def _shares(self, from_s: float, until_s: float) -> Iterator[tuple[int, float]]:
        """The stretches between two times, and how many seconds of each."""
        first = min(STRETCHES - 1, int(from_s / self._stretch_s))
        last = min(STRETCHES - 1, int(until_s / self._stretch_s))
        for stretch in range(first, last + 1):
            begin, end = stretch * self._stretch_s, (stretch + 1) * self._stretch_s
            seconds = min(end, until_s) - max(begin, from_s)
            if seconds > 0 or first == last:
                yield stretch, max(seconds, 1e-6)

    def _follow(self, process: ProcessTick, at: datetime) -> None:
        key = (process.pid, process.gpu_index, read(process.started))
        line = self._processes.get(key)
        if line is None:
            if len(self._processes) >= _PROCESSES:
                self._more += 1
                return
            line = self._processes[key] = ProcessLine(process, at)
        line.add(process, at)
