"""action.yml: its steps with the environment that GitHub's runner gives them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ci.runners import ROOT, Action, load, place
from tests.render.reading import annotation, validate_junit
from tests.test_cli import saved

BIN = Path(sys.executable).parent
PREFLIGHT = slice(1, None)
UNMET = "package:no-such-package >= 2"


@pytest.fixture
def action(tmp_path: Path) -> Action:
    """The action on a runner that has envcheck installed."""
    made = Action(tmp_path)
    place(made.temp / "envcheck/bin")
    return made


def test_a_runner_that_is_what_the_job_needs(action: Action) -> None:
    asked = "\n  cpus >= 1  \r\n\ndisk:/ >= 1MiB\n"
    ran = action.run({"require": asked, "args": "--select POL"}, steps=PREFLIGHT)
    assert ran.returncode == 0, ran.log
    report = json.loads(Path(ran.outputs["report"]).read_text())
    assert [one["text"] for one in report["snapshot"]["policy"]["requirements"]] == [
        "cpus >= 1",
        "disk:/ >= 1MiB",
    ]
    assert (ran.outputs["verdict"], ran.outputs["exit-code"]) == (report["verdict"], "0")
    assert "envcheck" in ran.summary


def test_one_that_is_not_fails_with_annotations_outputs_and_a_summary(action: Action) -> None:
    ran = action.run({"require": UNMET, "args": "--select POL"}, steps=PREFLIGHT)
    assert ran.returncode == 1
    assert ran.outputs["verdict"] == "unfit" and ran.outputs["exit-code"] == "1"
    (error,) = (annotation(line) for line in ran.log.splitlines() if line.startswith("::error"))
    assert "POL001" in error.properties["title"] and "no-such-package" in error.message
    assert "`POL001`" in ran.summary


def test_the_policy_of_the_repository_is_found_and_another_can_be_named(action: Action) -> None:
    (action.work / "envcheck.toml").write_text('require = ["cpus >= 1"]\n')
    (action.work / "strict policy.toml").write_text(f'require = ["{UNMET}"]\n')
    assert action.run({"args": "--select POL"}, steps=PREFLIGHT).returncode == 0
    named = action.run({"policy": "strict policy.toml", "args": "--select POL"}, steps=PREFLIGHT)
    assert named.returncode == 1 and "file=strict policy.toml,line=1" in named.log


def test_a_report_in_another_format_of_another_machine(action: Action, tmp_path: Path) -> None:
    machine = tmp_path / "another machine"
    machine.mkdir()
    file = saved(machine, torch__cuda=None)
    ran = action.run(
        {"require": "cpus >= 1", "format": "junit", "args": f"--snapshot '{file}'"},
        steps=PREFLIGHT,
    )
    assert ran.returncode == 1 and ran.outputs["report"].endswith(".xml")
    validate_junit(Path(ran.outputs["report"]).read_text())


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({}, "no policy"),
        ({"require": "gpu.cuont >= 8"}, "did you mean gpu.count?"),
        ({"require": "cpus >= 1", "format": "pdf"}, "pdf"),
        ({"require": "cpus >= 1", "args": "--select 'POL"}, "a quote is not closed"),
    ],
)
def test_unusable_input_is_not_a_verdict(action: Action, inputs: dict[str, str], said: str) -> None:
    ran = action.run(inputs, steps=PREFLIGHT)
    assert ran.returncode == 2 and said in ran.log and "::error title=envcheck::" in ran.log
    assert ran.outputs["verdict"] == ran.outputs["report"] == ""


def test_the_report_of_an_earlier_step_is_not_this_ones(action: Action) -> None:
    action.run({"require": "cpus >= 1", "args": "--select POL"}, steps=PREFLIGHT)
    ran = action.run({}, steps=PREFLIGHT)
    assert ran.returncode == 2 and ran.outputs["report"] == "" == ran.outputs["verdict"]


@pytest.mark.parametrize("name", ["policy", "require", "format", "python", "args"])
def test_an_input_is_never_run(action: Action, name: str) -> None:
    mark = action.work / "owned"
    inputs = {"require": "cpus >= 1", name: f'"; touch {mark}; `touch {mark}` $(touch {mark}) "'}
    action.run(inputs, steps=PREFLIGHT)
    assert not mark.exists()
    assert all("${{" not in step["run"] for step in action.said["runs"]["steps"])


def test_a_runner_with_an_old_python_and_no_uv_is_told(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "bash").symlink_to(shutil.which("bash") or "")
    (tools / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tools / "python3").chmod(0o755)
    ran = Action(tmp_path).run({}, PATH=str(tools))
    assert ran.returncode == 2 and "::error title=envcheck::envcheck needs uv" in ran.log


def test_shown_workflow_and_action_are_what_github_takes(tmp_path: Path) -> None:
    for schema, file in (("github-actions", "action.yml"), ("github-workflows", EXAMPLE)):
        check = [
            f"{BIN}/check-jsonschema",
            "--builtin-schema",
            f"vendor.{schema}",
            f"{ROOT}/{file}",
        ]
        ran = subprocess.run(check, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    # zizmor looks for what an attacker could inject; offline: without asking GitHub
    audit = [f"{BIN}/zizmor", "--offline", "--persona=pedantic", f"{ROOT}/action.yml"]
    ran = subprocess.run(audit, capture_output=True, text=True, check=False, env=_no_token())
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_example_uses_inputs_and_outputs_that_exist() -> None:
    said = load("action.yml")
    steps = load(EXAMPLE)["jobs"]["train"]["steps"]
    (use,) = [step for step in steps if step.get("uses", "").startswith("OWNER/envcheck@")]
    assert use["with"].keys() <= said["inputs"].keys()
    text = (ROOT / EXAMPLE).read_text()
    shown = [part.split(" ")[0].strip("}") for part in text.split("steps.envcheck.outputs.")[1:]]
    assert shown and set(shown) <= said["outputs"].keys() and use["id"] == "envcheck"


def _no_token() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if "TOKEN" not in name}


EXAMPLE = "ci/github/example.yml"
