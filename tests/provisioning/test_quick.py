"""The playbooks are clean: YAML, syntax, lint. Plays nothing."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.provisioning.scenario import ANSIBLE, BIN, run_ansible

PLAYBOOKS = sorted(path.name for path in ANSIBLE.glob("*.yml"))


def test_yaml_is_clean() -> None:
    ran = subprocess.run(
        [str(BIN / "yamllint"), "--strict", "."],
        cwd=ANSIBLE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_syntax(playbook: str, tmp_path: Path) -> None:
    run = run_ansible([str(BIN / "ansible-playbook"), "--syntax-check", playbook], tmp_path)
    assert not run.failed, run.output


@pytest.mark.provisioning
def test_lint(tmp_path: Path) -> None:
    command = [str(BIN / "ansible-lint"), "--offline", "--strict", "--profile", "production"]
    run = run_ansible(command, tmp_path)
    assert not run.failed, run.output


@pytest.mark.parametrize("role", sorted(p.name for p in (ANSIBLE / "roles").glob("*")))
def test_role_is_whole(role: str) -> None:
    folder = ANSIBLE / "roles" / role
    for part in ("defaults/main.yml", "meta/main.yml", "meta/argument_specs.yml", "tasks/main.yml"):
        assert (folder / part).is_file(), part
    for name in re.findall(r"(?m)^([a-z]\w*):", (folder / "defaults/main.yml").read_text()):
        assert name.startswith(f"{role}_"), f"{name}: variables begin with the role's name"
