"""No text crashes the readers: it is a policy, or an error that names its place."""

import contextlib
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envcheck.facts import Policy, Requirement, Snapshot
from envcheck.policy.contradiction import contradictions
from envcheck.policy.errors import ExpressionError, PolicyError
from envcheck.policy.expression import parse
from envcheck.policy.lines import lines_of
from envcheck.policy.meet import look, met
from envcheck.rules.common import visible
from tests.policy.files import read
from tests.policy.test_lines import paths
from tests.rules.machine import change, healthy, report
from tests.rules.places import on_jetson, unloaded, without_gpu_in_docker

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SUBJECTS = st.sampled_from(
    [
        "gpu.count", "gpu.sm", "gpu.memory", "gpu.name", "driver", "torch", "cuda", "python",
        "kernel", "package:numpy", "disk:/", "shm", "driver.uvm_loaded", "torch.sass:sm_90",
        "driver.fabric_manager", "gpu.mig_instances:x", "host.memlock_bytes", "ffmpeg",
        "gpus.devices.0.sm", "trials.trials.x.measured",
    ]
)  # fmt: skip
OPERATORS = st.sampled_from(["==", "!=", ">=", "<=", ">", "<", "~=", "=", "=>", "===", "", ":"])
VALUES = st.sampled_from(
    [
        "8", "-1", "8.5", "9.0", "9.*", "2.4.*", "2.4.0+cu121", "1!2", "535.104.05", "80GiB",
        "80GB", "80", "none", "no", "true", "*H100*", "open", "5.15.0-105", "2.4a1.dev3",
        "1.0.post1", "2.4.0rc1", "'x,y'", "****", "''", "9" * 22,
    ]
) | st.text(max_size=20)  # fmt: skip
CLAUSES = st.lists(st.tuples(OPERATORS, VALUES).map("".join), max_size=3).map(",".join)
EXPRESSIONS = st.tuples(SUBJECTS, CLAUSES).map("".join) | st.text(max_size=60)
MACHINE = healthy()
MACHINES = (MACHINE, Snapshot(), unloaded(), without_gpu_in_docker(), on_jetson())
RULES = ("requirement_unmet", "requirement_not_judged")
GPUS = visible(MACHINE.gpus, MACHINE.environment)  # type: ignore[arg-type]


def parsed(text: str) -> Requirement | None:
    with contextlib.suppress(ExpressionError):
        return parse(text)
    return None


@settings(max_examples=120, deadline=None)
@given(EXPRESSIONS, st.sampled_from(MACHINES))
def test_any_expression(text: str, machine: Snapshot) -> None:
    """Whatever is asked of whatever machine is judged without a crash, remedies among it."""
    requirement = parsed(text)
    if requirement is not None:
        policy = Policy(requirements=(requirement,))
        found = report(change(machine, policy=policy), *RULES)
        assert not found.crashed
        assert found.findings or found.passed


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(SUBJECTS, CLAUSES).map("".join), min_size=2, max_size=4))
def test_what_a_machine_meets_is_no_contradiction(texts: list[str]) -> None:
    """Whatever one machine meets altogether can be met."""
    requirements = [one for one in map(parsed, texts) if one is not None]
    if all(
        met(one, seen.value) is True for one in requirements for seen in look(one, MACHINE, GPUS)
    ):
        assert not list(contradictions(requirements))
    else:
        list(contradictions(requirements))


KEYS = st.sampled_from(["require", "extends", "severity", "ignore", "code", "until", "a.b", "''"])
TOML = st.sampled_from(
    [
        "[severity]", "[[ignore]]", "[", "]]", "x", "'torch'", '"gpu.count >= 8"', "[1, 2]",
        "{a = 1}", "[", "]", "{", "}", ",", "\n", "#", '"""', "'''", "2027-01-01", "=", "nan",
        "\\", "\r\n",
    ]
)  # fmt: skip
TEXTS = st.lists(st.one_of(KEYS, TOML, KEYS.map("{} = ".format), st.text(max_size=5)), max_size=25)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(TEXTS.map(" ".join))
def test_any_file(tmp_path: Path, text: str) -> None:
    tmp_path.joinpath("own.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        read(tmp_path)
    except PolicyError as error:
        assert "own.toml" in str(error)
    with contextlib.suppress(ValueError, RecursionError):
        whole = tomllib.loads(text)
        assert set(paths(whole)) <= set(lines_of(text.replace("\r\n", "\n")))


@pytest.mark.parametrize("text", ["gpu.name==" + "*a" * 490, "gpu.name==" + "*" * 900])
def test_patterns_take_time_in_proportion_to_the_text(text: str) -> None:
    requirement = parse(text)
    (seen,) = look(requirement, MACHINE, GPUS)
    assert met(requirement, "a" * 5000) in (True, False) and met(requirement, seen.value) in (
        True,
        False,
    )
