"""`pip install envcheck[smoke]` beside a CPU torch: envcheck proves the environment it is in."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.conftest import CPU, MakeEnv

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

pytestmark = pytest.mark.real

ROOT = Path(__file__).parent.parent.parent


def test_the_smoke_extra_is_all_that_slowfast_needs(make_env: MakeEnv) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = project["optional-dependencies"]["smoke"]
    assert not any(requirement.startswith("torch") for requirement in extra)
    env = make_env(*CPU, *project["dependencies"], *extra)
    pip = [str(env / "bin/python"), "-m", "pip", "install", "--quiet", "--no-cache-dir"]
    subprocess.run([*pip, "--force-reinstall", "--no-deps", str(ROOT)], check=True)
    resolved = subprocess.run(
        [*pip, "--dry-run", "--report", "-", f"{ROOT}[smoke]"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    report = json.loads(resolved.stdout)
    missing = [row["metadata"]["name"] for row in report["install"]]
    assert set(missing) <= {"envcheck"}, "the extra asks for more than was installed"
    ran = subprocess.run(
        [env / "bin/envcheck", "smoke", "slowfast", "--model", "x3d_xs", "--device", "cpu",
         "--format", "json"],
        capture_output=True, text=True, check=False,
        env={**os.environ, "VIRTUAL_ENV": str(env), "PYTHONPATH": ""}, cwd=env,
    )  # fmt: skip
    judged = json.loads(ran.stdout)
    assert (judged["verdict"], ran.returncode) == ("fit", 0), ran.stderr
    trials = {t["name"]: t for t in judged["snapshot"]["trials"]["trials"]}
    assert trials["video"]["status"] == "ok" and "PyAV" in trials["video"]["details"]["decoder"]
