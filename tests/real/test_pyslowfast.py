"""A PySlowFast checkout with real torch: the model is built and run, and a fault in it is named."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.smoke.checkout import write

pytestmark = pytest.mark.real


def smoke(env: Path, repo: Path, *arguments: str) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-m", "envcheck", "smoke", "pyslowfast", "--repo", str(repo),
         "--python", str(env), "--device", "cpu", "--format", "json", *arguments],
        capture_output=True, text=True, check=False, env={**os.environ},
    )  # fmt: skip
    assert "Traceback" not in ran.stderr, ran.stderr
    report: dict[str, Any] = json.loads(ran.stdout)
    assert ran.returncode == report["exit_code"] and report["crashed"] == []
    return report


def named(report: dict[str, Any], *severities: str) -> list[str]:
    wanted = severities or ("error", "warning")
    return [f["name"] for f in report["findings"] if f["severity"] in wanted]


def trial(report: dict[str, Any], check: str) -> dict[str, Any]:
    found = [t for t in report["snapshot"]["trials"]["trials"] if t["check"] == check]
    assert found, f"no trial {check}"
    return dict(found[-1])


def test_a_right_checkout_is_fit(cpu_env: Path, tmp_path: Path) -> None:
    report = smoke(cpu_env, write(tmp_path / "repo"))
    assert report["verdict"] == "fit" and named(report, "note") == ["no_gpu_proved"]
    assert trial(report, "repo_build")["details"]["parameters"] == str(2 * 4 * (81 + 1) + 9 * 5)
    forward = trial(report, "repo_forward")["details"]
    assert forward["input"] == "1x3x2x32x32 1x3x8x32x32" and forward["output"] == "1x5"


def test_detection_gets_boxes(cpu_env: Path, tmp_path: Path) -> None:
    repo = write(tmp_path / "repo", SLOWFAST_4x16_R50="DETECTION:\n  ENABLE: True\n")
    assert smoke(cpu_env, repo)["verdict"] == "fit"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("return self.head(", "return float('nan') * self.head(", "NaN"),
        ("cfg.MODEL.NUM_CLASSES)", "7)", "the output is 1x7"),
        ("return self.head(", "return (self.head(", "gave a tuple"),
        ("self.head = ", "self.gone\n            self.head = ", "no attribute 'gone'"),
        ("shape[2] == 8", "shape[2] == 9", "AssertionError"),
    ],
)
def test_a_model_with_a_fault(
    cpu_env: Path, tmp_path: Path, old: str, new: str, words: str
) -> None:
    repo = write(tmp_path / "repo")
    build = repo / "slowfast/models/build.py"
    text = build.read_text()
    assert text.count(old) == 1
    text = text.replace(old, new)
    if "gave a tuple" in words:
        text = text.replace("4))], 1))", "4))], 1)),)")
    build.write_text(text)
    report = smoke(cpu_env, repo)
    assert named(report) == ["pyslowfast_fails"]
    assert words in report["findings"][0]["message"]


def test_an_alias_of_numpy_met_while_the_model_runs(cpu_env: Path, tmp_path: Path) -> None:
    repo = write(tmp_path / "repo")
    build = repo / "slowfast/models/build.py"
    build.write_text(
        "import numpy as np\n"
        + build.read_text().replace(
            "slow, fast = ", "np.float(1), np.int(2)\n            slow, fast = "
        )
    )
    report = smoke(cpu_env, repo)
    assert named(report) == ["pyslowfast_incompatible"]
    assert trial(report, "repo_forward")["status"] == "ok", "it went on with stand-ins"
    assert "pyslowfast_runs_with_stand_ins" in named(report, "note")
    (finding,) = [f for f in report["findings"] if f["severity"] == "error"]
    subprocess.run(["bash", "-c", finding["remedy"]["commands"][0]], check=True)
    assert smoke(cpu_env, repo)["verdict"] == "fit"


def test_a_model_larger_than_memory(cpu_env: Path, tmp_path: Path) -> None:
    repo = write(tmp_path / "repo", SLOWFAST_4x16_R50="")
    build = repo / "slowfast/models/build.py"
    build.write_text(
        build.read_text().replace("self.head = ", "torch.empty(1 << 50)\n            self.head = ")
    )
    assert named(smoke(cpu_env, repo)) == ["proof_out_of_memory"]


def test_without_torch(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "envcheck", "smoke", "pyslowfast", "--repo",
         str(write(tmp_path / "repo")), "--python", sys.executable, "--format", "json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert named(json.loads(ran.stdout)) == ["torch_import_fails"] and ran.returncode == 1
