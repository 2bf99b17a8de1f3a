"""The machines on which other checkers are wrong, judged with the builds' own data.

A false alarm on a healthy machine costs all trust: an RTX 4090 runs sm_86 code, a GTX 1080 Ti runs
sm_60 code, and CUDA 12.x builds run on every driver from the 12.0 one on. A driver alone does not
make a build fit: driver 580 still drives Volta, and CUDA 13 builds hold no code for it.
"""

from typing import Any

import pytest

from envcheck.facts import Snapshot
from envcheck.kb import load
from tests.rules.machine import change, gpu, healthy, report

CARDS: dict[str, dict[str, Any]] = {
    "V100": {"name": "Tesla V100-SXM2-16GB", "sm": "7.0"},
    "GTX 1080 Ti": {"name": "NVIDIA GeForce GTX 1080 Ti", "sm": "6.1"},
    "RTX 4090": {"name": "NVIDIA GeForce RTX 4090", "sm": "8.9"},
    "RTX 5090": {"name": "NVIDIA GeForce RTX 5090", "sm": "12.0"},
    "H100": {"name": "NVIDIA H100 80GB HBM3", "sm": "9.0"},
}
CLOSED = ("V100", "GTX 1080 Ti")  # no open kernel modules


def machine(card: str, driver: str, torch: str, cuda: str, python: str = "3.11.9") -> Snapshot:
    rows = [
        row
        for row in load().builds.of(torch)
        if row.cuda == cuda and row.platform == "linux-x86_64"
    ]
    assert rows, f"no build of torch {torch} for CUDA {cuda} is known"
    return change(
        healthy(),
        gpus__devices=(gpu(**CARDS[card]),),
        driver__version=driver,
        driver__module_version=driver,
        driver__library_version=driver,
        driver__module_flavor="proprietary" if card in CLOSED else "open",
        torch__version=f"{torch}+cu{cuda.replace('.', '')}",
        torch__cuda=cuda,
        torch__sass=rows[0].sass,
        torch__ptx=rows[0].ptx,
        torch__libraries=(),
        torch__companions=(),
        torch__pins=(),
        python__version=python,
    )


def problems(snapshot: Snapshot) -> set[str]:
    result = report(snapshot)
    assert not result.crashed
    return {finding.name for finding in result.findings if finding.severity != "note"}


@pytest.mark.parametrize(
    ("card", "driver", "torch", "cuda"),
    [
        ("RTX 4090", "570.124.06", "2.8.0", "12.8"),
        ("GTX 1080 Ti", "580.95.05", "2.8.0", "12.6"),
        ("V100", "580.95.05", "2.9.1", "12.8"),
        ("H100", "535.104.05", "2.8.0", "12.8"),
        ("RTX 5090", "570.124.06", "2.7.1", "12.8"),
    ],
)
def test_healthy_machines_are_fit(card: str, driver: str, torch: str, cuda: str) -> None:
    snapshot = machine(card, driver, torch, cuda)
    assert problems(snapshot) == set()
    assert report(snapshot).verdict == "fit"


@pytest.mark.parametrize(
    ("card", "driver", "torch", "cuda", "problem", "mend"),
    [
        ("V100", "580.95.05", "2.9.1", "13.0", "arch_not_in_build", "/cu126"),
        ("GTX 1080 Ti", "580.95.05", "2.9.1", "13.0", "arch_not_in_build", "/cu126"),
        ("RTX 5090", "570.124.06", "2.6.0", "12.4", "arch_not_in_build", "/cu12"),
        ("H100", "535.104.05", "2.9.1", "13.0", "driver_too_old", "580"),
    ],
)
def test_unfit_machines_are_named_and_mended(
    card: str, driver: str, torch: str, cuda: str, problem: str, mend: str
) -> None:
    snapshot = machine(card, driver, torch, cuda)
    assert problems(snapshot) == {problem}
    finding = next(f for f in report(snapshot).findings if f.name == problem)
    assert finding.remedy and mend in " ".join(finding.remedy.commands)
