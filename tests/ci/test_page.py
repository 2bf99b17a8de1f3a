"""docs/ci.md: what it shows to copy is what the steps take."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.ci.runners import ROOT, load

PAGE = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    (found,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def shown(word: str) -> Any:
    (block,) = (block for block in BLOCKS if word in block)
    return yaml.safe_load(block)


def test_the_actions_inputs_and_outputs() -> None:
    said = load("action.yml")
    steps = shown("steps:")["steps"]
    assert next(step for step in steps if "with" in step)["with"].keys() <= said["inputs"].keys()
    github = section("GitHub Actions")
    assert set(re.findall(r"^\| `([\w-]+)` \|", github, re.MULTILINE)) == set(said["inputs"])
    assert all(f"`{name}`" in github for name in said["outputs"])


def test_gitlabs_job(tmp_path: Path) -> None:
    said = shown("extends: .envcheck")
    template = load("ci/gitlab.yml")[".envcheck"]
    assert said["envcheck"]["variables"].keys() <= template["variables"].keys()
    file = tmp_path / "gitlab.yml"
    file.write_text(yaml.safe_dump({"envcheck": template | said["envcheck"]}))
    program = str(Path(sys.executable).parent / "check-jsonschema")
    check = [
        program,
        "--builtin-schema",
        "vendor.gitlab-ci",
        "--data-transform",
        "gitlab-ci",
        str(file),
    ]
    ran = subprocess.run(check, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_the_hook() -> None:
    (repo,) = shown("hooks:")["repos"]
    (hook,) = repo["hooks"]
    assert hook["id"] == load(".pre-commit-hooks.yaml")[0]["id"]
    assert all(isinstance(word, str) for word in hook["args"]), "a version is no number"


def test_slurms_variables() -> None:
    script = (ROOT / "ci/slurm/envcheck-node.sh").read_text()
    told = dict(re.findall(r"^\| `(ENVCHECK\w*)` \| `([^`]+)`", section("Slurm"), re.MULTILINE))
    assert told and told == dict(re.findall(r"\$\{(ENVCHECK\w*):-([^}]+)\}", script))


def test_files_that_are_named_are_there() -> None:
    for path in re.findall(r"\]\(\.\./([^)]+)\)", PAGE) + re.findall(r"\bci/[\w/.-]+\w", PAGE):
        assert (ROOT / path).exists(), path
