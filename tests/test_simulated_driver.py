"""Doctor, whole, against a simulated NVIDIA driver: lost GPUs, old drivers, hangs, refusals."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.nvmlstub import NoCompiler, build_stub, fleet

try:
    build_stub()
except NoCompiler as missing:
    pytest.skip(str(missing), allow_module_level=True)

H100 = {
    "name": "NVIDIA H100 80GB HBM3",
    "cc": "9.0",
    "pci_id": "0x233010de",
    "mem_total_mib": 81559,
}


def doctor(
    environ: dict[str, str], *arguments: str
) -> tuple[dict[str, Any], "subprocess.CompletedProcess[str]"]:
    ran = subprocess.run(
        [sys.executable, "-m", "envcheck", "doctor", "--format", "json", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environ},
    )
    assert "Traceback" not in ran.stderr
    report: dict[str, Any] = json.loads(ran.stdout)
    assert report["crashed"] == []
    return report, ran


def names(report: dict[str, Any]) -> set[str]:
    return {finding["name"] for finding in report["findings"]}


@pytest.mark.parametrize("count", [1, 2, 8, 16])
def test_every_gpu_is_read(tmp_path: Path, count: int) -> None:
    report, _ = doctor(fleet(tmp_path, [{**H100, "count": count}]))
    devices = report["snapshot"]["gpus"]["devices"]
    assert [gpu["index"] for gpu in devices] == list(range(count))
    assert {gpu["sm"] for gpu in devices} == {"9.0"}
    driver = report["snapshot"]["driver"]
    assert driver["version"] == "580.65.06" and driver["cuda"] == "13.0"
    assert driver["nvml"] == "ok"


def test_a_lost_gpu_is_a_finding_and_the_others_are_judged(tmp_path: Path) -> None:
    faults = [{"gpu": 1, "fn": "*", "ret": 15}]
    report, ran = doctor(fleet(tmp_path, [{**H100, "count": 3}], faults=faults))
    lost = next(f for f in report["findings"] if f["name"] == "gpu_lost")
    assert lost["subject"] == "GPU 1" and ran.returncode == 1
    assert [gpu.get("sm") for gpu in report["snapshot"]["gpus"]["devices"]][::2] == ["9.0", "9.0"]


def test_ecc_and_row_remapping(tmp_path: Path) -> None:
    gpus = [{**H100, "ecc_uncorrected": 3, "remap_pending": 1}, {**H100, "remap_failed": 1}]
    report, _ = doctor(fleet(tmp_path, gpus))
    assert {"ecc_uncorrectable", "row_remap_pending", "row_remap_failed"} <= names(report)


def test_mig_without_instances(tmp_path: Path) -> None:
    report, _ = doctor(fleet(tmp_path, [{**H100, "mig": []}]))
    assert "mig_without_instance" in names(report)


def test_an_old_driver_without_newer_functions(tmp_path: Path) -> None:
    hidden = ("nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetGpuFabricInfoV")
    report, _ = doctor(fleet(tmp_path, [H100], library=build_stub(hide=hidden)))
    (gpu,) = report["snapshot"]["gpus"]["devices"]
    assert gpu["memory_bytes"] == 81559 << 20


def test_library_and_module_of_two_versions(tmp_path: Path) -> None:
    report, _ = doctor(fleet(tmp_path, [], init_return=18))
    assert report["snapshot"]["driver"]["nvml"].startswith("version_mismatch")


@pytest.mark.parametrize(
    "fault",
    [
        {"gpu": 0, "fn": "nvmlDeviceGetUUID", "hang": True},
        {"gpu": -1, "fn": "nvmlInit", "hang": True},
    ],
)
def test_a_hanging_driver_is_named_and_never_hangs_doctor(
    tmp_path: Path, fault: dict[str, object]
) -> None:
    begun = time.monotonic()
    report, ran = doctor(fleet(tmp_path, [{**H100, "count": 2}], faults=[fault]), "--timeout", "2")
    assert time.monotonic() - begun < 20  # a hang, not a slow machine
    assert "driver_hangs" in names(report) and ran.returncode == 1


def test_no_gpu_behind_the_driver(tmp_path: Path) -> None:
    report, _ = doctor(fleet(tmp_path, []))
    assert report["snapshot"]["gpus"]["devices"] == []
