"""Remedies tried on the Snapshot: what they solve, in which order, and what is not offered."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from envcheck.facts import Distribution, Host, PythonEnv, decode
from envcheck.finding import ERROR, WARNING, Effect, Finding, Remedy
from envcheck.fix.paper import how, is_installer, plan
from envcheck.fix.undo import undo
from envcheck.judge import judge
from envcheck.kb import load
from envcheck.mending import FixPlan
from envcheck.rules import choose
from envcheck.rules.base import Rule, rule
from tests.rules.machine import change, healthy

MACHINES = Path(__file__).parent.parent / "machines"


def planned(machine: str, *codes: str) -> FixPlan:
    return plan(decode((MACHINES / f"{machine}.json").read_bytes()), load(), choose([], []), codes)


def judged(machine: str) -> tuple[Finding, ...]:
    snapshot = decode((MACHINES / f"{machine}.json").read_bytes())
    return judge(snapshot, load(), choose([], [])).findings


def test_one_remedy_that_solves_two_findings_is_one_step() -> None:
    steps = planned("k80_driver470").steps
    assert set(steps[0].solves) == {"DRV002", "TCH003"} and steps[0].how == "run"
    assert steps[0].tried and "cu118" in steps[0].remedy.commands[0]


def test_what_only_a_step_would_bring_is_no_step() -> None:
    for machine in ("rtx5090_torch26", "k80_driver470", "laptop_no_gpu_no_torch"):
        found = {f.code for f in judged(machine)}
        assert {code for step in planned(machine).steps for code in step.solves} <= found


def test_only_the_findings_asked_for_are_mended() -> None:
    assert {code for step in planned("k80_driver470", "CUD003").steps for code in step.solves} == {
        "CUD003"
    }


def test_what_nobody_can_mend_is_said() -> None:
    found = planned("laptop_no_gpu_cpu_torch")
    assert [finding.code for finding in found.left] == ["GPU001"] and not found.steps


def test_a_healthy_machine_needs_nothing() -> None:
    assert plan(healthy(), load(), choose([], [])) == FixPlan(steps=(), refused=(), left=())


def remedy(kernel: str, text: str) -> Remedy:
    return Remedy(text, (f"pip install {kernel}",), "safe", (Effect("host.kernel", kernel),))


@rule("TST001", severity=ERROR, subject="host")
def wants_new(host: Host) -> Iterator[Finding]:
    """A made-up rule."""
    if host.kernel != "new":
        yield Finding(message="not new", remedy=remedy("new", "Make it new."))


@rule("TST002", severity=WARNING, subject="host")
def wants_old(host: Host) -> Iterator[Finding]:
    """A made-up rule."""
    if host.kernel == "new":
        yield Finding(message="too new", remedy=remedy("old", "Make it old."))


@rule("TST003", severity=WARNING, subject="host")
def wants_any(host: Host) -> Iterator[Finding]:
    """A made-up rule."""
    if host.kernel == "none":
        yield Finding(message="none", remedy=remedy("some", "Make it some."))


def tried(kernel: str, *rules: Rule) -> FixPlan:
    return plan(change(healthy(), host__kernel=kernel), load(), rules)


def test_a_remedy_that_breaks_another_rule_is_not_offered() -> None:
    found = tried("old", wants_new, wants_old)
    assert not found.steps
    assert [(one.code, one.breaks) for one in found.refused] == [("TST001", ("TST002 wants_old",))]
    assert [step.solves for step in tried("old", wants_new).steps] == [("TST001",)]


def test_what_solves_most_comes_first() -> None:
    steps = tried("none", wants_any, wants_new).steps
    assert [step.solves for step in steps] == [("TST001", "TST003")]


def test_every_recorded_machine_is_planned_and_ends() -> None:
    for path in MACHINES.glob("*.json"):
        found = planned(path.stem)
        codes = [code for step in found.steps for code in step.solves]
        assert len(codes) == len(set(codes)), path.stem
        for step in found.steps:
            assert step.how == how(step.remedy)


@pytest.mark.parametrize(
    "command",
    [
        "/venv/bin/python -m pip install 'numpy<2'",
        'python3.11 -m pip install --upgrade "torch>=2.4"',
        "uv pip install --python /v/bin/python numpy",
        "conda install -p /opt/c 'numpy<2'",
        "TORCH_CUDA_ARCH_LIST=9.0 FORCE_CUDA=1 python -m pip install --no-build-isolation .",
    ],
)
def test_installers_are_run(command: str) -> None:
    assert is_installer(command)


@pytest.mark.parametrize(
    "command",
    [
        "unset LD_PRELOAD",
        "export PATH=/a:$PATH",
        "python -m pip install x; rm -rf /",
        "python -m pip install x && reboot",
        'python -m pip install "$(id)"',
        "python -m pip install x > /etc/passwd",
        "python -c 'import os'",
        "sudo pip install x",
        "uv run x",
        "pip",
        "'",
    ],
)
def test_nothing_else_is_run(command: str) -> None:
    assert not is_installer(command)


def env(*packages: Distribution) -> PythonEnv:
    return PythonEnv(executable="/v/bin/python", prefix="/v", distributions=packages)


def test_packages_are_brought_back() -> None:
    before = env(
        Distribution("numpy", "2.1.0"),
        Distribution("torch", "2.4.0+cu118"),
        Distribution("mkl", "2024.0", installer="conda", build="h1_0"),
        Distribution("same", "1"),
    )
    after = env(
        Distribution("numpy", "1.26.4"),
        Distribution("torch", "2.4.0+cu121"),
        Distribution("same", "1"),
        Distribution("new-one", "1"),
    )
    conda, numpy, torch, remove = undo(before, after, load())
    assert conda == "conda install -p /v mkl=2024.0=h1_0"
    assert numpy == "/v/bin/python -m pip install --no-deps --force-reinstall numpy==2.1.0"
    assert "torch==2.4.0+cu118" in torch and torch.count("/whl/cu118") == 1
    assert remove == "/v/bin/python -m pip uninstall -y new-one"
    assert undo(before, before, load()) == ()
