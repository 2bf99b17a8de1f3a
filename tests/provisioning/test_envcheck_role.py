"""Roles envcheck and gpu_metrics and their playbooks: this checkout, really installed."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.provisioning.base import base_root
from tests.provisioning.conftest import MakeRoot
from tests.provisioning.repository import Key
from tests.provisioning.scenario import ANSIBLE, HOST, Root, make_root, unmount
from tests.provisioning.stack import refusals
from tests.provisioning.wheelhouse import wheelhouse

pytestmark = pytest.mark.provisioning

NEEDED = (
    *("typer>=0.20,<0.29", "rich", "msgspec", "packaging", "nvidia-ml-py", "psutil"),
    "prometheus-client",
)
PLAY = """
- hosts: gpu_machines
  gather_facts: false
  roles: [envcheck]
"""


def build_wheel(folder: Path) -> Path:
    """envcheck, built from this checkout."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
    subprocess.run([*command, str(folder), str(ANSIBLE.parent)], check=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(
    private_mounts: None, tmp_path_factory: pytest.TempPathFactory, key: Key, wheel: Path
) -> Iterator[Root]:
    """A machine on which the role has run; tests look at copies of it."""
    work = tmp_path_factory.mktemp("installed")
    root = make_root(base_root("bookworm"), work, megabytes=2048, archive=True, key=key)
    root.run("apt-get", "-q", "update")
    wheels = str(wheelhouse(*NEEDED))
    root.vars.update(envcheck_wheel=str(wheel), envcheck_wheelhouse=wheels)
    root.vars["envcheck_extras"] = ["prometheus"]

    checked = root.play(PLAY, check=True)
    assert not checked.failed, checked.output
    assert "envcheck : Make its environment" in checked.changed
    assert not root.exists("/opt/envcheck")
    first = root.play(PLAY)
    assert not first.failed, first.output
    yield root
    unmount(root)


@pytest.fixture
def machine(installed: Root, tmp_path: Path, key: Key) -> Iterator[Root]:
    root = make_root(installed.path, tmp_path, megabytes=512, archive=False, key=key)
    root.vars.update(installed.vars, envcheck_reports=str(tmp_path / "reports"))
    root.vars["envcheck_examine"] = [{"name": "system", "python": "/usr/bin/python3"}]
    yield root
    unmount(root)


def report(root: Root, name: str = "doctor-system") -> dict[str, Any]:
    text = (root.work / f"reports/{name}/{HOST}.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def test_installed_once(machine: Root) -> None:
    assert machine.run("envcheck", "--version").returncode == 0
    again = machine.play(PLAY)
    assert (again.failed, again.changed) == (False, []), again.output


def test_another_wheel_of_the_same_version(machine: Root, wheel: Path, tmp_path: Path) -> None:
    other = tmp_path / wheel.name
    shutil.copyfile(wheel, other)
    command = [
        sys.executable,
        "-c",
        "import zipfile, sys; zipfile.ZipFile(sys.argv[1], 'a').writestr('envcheck/added.py', '')",
        str(other),
    ]
    subprocess.run(command, check=True)
    run = machine.play(PLAY, vars={"envcheck_wheel": str(other)})
    assert not run.failed, run.output
    assert machine.run("/opt/envcheck/bin/python", "-c", "import envcheck.added").returncode == 0


def test_verify_catches_one_that_does_not_run(machine: Root) -> None:
    machine.run("/opt/envcheck/bin/python", "-m", "pip", "uninstall", "-qy", "msgspec")
    run = machine.play(PLAY, tags="verify")
    assert run.failed
    assert "/opt/envcheck/bin/envcheck does not run: ModuleNotFoundError" in run.message
    assert "msgspec" in run.message


def test_doctor_finds_nothing_where_nothing_is_asked(machine: Root) -> None:
    run = machine.play("verify.yml", vars={"envcheck_require": []})
    assert not run.failed, run.output
    assert run.changed == []
    assert report(machine)["exit_code"] == 0


def test_doctor_finds_a_machine_without_gpu(machine: Root) -> None:
    run = machine.play("verify.yml", check=True)
    assert run.failed
    run = machine.play("verify.yml")
    assert run.failed
    assert "gpu.count is 0; the policy asks for gpu.count >= 1" in run.message
    assert "$ /opt/envcheck/bin/envcheck preflight --python /usr/bin/python3" in run.message
    assert report(machine)["exit_code"] == 1


def test_proofs_that_cannot_run(machine: Root) -> None:
    asked = {"envcheck_require": [], "envcheck_smoke": ["torch"]}
    run = machine.play("verify.yml", vars=asked)
    assert run.failed
    assert report(machine, "torch-system")["exit_code"] == 1
    assert "envcheck smoke torch --python /usr/bin/python3" in run.message


def test_a_machine_that_does_not_answer(machine: Root) -> None:
    ssh = machine.work / "ssh"
    ssh.write_text("#!/bin/sh\necho 'ssh: connect to host: Connection refused' >&2; exit 255\n")
    ssh.chmod(0o755)
    machine.vars.update(ansible_connection="ssh", ansible_ssh_executable=str(ssh))
    run = machine.play("verify.yml")
    assert run.failed
    assert "machine does not answer" in run.message
    assert "Connection refused" in report(machine)["unreachable"]


def test_refused(machine: Root, scenario: MakeRoot) -> None:
    missing = [{"name": "none", "python": "/opt/envs/none"}]
    run = machine.play("verify.yml", vars={"envcheck_examine": missing})
    assert "/opt/envs/none is not an interpreter" in run.message

    run, said = refusals(
        machine,
        "envcheck",
        [
            {"envcheck_wheel": "/nonexistent/envcheck-1-py3-none-any.whl"},
            {"envcheck_extras": ["everything"]},
            {"envcheck_examine": [{"name": "x"}]},
        ],
    )
    assert "no wheel of envcheck on the controller" in said[0]
    assert "value of envcheck_extras must be one or more of" in said[1]
    assert "missing required arguments: python" in said[2]

    bare = scenario()
    run = bare.play("verify.yml")
    assert run.failed
    assert "Run the role envcheck first" in run.message


def test_metrics(machine: Root, tmp_path: Path) -> None:
    machine.vars["gpu_metrics_port"] = 9555
    checked = machine.play("gpu_metrics.yml", check=True)
    assert not checked.failed, checked.output
    assert checked.changed == ["gpu_metrics : Write the unit"]

    first = machine.play("gpu_metrics.yml")
    assert not first.failed, first.output
    assert machine.enabled("gpu-metrics.service")
    unit = machine.read("/etc/systemd/system/gpu-metrics.service")
    assert "gpu-watch --prometheus 127.0.0.1:9555 -l 5" in unit
    again = machine.play("gpu_metrics.yml")
    assert (again.failed, again.changed) == (False, []), again.output

    exposure = machine.run(
        *("systemd-analyze", "security", "--offline=true", "--threshold=20"),
        "/etc/systemd/system/gpu-metrics.service",
        check=False,
    )
    assert exposure.returncode == 0, exposure.stdout + exposure.stderr

    everywhere = {"gpu_metrics_address": "::", "gpu_metrics_gpus": ["0", "2"]}
    assert not machine.play("gpu_metrics.yml", tags="gpu_metrics", vars=everywhere).failed
    unit = machine.read("/etc/systemd/system/gpu-metrics.service")
    assert "--prometheus [::]:9555 -l 5 -i 0,2\n" in unit
    assert "IPAddressDeny" not in unit


def test_metrics_verify_catches(machine: Root) -> None:
    machine.run("/opt/envcheck/bin/python", "-m", "pip", "uninstall", "-qy", "prometheus-client")
    run = machine.play("gpu_metrics.yml", tags="gpu_metrics")
    assert run.failed
    assert "install it by role envcheck with envcheck_extras [prometheus]" in run.message

    gone = {"gpu_metrics_envcheck": "/opt/gone/bin/envcheck"}
    run = machine.play("gpu_metrics.yml", tags="gpu_metrics", vars=gone)
    assert run.failed
    assert "/opt/gone/bin/envcheck is not executable" in run.message

    run = machine.play("gpu_metrics.yml", tags="gpu_metrics", vars={"gpu_metrics_port": 0})
    assert "the port is 0 (1 to 65535)" in run.message
