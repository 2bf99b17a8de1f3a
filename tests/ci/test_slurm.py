"""ci/slurm: what slurmd starts, with the few variables slurmd gives, and a scontrol that notes."""

import subprocess
from pathlib import Path

import msgspec
import pytest

from tests.ci.runners import ROOT, place

SCRIPT = ROOT / "ci/slurm/envcheck-node.sh"
CRITICAL = (
    "ENVCHECK CRITICAL: DRV001 driver_not_loaded [driver]: No driver for $(touch owned);"
    " unfit, 1 error | errors=1;;;0"
)


class Node(msgspec.Struct, frozen=True):
    """A compute node: a folder with the programs that slurmd's PATH has."""

    folder: Path

    def program(self, name: str, script: str) -> Path:
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def run(self, state: str = "IDLE", **environ: str) -> "subprocess.CompletedProcess[str]":
        """The script, in slurmd's bare environment; scontrol notes what it is told."""
        self.program(
            "scontrol",
            'if [ "$2 $3" = "show node" ]; then\n'
            f'echo "NodeName=$4 CPUTot=8 State={state} Reason=DRAIN me not"\n'
            f'else printf "%s\\n" "$@" >"{self.folder}/told"; fi',
        )
        given = {"ENVCHECK_POLICY": "/nonexistent", "SLURMD_NODENAME": "gpu-17"}
        return subprocess.run(
            ["/bin/sh", SCRIPT],
            env={"PATH": f"{self.folder}/bin", **given, **environ},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    @property
    def told(self) -> list[str]:
        path = self.folder / "told"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def says(node: Node, line: str, code: int = 0) -> str:
    """The path of an envcheck that prints this and notes its arguments."""
    note = f'printf "%s\\n" "$@" >"{node.folder}/asked"'
    return str(node.program("envcheck", f"{note}\ncat <<'END'\n{line}\nEND\nexit {code}"))


def test_an_unfit_node_is_drained_with_the_finding_as_reason(node: Node) -> None:
    ran = node.run(ENVCHECK=says(node, CRITICAL, 2))
    assert ran.returncode == 0, "a starting slurmd waits until the health check ends with 0"
    assert node.told == [
        "update",
        "NodeName=gpu-17",
        "State=DRAIN",
        "Reason=envcheck: DRV001 driver_not_loaded [driver]: No driver for $(touch owned);"
        " unfit, 1 error",
    ]
    assert not (node.folder / "owned").exists()


def test_before_a_job_it_fails_as_well(node: Node) -> None:
    ran = node.run(ENVCHECK=says(node, CRITICAL, 2), SLURM_JOB_ID="4711")
    assert ran.returncode == 1 and node.told


@pytest.mark.parametrize("state", ["IDLE+DRAIN", "DRAINED", "MIXED+DRAIN+NOT_RESPONDING"])
def test_a_drained_node_keeps_its_reason(node: Node, state: str) -> None:
    ran = node.run(state, ENVCHECK=says(node, CRITICAL, 2), SLURM_JOB_ID="4711")
    assert ran.returncode == 1 and not node.told


@pytest.mark.parametrize("status", ["OK", "WARNING"])
def test_a_fit_node_gets_its_job(node: Node, status: str) -> None:
    ran = node.run(ENVCHECK=says(node, f"ENVCHECK {status}: fit | x=1"), SLURM_JOB_ID="4711")
    assert (ran.returncode, ran.stderr, node.told) == (0, "", [])


@pytest.mark.parametrize("line", ["ENVCHECK UNKNOWN: /etc/x.toml:3: no fact", "", "Traceback"])
def test_what_nobody_judged_drains_nothing_and_is_said(node: Node, line: str) -> None:
    ran = node.run(ENVCHECK=says(node, line, 3), SLURM_JOB_ID="4711")
    assert ran.returncode == 0 and not node.told and line in ran.stderr and "gpu-17" in ran.stderr


def test_a_node_without_envcheck_works_on(node: Node) -> None:
    ran = node.run(ENVCHECK=str(node.folder / "none"))
    assert ran.returncode == 0 and not node.told and "none" in ran.stderr


def test_the_policy_is_used_where_there_is_one(node: Node) -> None:
    policy = node.folder / "node.toml"
    envcheck = says(node, "ENVCHECK OK: fit")
    node.run(ENVCHECK=envcheck)
    alone = (node.folder / "asked").read_text().split()
    policy.write_text('require = ["gpu.count >= 8"]\n')
    node.run(ENVCHECK=envcheck, ENVCHECK_POLICY=str(policy), ENVCHECK_SELECT="GPU")
    asked = (node.folder / "asked").read_text().split()
    assert alone == ["doctor", "--select=DRV,GPU", "--format=nagios"]
    assert asked == ["preflight", f"--policy={policy}", "--select=GPU", "--format=nagios"]


def test_the_whole_node_is_judged_not_a_jobs_part(node: Node) -> None:
    envcheck = node.program("envcheck", 'echo "ENVCHECK UNKNOWN: ${CUDA_VISIBLE_DEVICES-whole}"')
    ran = node.run(ENVCHECK=str(envcheck), SLURM_JOB_ID="4711", CUDA_VISIBLE_DEVICES="3")
    assert "ENVCHECK UNKNOWN: whole" in ran.stderr


def test_the_real_envcheck_drains_a_node_that_is_not_as_the_policy_says(node: Node) -> None:
    policy = node.folder / "node.toml"
    policy.write_text('require = ["package:no-such-package"]\n')
    envcheck = place(node.folder / "real") / "envcheck"
    ran = node.run(ENVCHECK=str(envcheck), ENVCHECK_POLICY=str(policy))
    assert ran.returncode == 0 and node.told[-1].startswith("Reason=envcheck: POL001 "), ran.stderr
