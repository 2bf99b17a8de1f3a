"""`--fail-if`: what fires, what must hold, what cannot be judged."""

from typing import Any

import pytest

from envcheck.errors import UsageError
from envcheck.watch.alarm import Alarms, parse
from envcheck.watch.tick import Unread
from tests.watch.ticks import GIB, gpu, tick


def fires(text: str, **values: Any) -> bool:
    return bool(Alarms([parse(text)]).check(tick(gpu(**values))))


@pytest.mark.parametrize(
    ("text", "values", "fired"),
    [
        ("temp>85", {"temperature_celsius": 86}, True),
        ("temp>85", {"temperature_celsius": 85}, False),
        ("temp >= 85", {"temperature_celsius": 85}, True),
        ("util<5", {"utilization_percent": 4.9}, True),
        ("util<5%", {"utilization_percent": 5.0}, False),
        ("mem>90%", {"memory_used_bytes": 73 * GIB}, True),
        ("mem>90%", {"memory_used_bytes": 71 * GIB}, False),
        ("free<20GiB", {"memory_free_bytes": 19 * GIB}, True),
        ("used>=1GiB", {"memory_used_bytes": GIB}, True),
        ("power>650W", {"power_watts": 651.0}, True),
        ("pcie_rx_bytes_per_second<1000", {"pcie_rx_bytes_per_second": 3.0}, True),
        ("ecc", {"ecc_uncorrected": 1}, True),
        ("ecc", {"ecc_uncorrected": 0}, False),
        ("xid", {"xids": (79,)}, True),
        ("xid==79", {"xids": (79,)}, True),
        ("xid", {"xids": ()}, False),
        ("throttle", {"throttle_reasons": ("hw_slowdown",)}, True),
        ("throttle", {"throttle_reasons": ("gpu_idle",)}, False),
        ("lost", {"error": Unread("GPU_IS_LOST", "gone")}, True),
        ("lost", {}, False),
    ],
)
def test_condition(text: str, values: dict[str, Any], fired: bool) -> None:
    assert fires(text, **values) is fired


def test_says_which_gpu_and_what_was_seen() -> None:
    alarms = Alarms([parse("temp>85")])
    fired = alarms.check(tick(gpu(0), gpu(1, temperature_celsius=91)))
    assert fired == ["GPU 1: temp>85 (91)"]


def test_must_hold_for_a_while() -> None:
    alarms = Alarms([parse("util<5 for 3s")])
    idle, busy = tick(gpu(utilization_percent=0.0)), tick(gpu(utilization_percent=50.0))
    assert [bool(alarms.check(t)) for t in (idle, idle, busy, idle, idle, idle)] == [
        *(False, False, False, False, False),
        True,
    ]


def test_gpus_hold_apart() -> None:
    alarms = Alarms([parse("util<5 for 2s")])
    alarms.check(tick(gpu(0, utilization_percent=0.0), gpu(1, utilization_percent=50.0)))
    fired = alarms.check(tick(gpu(0, utilization_percent=50.0), gpu(1, utilization_percent=0.0)))
    assert fired == []


def test_unreadable_value_is_no_pass() -> None:
    alarms = Alarms([parse("fan>90")])
    assert alarms.check(tick(gpu())) == []
    (words,) = alarms.unjudged()
    assert words.startswith("GPU 0: fan>90 could not be judged: nvmlDeviceGetFanSpeed")


def test_judged_once_is_judged() -> None:
    alarms = Alarms([parse("fan>90")])
    alarms.check(tick(gpu(fan_percent=10)))
    alarms.check(tick(gpu()))
    assert alarms.unjudged() == []


@pytest.mark.parametrize(
    "text", ["", "temp", "temp>", "temp>hot", "warmth>3", "temp=85", "util<5 for ever", "mem>3QB"]
)
def test_not_an_alarm(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)
