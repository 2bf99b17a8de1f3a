"""Every script of ci/ and the container's recipes pass their linters."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.ci.runners import ROOT

SCRIPTS = sorted(ROOT.glob("ci/**/*.sh"))


def test_there_are_scripts() -> None:
    assert {path.parent.name for path in SCRIPTS} >= {"github", "slurm"}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck(script: Path) -> None:
    shellcheck = Path(sys.executable).parent / "shellcheck"
    ran = subprocess.run([shellcheck, script], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    assert script.stat().st_mode & 0o111, "copied to where it is started, it must be executable"
