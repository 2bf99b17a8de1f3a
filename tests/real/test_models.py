"""`envcheck models verify` with real torch and pytorchvideo."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from envcheck.video.catalogue import architectures

pytestmark = pytest.mark.real


def verify(env: Path, *arguments: str, **environ: str) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-m", "envcheck", "models", "verify", *arguments,
         "--python", str(env / "bin/python"), "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environ},
    )  # fmt: skip
    assert "Traceback" not in ran.stderr, ran.stderr
    report: dict[str, Any] = json.loads(ran.stdout)
    assert ran.returncode == report["exit_code"]
    return report


def test_every_architecture_is_counted(video_env: Path) -> None:
    report = verify(video_env)
    assert (report["verdict"], report["exit_code"]) == ("fit", 0)
    counted = [t for t in report["snapshot"]["trials"]["trials"] if "expected" in t]
    assert len(counted) == 3 * len(architectures())
    assert {f["name"] for f in report["findings"]} == {"torchvision_stubbed"}


def test_a_changed_model_is_found(video_env: Path, tmp_path: Path) -> None:
    """One layer too wide: every published checkpoint would fail to load."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.abc, sys\n"
        "class Wider(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'pytorchvideo.models.hub':\n"
        "            sys.meta_path.remove(self)\n"
        "            import pytorchvideo.models.x3d as x3d\n"
        "            made = x3d.create_x3d\n"
        "            x3d.create_x3d = lambda **o: made(**{**o, 'stem_dim_in': 16})\n"
        "sys.meta_path.insert(0, Wider())\n"
    )
    report = verify(video_env, "x3d_s", "slow_r50", PYTHONPATH=str(tmp_path))
    wrong = [f for f in report["findings"] if f["name"] == "model_count_differs"]
    assert report["exit_code"] == 1
    assert {f["subject"].split()[-1] for f in wrong} == {"x3d_s"} and len(wrong) == 3
    assert "the architecture has 3794274" in wrong[0]["message"]
