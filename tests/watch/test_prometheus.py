"""Metrics under dcgm-exporter's names."""

import urllib.request

import pytest

from envcheck.errors import UsageError
from envcheck.watch.prometheus import Exporter, parse_address
from envcheck.watch.tick import Tick, Unread
from tests.watch.ticks import GIB, gpu, tick

LABELS = (
    'DCGM_FI_DRIVER_VERSION="580.65.06",Hostname="host",UUID="GPU-0",device="nvidia0",gpu="0",'
    'modelName="NVIDIA H100",pci_bus_id="0000:1b:00.0"'
)


def scraped(*ticks: Tick) -> dict[str, float]:
    """Metric with its labels → value."""
    with Exporter(":0") as exporter:
        for one in ticks:
            exporter.update(one)
        with urllib.request.urlopen(exporter.address, timeout=10) as answer:
            lines = answer.read().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_names_labels_and_units() -> None:
    values = scraped(tick(gpu(utilization_percent=42.5, memory_used_bytes=2 * GIB)))
    assert values[f"DCGM_FI_DEV_GPU_UTIL{{{LABELS}}}"] == 42.5
    assert values[f"DCGM_FI_DEV_FB_USED{{{LABELS}}}"] == 2048
    assert values[f"DCGM_FI_DEV_GPU_TEMP{{{LABELS}}}"] == 40
    assert values[f"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{{LABELS}}}"] == 1_000_000
    assert values[f"envcheck_gpu_up{{{LABELS}}}"] == 1


def test_unreadable_value_has_no_sample() -> None:
    values = scraped(tick(gpu(temperature_celsius=Unread("TIMEOUT", "hung"))))
    assert not any(name.startswith("DCGM_FI_DEV_GPU_TEMP") for name in values)


def test_last_xid_stays() -> None:
    values = scraped(tick(gpu(xids=(31, 79))), tick(gpu()))
    assert values[f"DCGM_FI_DEV_XID_ERRORS{{{LABELS}}}"] == 79


def test_nothing_read_yet_is_an_empty_answer() -> None:
    assert scraped() == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (":9400", ("127.0.0.1", 9400)),
        ("9400", ("127.0.0.1", 9400)),
        ("0.0.0.0:9400", ("0.0.0.0", 9400)),
        ("[::1]:9400", ("::1", 9400)),
    ],
)
def test_address(text: str, expected: tuple[str, int]) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize("text", ["", ":", "host:", "host:port", ":99999"])
def test_no_address(text: str) -> None:
    with pytest.raises(UsageError):
        parse_address(text)


def test_taken_port() -> None:
    with Exporter(":0") as first:
        port = first.address.split(":")[2].split("/")[0]
        with pytest.raises(UsageError, match="in use"):
            Exporter(f":{port}")
