"""ci/gitlab.yml: its job's script as GitLab's runner starts it, in bash and in a plain sh."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from tests.ci.runners import ROOT, environment, load, place
from tests.render.reading import validate_junit

BIN = Path(sys.executable).parent
FILE = "ci/gitlab.yml"
# How the shell and the docker executors start a job's script.
SHELLS = {"bash": "set -eo pipefail\nset +o noclobber\n", "sh": "set -e\nset +o noclobber\n"}


class Job(msgspec.Struct, frozen=True):
    """A folder with a checkout, and the job in it."""

    folder: Path
    shell: str = "bash"

    def run(self, **variables: str) -> "subprocess.CompletedProcess[str]":
        job = load(FILE)[".envcheck"]
        script = self.folder / "script"
        script.write_text(SHELLS[self.shell] + "\n".join(job["script"]))
        asked = {name: str(value) for name, value in job["variables"].items()} | variables
        path = {"PATH": f"{self.folder}/tools:/usr/bin:/bin"}
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        return subprocess.run(
            [self.shell, script],
            cwd=work,
            env=environment(GITLAB_CI="true", CI_PROJECT_DIR=str(work), **(path | asked)),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    @property
    def artifact(self) -> str:
        job: dict[str, Any] = load(FILE)[".envcheck"]
        file: str = job["artifacts"]["reports"]["junit"]
        return (self.folder / "work" / file).read_text()


@pytest.fixture(params=SHELLS)
def job(tmp_path: Path, request: pytest.FixtureRequest) -> Job:
    """A runner that has envcheck."""
    place(tmp_path / "tools")
    return Job(tmp_path, request.param)


def test_a_runner_that_is_what_the_jobs_need(job: Job) -> None:
    ran = job.run(ENVCHECK_REQUIRE="cpus >= 1\ndisk:/ >= 1MiB\n", ENVCHECK_OPTIONS="--select POL")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    validate_junit(job.artifact)


def test_one_that_is_not_fails_and_leaves_its_report(job: Job) -> None:
    ran = job.run(ENVCHECK_REQUIRE="package:no-such-package", ENVCHECK_OPTIONS="--select POL")
    assert ran.returncode == 1 and "POL001" in ran.stdout
    validate_junit(job.artifact)
    assert "<failure" in job.artifact


def test_a_variable_is_never_run(job: Job) -> None:
    mark = job.folder / "owned"
    evil = f'"; touch {mark}; `touch {mark}` $(touch {mark})\nEND\ntouch {mark}'
    ran = job.run(ENVCHECK_REQUIRE=evil, ENVCHECK_OPTIONS=evil)
    assert ran.returncode == 2 and not mark.exists()


def test_a_runner_without_envcheck_is_told(tmp_path: Path) -> None:
    ran = Job(tmp_path).run()
    assert ran.returncode == 2 and "set ENVCHECK_PACKAGE" in ran.stderr


def test_the_template_is_what_gitlab_takes(tmp_path: Path) -> None:
    used = tmp_path / ".gitlab-ci.yml"
    shown = [line[2:] for line in (ROOT / FILE).read_text().splitlines() if line.startswith("# ")]
    start = shown.index("    envcheck:")
    used.write_text((ROOT / FILE).read_text() + "\n".join(line[4:] for line in shown[start:]))
    assert yaml.safe_load(used.read_text())["envcheck"]["extends"] == ".envcheck"
    check = [f"{BIN}/check-jsonschema", "--builtin-schema", "vendor.gitlab-ci"]
    ran = subprocess.run(
        [*check, "--data-transform", "gitlab-ci", used], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_its_script_passes_shellcheck(tmp_path: Path) -> None:
    script = tmp_path / "script.sh"
    script.write_text("\n".join(load(FILE)[".envcheck"]["script"]))
    ran = subprocess.run(
        # SC2154: the job's variables are set outside
        [f"{BIN}/shellcheck", "--shell=sh", "--exclude=SC2154", script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
