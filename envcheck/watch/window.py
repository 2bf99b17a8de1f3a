"""What samples and counters say of a stretch of time. Pure."""

import msgspec

from envcheck.nvml.signals import Counter, Ring

# The shortest period of nvmlDeviceGetUtilizationRates; a rate proves no more than that.
# https://docs.nvidia.com/deploy/nvml-api/structnvmlUtilization__t.html
RATE_PERIOD_S = 1 / 6


class Window(msgspec.Struct, frozen=True):
    """Samples of a stretch of time: mean, peak, and how much of the stretch they cover (0 to 1)."""

    mean: float
    peak: float
    values: tuple[float, ...]
    coverage: float


def window(ring: Ring, since_us: int, interval_s: float) -> Window:
    """The samples after `since_us` (the last one seen), or the last `interval_s` when it is 0.

    Each value holds for one period, so their plain mean is the mean over time. Coverage falls
    below 1 when the ring is shorter than the time between two looks.
    """
    period_us = _period_us(ring, since_us)
    values, stretch_us = ring.values, float(ring.last_us - since_us)
    if since_us == 0:
        stretch_us = interval_s * 1e6
        if period_us:
            values = values[-max(1, round(stretch_us / period_us)) :]
    covered = len(values) * period_us
    coverage = min(1.0, covered / stretch_us) if stretch_us > 0 else 0.0
    return Window(sum(values) / len(values), max(values), values, round(coverage, 3))


def _period_us(ring: Ring, since_us: int) -> float:
    if len(ring.values) > 1:
        return (ring.last_us - ring.first_us) / (len(ring.values) - 1)
    if since_us:
        return float(ring.last_us - since_us)
    return RATE_PERIOD_S * 1e6


def rate_coverage(interval_s: float) -> float:
    """How much of an interval one rate covers at least."""
    return round(min(1.0, RATE_PERIOD_S / interval_s), 3) if interval_s > 0 else 1.0


def per_second(before: Counter, after: Counter) -> float | None:
    """How fast a counter rose; None when it went back (the driver was reloaded, or it wrapped)."""
    seconds, rise = after.at_s - before.at_s, after.value - before.value
    if seconds <= 0 or rise < 0:
        return None
    return rise / seconds
