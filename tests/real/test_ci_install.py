"""The ready-made steps install this checkout as they would on a fresh machine."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.ci.runners import ROOT, Action
from tests.ci.test_gitlab import Job
from tests.real.conftest import MakeEnv

pytestmark = pytest.mark.real
# What a checkout on a runner has; no caches or environments of this machine.
CHECKOUT = ("action.yml", "ci", "envcheck", "pyproject.toml", "README.md")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """This checkout's files as a runner downloads them."""
    folder = tmp_path / "_actions/OWNER/envcheck/main"
    folder.mkdir(parents=True)
    for name in CHECKOUT:
        if (ROOT / name).is_dir():
            leave = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=leave)
        else:
            shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_the_action_installs_its_own_checkout(
    checkout: Path, tmp_path: Path, installer: str, make_env: MakeEnv
) -> None:
    path = "/usr/local/bin:/usr/bin:/bin"
    if installer == "uv":
        path = f"{make_env('uv') / 'bin'}:{path}"
    else:
        path = f"{Path(shutil.which('python3') or '').resolve().parent}:{path}"
    ran = Action(tmp_path, checkout).run(
        {"require": "cpus >= 1", "args": "--select POL"}, PATH=path
    )
    assert ran.returncode == 0, ran.log
    assert (tmp_path / "temp/envcheck/bin/envcheck").exists()
    assert ran.outputs["exit-code"] == "0"
    assert not list(checkout.rglob("*.egg-info")) and not (checkout / "build").exists()


def test_gitlabs_job_installs_what_it_is_told(checkout: Path, tmp_path: Path) -> None:
    ran = Job(tmp_path).run(
        ENVCHECK_PACKAGE=str(checkout),
        ENVCHECK_REQUIRE="cpus >= 1",
        ENVCHECK_OPTIONS="--select POL",
        PATH=f"{Path(sys.executable).resolve().parent}:/usr/bin:/bin",
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert not (tmp_path / "work/envcheck.xml").read_text().count("<failure")
