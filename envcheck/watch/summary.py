"""What GPUs did while something ran: ticks in, one summary out. Pure."""

from collections.abc import Callable, Sequence

import msgspec

from envcheck.watch.tick import GpuTick, Tick, Unread, read

_IDLE = {"gpu_idle"}


class GpuSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU over the whole time. A value is None when it could never be read."""

    index: int
    uuid: str | None
    name: str | None
    utilization_mean_percent: float | None
    utilization_p95_percent: float | None
    utilization_peak_percent: float | None
    utilization_coverage_ratio: float
    memory_of: str  # "processes" that were followed, or the whole "gpu" where none was seen
    memory_mean_bytes: int | None
    memory_peak_bytes: int | None
    energy_joules: float | None
    power_mean_watts: float | None
    temperature_peak_celsius: int | None
    throttled_seconds: dict[str, float]  # reason → how long
    xids: tuple[int, ...]
    error: str | None


class _Mean:
    """A mean over time, and the highest value; None as long as nothing was added."""

    def __init__(self) -> None:
        self._sum = self._seconds = 0.0
        self.peak: float | None = None

    def add(self, value: float | None, seconds: float, peak: float | None = None) -> None:
        if value is None or seconds <= 0:
            return
        self._sum += value * seconds
        self._seconds += seconds
        highest = value if peak is None else peak
        self.peak = highest if self.peak is None else max(self.peak, highest)

    @property
    def mean(self) -> float | None:
        return self._sum / self._seconds if self._seconds else None


class _Gpu:
    """The running sums of one GPU."""

    def __init__(self, first: GpuTick) -> None:
        self.first = self.last = first
        self.utilization, self.coverage, self.power = _Mean(), _Mean(), _Mean()
        self.whole, self.followed, self.temperature = _Mean(), _Mean(), _Mean()
        self.seen = [0] * 101  # how often each percentage of utilisation was sampled
        self.users = False  # a followed process was on it
        self.throttled: dict[str, float] = {}
        self.xids: list[int] = []

    def add(self, gpu: GpuTick, seconds: float, held: int | None) -> None:
        """`held` is the memory of the followed processes, None when there is none on this GPU."""
        self.last = gpu
        self.users = self.users or held is not None
        utilization = read(gpu.utilization_percent)
        self.utilization.add(utilization, seconds, read(gpu.utilization_peak_percent))
        self.coverage.add(gpu.utilization_coverage_ratio, seconds)
        if utilization is not None:
            for value in gpu.utilization_samples_percent or (round(utilization),):
                self.seen[max(0, min(100, value))] += 1
        self.power.add(read(gpu.power_watts), seconds)
        self.temperature.add(read(gpu.temperature_celsius), seconds)
        self.whole.add(read(gpu.memory_used_bytes), seconds)
        self.followed.add(held or 0, seconds)
        for reason in set(read(gpu.throttle_reasons) or ()) - _IDLE:
            self.throttled[reason] = self.throttled.get(reason, 0.0) + seconds
        self.xids += read(gpu.xids) or ()

    def summary(self) -> GpuSummary:
        gpu, memory = self.last, self.followed if self.users else self.whole
        return GpuSummary(
            index=gpu.index,
            uuid=read(gpu.uuid),
            name=read(gpu.name),
            utilization_mean_percent=_rounded(self.utilization.mean),
            utilization_p95_percent=_percentile(self.seen, 95),
            utilization_peak_percent=self.utilization.peak,
            utilization_coverage_ratio=_rounded(self.coverage.mean) or 0.0,
            memory_of="processes" if self.users else "gpu",
            memory_mean_bytes=None if memory.mean is None else round(memory.mean),
            memory_peak_bytes=None if memory.peak is None else round(memory.peak),
            energy_joules=self._joules(),
            power_mean_watts=_rounded(self.power.mean),
            temperature_peak_celsius=None
            if self.temperature.peak is None
            else round(self.temperature.peak),
            throttled_seconds={why: round(s, 1) for why, s in sorted(self.throttled.items())},
            xids=tuple(self.xids),
            error=gpu.error.reason if gpu.error else None,
        )

    def _joules(self) -> float | None:
        before, after = self.first.energy_joules, self.last.energy_joules
        if isinstance(before, Unread) or isinstance(after, Unread) or after < before:
            return None
        return round(after - before, 1)


class Summary:
    """Sums up ticks; its size does not grow with their number."""

    def __init__(self, mine: Callable[[int], bool]) -> None:
        """`mine` tells whether a process id belongs to what is followed."""
        self._mine = mine
        self._gpus: dict[int, _Gpu] = {}

    def add(self, tick: Tick) -> None:
        """The first tick marks the start: what it looks back on is not counted."""
        held: dict[int, int] = {}
        for process in tick.processes:
            if self._mine(process.pid):
                more = read(process.gpu_memory_bytes) or 0
                held[process.gpu_index] = held.get(process.gpu_index, 0) + more
        for gpu in tick.gpus:
            if gpu.index in self._gpus:
                self._gpus[gpu.index].add(gpu, tick.interval_s, held.get(gpu.index))
            else:
                self._gpus[gpu.index] = _Gpu(gpu)

    def used(self) -> tuple[GpuSummary, ...]:
        """The GPUs on which a followed process was seen; all of them when none was."""
        used = [sums for sums in self._gpus.values() if sums.users]
        return tuple(sums.summary() for sums in used or self._gpus.values())


def _percentile(counts: Sequence[int], percent: int) -> float | None:
    """The nearest-rank percentile of values 0, 1, 2, ... that were seen so often."""
    rank = -(-sum(counts) * percent // 100)  # rounded up
    for value, count in enumerate(counts):
        rank -= count
        if count and rank <= 0:
            return float(value)
    return None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
