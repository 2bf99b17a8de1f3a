"""Recorded machines: what the doctor says of each. A bug report becomes a row here."""

from pathlib import Path

import pytest

from envcheck.facts import decode, encode
from envcheck.judge import judge
from envcheck.kb import load
from envcheck.report import Report
from envcheck.rules import choose

MACHINES = Path(__file__).parent / "machines"

# machine → (verdict, errors and warnings by name)
EXPECTED: dict[str, tuple[str, set[str]]] = {
    "h100": ("fit", set()),
    "h100_nvswitch": ("fit", set()),
    "h100_nvswitch_no_fabric_manager": ("unfit", {"fabric_manager_not_running"}),
    "h100_driver_450": ("unfit", {"driver_too_old", "gpu_too_new_for_driver"}),
    "v100_driver580_cu130": ("unfit", {"arch_not_in_build"}),
    "rtx5090_torch26": ("unfit", {"arch_not_in_build"}),
    "rtx4090": ("fit", set()),
    "gtx1080ti": ("fit", set()),
    "k80_driver470": ("unfit", {"arch_not_in_build", "driver_too_old"}),
    "a100_mig": ("fit", set()),
    "a100_mig_no_instance": ("unfit", {"mig_without_instance"}),
    "a100_cpu_torch": ("unfit", {"cpu_only_build"}),
    "wsl2_rtx4090": ("fit", set()),
    "laptop_no_gpu_cpu_torch": ("fit", set()),
    "laptop_no_gpu_no_torch": ("unknown", {"no_gpu_on_this_machine", "torch_missing"}),
    "driver_not_loaded": ("unfit", {"driver_not_loaded"}),
    "library_mismatch": ("unfit", {"driver_library_mismatch"}),
    "docker_no_gpu": ("fit", {"container_without_gpu"}),
    "docker_rtx4090_ffmpeg_no_video": ("fit", {"ffmpeg_without_video_libraries"}),
    "rtx4090_ffmpeg_new_headers": ("fit", {"nvenc_needs_newer_driver"}),
}


def examine(name: str) -> Report:
    return judge(decode((MACHINES / f"{name}.json").read_bytes()), load(), choose([], []))


@pytest.mark.parametrize("name", EXPECTED)
def test_recorded_machine(name: str) -> None:
    report = examine(name)
    assert not report.crashed
    found = {f.name for f in report.findings if f.severity != "note"}
    verdict, expected = EXPECTED[name]
    assert found == expected
    assert report.verdict == verdict


@pytest.mark.parametrize("name", EXPECTED)
def test_recorded_machine_equals_its_json(name: str) -> None:
    snapshot = decode((MACHINES / f"{name}.json").read_bytes())
    assert decode(encode(snapshot)) == snapshot


def test_every_recorded_machine_is_expected_to_say_something() -> None:
    assert {path.stem for path in MACHINES.glob("*.json")} == set(EXPECTED)


def commands(name: str, finding: str) -> str:
    report = examine(name)
    remedy = next(f.remedy for f in report.findings if f.name == finding)
    assert remedy is not None
    return "\n".join(remedy.commands)


def test_the_mend_fits_the_machine() -> None:
    """Volta needs an older CUDA variant, Blackwell a newer one; each is named exactly."""
    assert "/cu126" in commands("v100_driver580_cu130", "arch_not_in_build")
    assert "/whl/cu12" in commands("rtx5090_torch26", "arch_not_in_build")
    assert "torch==2.6" not in commands("rtx5090_torch26", "arch_not_in_build")
    assert "580" in commands("h100_driver_450", "driver_too_old")
