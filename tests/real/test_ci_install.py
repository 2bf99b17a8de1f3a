"""The ready-made steps install this checkout as they would on a fresh machine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ci.runners import ROOT, Action, environment
from tests.ci.test_gitlab import Job
from tests.real.conftest import MakeEnv

pytestmark = pytest.mark.real
# What a checkout on a runner has; no caches or environments of this machine.
CHECKOUT = (
    ".pre-commit-hooks.yaml", "action.yml", "ci", "envcheck", "pyproject.toml", "README.md",
)  # fmt: skip
MANIFESTS = ("access", "daemonset", "init-container")
IDENTITY = {
    f"GIT_{who}_{what}": f"{what}@example.org".lower()
    for who in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}


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


def test_pre_commit_runs_the_hook(checkout: Path, tmp_path: Path, make_env: MakeEnv) -> None:
    """A repository that uses the hook as documented; a commit with a wrong plan is refused."""
    pre_commit = make_env("pre-commit>=4") / "bin/pre-commit"
    environ = environment(
        PRE_COMMIT_HOME=str(tmp_path / "cache"), GIT_CONFIG_GLOBAL=os.devnull, **IDENTITY
    )

    def run(*command: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=300
        )

    def git(*words: str, cwd: Path) -> None:
        ran = run("git", *words, cwd=cwd)
        assert ran.returncode == 0, ran.stderr

    git("init", "--quiet", cwd=checkout)
    git("add", "--all", cwd=checkout)
    git("commit", "--quiet", "--message=x", cwd=checkout)
    repo = tmp_path / "repo"
    repo.mkdir()
    git("init", "--quiet", cwd=repo)
    commit = run("git", "rev-parse", "HEAD", cwd=checkout).stdout.strip()
    (repo / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {checkout}\n  rev: {commit}\n  hooks:\n  - id: envcheck-plans\n"
        '    args: [--gpu, RTX 5090, --driver, "570.124.06"]\n'
    )
    (repo / "Dockerfile").write_text("FROM python:3.11\nRUN pip install torch==2.6.0\n")
    (repo / "train.py").write_text("import torch\n")
    git("add", "--all", cwd=repo)
    refused = run(str(pre_commit), "run", cwd=repo)
    assert refused.returncode == 1 and "Dockerfile: TCH003 arch_not_in_build" in refused.stdout
    (repo / "Dockerfile").write_text("FROM python:3.11\nRUN pip install torch==2.8.0\n")
    git("add", "--all", cwd=repo)
    taken = run(str(pre_commit), "run", cwd=repo)
    assert taken.returncode == 0, taken.stdout + taken.stderr


@pytest.mark.parametrize("version", ["1.30", "1.34"])
def test_kubernetes_schemas_take_the_manifests(make_env: MakeEnv, version: str) -> None:
    program = make_env("kubernetes-validate>=1.34") / "bin/kubernetes-validate"
    files = [ROOT / "ci/kubernetes" / f"{name}.yaml" for name in MANIFESTS]
    ran = subprocess.run(
        [program, "--strict", "--kubernetes-version", version, *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
