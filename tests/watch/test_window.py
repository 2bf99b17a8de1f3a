"""What samples and counters say of a stretch of time."""

import pytest

from envcheck.nvml.signals import Counter, Ring
from envcheck.watch.window import per_second, rate_coverage, window

PERIOD_US = 1_000_000 // 4


def ring(*values: float, start_us: int = 0) -> Ring:
    ends = [start_us + PERIOD_US * (number + 1) for number in range(len(values))]
    return Ring(ends[0], ends[-1], values)


def test_mean_and_peak_of_what_is_new() -> None:
    seen = window(ring(0, 0, 100, 60, start_us=5_000_000), 5_000_000, 1.0)
    assert (seen.mean, seen.peak, seen.coverage) == (40, 100, 1.0)


def test_first_look_takes_the_interval_only() -> None:
    seen = window(ring(100, 100, 100, 100, 0, 0, 0, 8), 0, 1.0)
    assert (seen.mean, seen.peak, seen.values) == (2, 8, (0, 0, 0, 8))


def test_ring_shorter_than_the_interval_says_so() -> None:
    four_seconds_ago = 1_000_000
    seen = window(ring(50, 50, start_us=4_500_000), four_seconds_ago, 4.0)
    assert seen.coverage == pytest.approx(0.125)


def test_one_new_sample_covers_the_time_since_the_last() -> None:
    seen = window(ring(30, start_us=1_000_000), 1_000_000, 0.25)
    assert (seen.mean, seen.coverage) == (30, 1.0)


def test_one_sample_at_the_first_look() -> None:
    assert window(ring(30), 0, 1.0).coverage == pytest.approx(1 / 6, abs=0.001)


def test_rate_covers_its_own_period_only() -> None:
    assert rate_coverage(1.0) == pytest.approx(1 / 6, abs=0.001)
    assert rate_coverage(0.1) == 1.0


def test_counters() -> None:
    assert per_second(Counter(1000, 5.0), Counter(3000, 7.0)) == 1000
    assert per_second(Counter(1000, 5.0), Counter(10, 6.0)) is None
    assert per_second(Counter(1000, 5.0), Counter(1000, 5.0)) is None
