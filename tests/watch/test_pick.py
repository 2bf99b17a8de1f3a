"""`gpu-watch pick`: healthy by the doctor's rules, idle by what was seen."""

import os
from typing import Any

import pytest

from envcheck.facts import Gpu, Gpus, Snapshot, failed
from envcheck.kb import load
from envcheck.pick import Choice, Wish, match, unfit_gpus
from envcheck.rules import RULES
from envcheck.watch.tick import Unread
from tests.watch.conftest import Command, Fleet
from tests.watch.ticks import GIB, gpu, mig, process, tick

HEALTH = tuple(rule for rule in RULES if rule.subject == "gpu" and rule.each)
HEALTHY: dict[str, Any] = {
    "lost": None, "hung": None, "ecc_uncorrectable": 0, "row_remap_failed": False,
    "row_remap_pending": False, "throttle_reasons": (), "pcie_width": 16, "pcie_width_max": 16,
}  # fmt: skip


def picked(choice: Choice) -> list[str]:
    return [one.uuid for one in choice.picked]


def unfit(**values: Any) -> dict[int, str]:
    devices = (Gpu(index=0, **{**HEALTHY, **values}), Gpu(index=1, **HEALTHY))
    return unfit_gpus(Snapshot(gpus=Gpus(devices=devices)), HEALTH, load())


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"lost": "GPU_IS_LOST"}, "GPU003"),
        ({"lost": failed("NO_PERMISSION")}, "NO_PERMISSION"),
        ({"hung": "nvmlDeviceGetPowerUsage"}, "does not return"),
        ({"ecc_uncorrectable": 2}, "GPU004"),
        ({"row_remap_failed": True}, "GPU006"),
        ({"throttle_reasons": ("hw_thermal_slowdown",)}, "GPU007"),
    ],
)
def test_faulty_by_the_rules(values: dict[str, Any], why: str) -> None:
    found = unfit(**values)
    assert list(found) == [0]
    assert why in found[0]


def test_healthy_by_the_rules() -> None:
    assert unfit() == {}


def test_least_used_and_most_free_first() -> None:
    seen = tick(
        gpu(0, utilization_percent=3.0),
        gpu(1, memory_free_bytes=10 * GIB),
        gpu(2, memory_free_bytes=70 * GIB),
        gpu(3, utilization_percent=6.0),
    )
    choice = match(seen, {}, Wish(count=3))
    assert picked(choice) == ["GPU-2", "GPU-1", "GPU-0"]
    assert choice.rejected == ("GPU 3: busy, 6 % over the last 10 s",)


def test_a_process_makes_it_busy_unless_memory_is_asked_for() -> None:
    seen = tick(gpu(0), processes=(process(12), process(13, kind="graphics")))
    assert match(seen, {}, Wish()).rejected == ("GPU 0: in use by process 12",)
    assert picked(match(seen, {}, Wish(free_memory_bytes=20 * GIB))) == ["GPU-0"]
    too_much = match(seen, {}, Wish(free_memory_bytes=100 * GIB))
    assert too_much.rejected == ("GPU 0: 79.0 GiB of memory free",)


def test_a_graphics_process_does_not() -> None:
    assert picked(match(tick(gpu(0), processes=(process(1, kind="graphics"),)), {}, Wish()))


def test_never_an_unfit_or_unreadable_one() -> None:
    lost = Unread("GPU_IS_LOST", "lost")
    seen = tick(
        gpu(0),
        gpu(1, error=lost),
        gpu(2, memory_free_bytes=lost),
        gpu(3, uuid=lost),
        gpu(4, utilization_percent=lost),
        processes_unread={4: lost},
    )
    choice = match(seen, {0: "GPU004: errors"}, Wish(count=5))
    assert choice.picked == ()
    assert len(choice.rejected) == 5


def test_mig_instances_by_uuid() -> None:
    no_use = Unread("NOT_SUPPORTED", "under MIG")
    parent = gpu(0, utilization_percent=no_use, mig_devices=(mig(0), mig(1)))
    seen = tick(parent, processes=(process(5, gpu_instance=1, compute_instance=0),))
    choice = match(seen, {}, Wish(count=2))
    assert picked(choice) == ["MIG-1"]
    assert choice.rejected == ("GPU 0 MIG 0: in use by process 5",)


def test_on_a_driver(simulated: Fleet, gpu_watch: Command) -> None:
    described = [
        {"procs": [{"pid": os.getpid()}]},
        {"ecc_uncorrected": 3},
        {},
        {"util": 50},
        {"mig": [{"gi": 1, "ci": 0}]},
        {},
    ]
    lost = {"gpu": 5, "fn": "*", "ret": 15}
    env = simulated(described, faults=[lost])
    ran = gpu_watch("pick", "-n", "2", env=env)
    assert ran.returncode == 0
    assert ran.stdout == (
        "GPU-51a0b002-5717-4562-b3fc-2c963f660000,MIG-51a0b004-5717-4562-b3fc-2c963f660001\n"
    )
    ran = gpu_watch("pick", "-n", "3", env=env)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "2 of 3 GPUs fit" in ran.stderr
    for words in ("GPU 0: in use", "GPU 1: GPU004", "GPU 3: busy", "GPU 5: GPU003"):
        assert words in ran.stderr


def test_indices_and_ignored_findings(simulated: Fleet, gpu_watch: Command) -> None:
    env = simulated([{"mem_used_mib": 9000}, {"ecc_uncorrected": 3}])
    assert gpu_watch("pick", "--index", env=env).stdout == "0\n"
    ran = gpu_watch("pick", "--index", "--ignore", "GPU004", "-n", "2", env=env)
    assert ran.stdout == "1,0\n"
    assert gpu_watch("pick", "--free-memory", "lots", env=env).returncode == 2
