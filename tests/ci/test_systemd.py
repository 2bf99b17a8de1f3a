"""ci/systemd: the unit and the timer as systemd reads them, the script as the unit starts it."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.ci.runners import ROOT, place
from tests.test_cli import saved

FOLDER = ROOT / "ci/systemd"
UNIT = (FOLDER / "envcheck.service").read_text()
ANALYZE = shutil.which("systemd-analyze")


@pytest.fixture
def units(tmp_path: Path) -> list[str]:
    """Both units, of which the service starts the script where it lies here."""
    changed = UNIT.replace(
        "/opt/envcheck/bin/envcheck-textfile.sh", f"{FOLDER}/envcheck-textfile.sh"
    )
    assert changed != UNIT
    (tmp_path / "envcheck.service").write_text(changed)
    shutil.copy(FOLDER / "envcheck.timer", tmp_path)
    return [str(tmp_path / name) for name in ("envcheck.service", "envcheck.timer")]


@pytest.mark.skipif(ANALYZE is None, reason="this machine has no systemd-analyze")
def test_systemd_takes_the_units(units: list[str]) -> None:
    ran = _analyze("verify", *units)
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")


@pytest.mark.skipif(ANALYZE is None, reason="this machine has no systemd-analyze")
def test_the_service_may_do_little(units: list[str]) -> None:
    ran = _analyze("security", "--offline=true", "--threshold=20", units[0])
    assert ran.returncode == 0, ran.stdout + ran.stderr


def _analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [ANALYZE or "", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def start(folder: Path, **changes: str) -> "subprocess.CompletedProcess[str]":
    """The script with the unit's environment, as `systemctl start` would."""
    words = [
        word
        for line in re.findall(r"^Environment=(.*)$", UNIT, re.MULTILINE)
        for word in shlex.split(line)
    ]
    given = dict(word.split("=", 1) for word in words)
    assert given.keys() >= {"ENVCHECK", "ENVCHECK_COMMAND", "TEXTFILES"}
    run, textfiles = folder / "run", folder / "textfiles"
    run.mkdir(exist_ok=True)
    textfiles.mkdir(exist_ok=True)
    place(folder / "bin")
    here = {"ENVCHECK": f"{folder}/bin/envcheck", "TEXTFILES": str(textfiles)}
    return subprocess.run(
        [FOLDER / "envcheck-textfile.sh", "gpu-17"],
        env={**given, **here, "RUNTIME_DIRECTORY": str(run), "PATH": "/usr/bin:/bin", **changes},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def fit(folder: Path) -> dict[str, float]:
    """The machines of the metrics, and whether each is fit."""
    text = (folder / "textfiles/envcheck.prom").read_text()
    return {
        sample.labels["host"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "envcheck_machine_fit"
    }


def test_it_leaves_metrics_of_this_machine(tmp_path: Path) -> None:
    ran = start(tmp_path)
    assert ran.returncode in (0, 1), ran.stderr  # whatever this machine is
    assert list(fit(tmp_path)) == ["gpu-17"]
    assert [path.name for path in (tmp_path / "textfiles").iterdir()] == ["envcheck.prom"]


def test_an_unfit_machine_fails_the_unit_and_stands_in_the_metrics(tmp_path: Path) -> None:
    file = saved(tmp_path, torch__cuda=None)
    ran = start(tmp_path, ENVCHECK_COMMAND=f"doctor --snapshot {file}")
    assert ran.returncode == 1 and fit(tmp_path) == {"gpu-17": 0}
    assert "TCH004" in ran.stdout, "the journal says why"
    assert "TCH004" in (tmp_path / "textfiles/envcheck.prom").read_text()


def test_where_nothing_was_judged_the_old_metrics_stay(tmp_path: Path) -> None:
    start(tmp_path, ENVCHECK_COMMAND=f"doctor --snapshot {saved(tmp_path)}")
    ran = start(tmp_path, ENVCHECK_COMMAND="doctor --select NONE")
    assert ran.returncode == 2 and fit(tmp_path) == {"gpu-17": 1}
