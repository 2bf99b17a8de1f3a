"""What the graphs need of the ticks so far, in bounded memory. Pure."""

from collections import deque

from envcheck.watch.tick import GpuTick, Tick, Unread, read

KEPT = 480  # columns on the widest terminal


class GpuHistory:
    """One GPU's newest values; None where a value could not be read."""

    def __init__(self) -> None:
        self.utilization: deque[float | None] = deque(maxlen=KEPT)
        self.utilization_peak: deque[float | None] = deque(maxlen=KEPT)
        self.memory: deque[float | None] = deque(maxlen=KEPT)  # percent
        self.power: deque[float | None] = deque(maxlen=KEPT)  # watts
        self.power_peak: deque[float | None] = deque(maxlen=KEPT)
        self.temperature: deque[float | None] = deque(maxlen=KEPT)
        self.xid: tuple[int, str] | None = None  # the last one, and when it came
        self.xids = 0

    def add(self, gpu: GpuTick, timestamp: str) -> None:
        self.utilization.append(read(gpu.utilization_percent))
        self.utilization_peak.append(read(gpu.utilization_peak_percent))
        self.memory.append(memory_percent(gpu))
        self.power.append(read(gpu.power_watts))
        self.power_peak.append(read(gpu.power_peak_watts))
        self.temperature.append(read(gpu.temperature_celsius))
        if not isinstance(gpu.xids, Unread) and gpu.xids:
            self.xid = (gpu.xids[-1], timestamp)
            self.xids += len(gpu.xids)

    def gap(self) -> None:
        """A stretch of time without any reading."""
        for values in vars(self).values():
            if isinstance(values, deque):
                values.append(None)


class History:
    """All GPUs over time."""

    def __init__(self) -> None:
        self._gpus: dict[int, GpuHistory] = {}

    def add(self, tick: Tick) -> None:
        seen = set()
        for gpu in tick.gpus:
            self.of(gpu.index).add(gpu, tick.timestamp)
            seen.add(gpu.index)
        for index, history in self._gpus.items():
            if index not in seen:
                history.gap()

    def of(self, index: int) -> GpuHistory:
        return self._gpus.setdefault(index, GpuHistory())


def memory_percent(gpu: GpuTick) -> float | None:
    used, total = read(gpu.memory_used_bytes), read(gpu.memory_total_bytes)
    return 100 * used / total if used is not None and total else None
