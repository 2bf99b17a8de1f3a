"""The commit hook: which files it is given, and what `envcheck plans` says of them."""

import re
from pathlib import Path

import pytest

from tests.ci.runners import load
from tests.test_cli import run, saved

HOOK = load(".pre-commit-hooks.yaml")[0]
OLD_TORCH = "FROM python:3.11\nRUN pip install torch==2.6.0\n"
# All that a colleague's machine has and another's has not.
FOR_5090 = ("--gpu", "RTX 5090", "--driver", "570.124.06")


@pytest.mark.parametrize(
    "file",
    [
        "Dockerfile",
        "docker/Dockerfile.train",
        "gpu.Dockerfile",
        "Containerfile",
        "compose.yaml",
        "docker-compose.override.yml",
        "requirements.txt",
        "dev-requirements.in",
        "requirements/gpu.txt",
        "environment-gpu.yml",
        "pyproject.toml",
        "uv.lock",
        "pylock.train.toml",
    ],
)
def test_plans_are_the_hooks(file: str) -> None:
    assert re.search(HOOK["files"], file)


@pytest.mark.parametrize(
    "file", ["train.py", "poetry.lock", "docs/Dockerfile/readme.md", "notes.txt", "xuv.lock"]
)
def test_other_files_are_not(file: str) -> None:
    assert not re.search(HOOK["files"], file)


@pytest.fixture
def plans(tmp_path: Path) -> list[str]:
    """A Dockerfile whose torch does not run on the newest GPUs, and files that install nothing."""
    files = {
        "Dockerfile": OLD_TORCH,
        "requirements.txt": "torch==2.8.0\nrequests\n",
        "empty.txt": "# nothing yet\n",
        "pyproject.toml": "[tool.ruff]\nline-length = 100\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return [str(tmp_path / name) for name in files]


def test_each_plan_is_judged_for_the_gpu_that_is_named(plans: list[str]) -> None:
    ran = run("plans", *FOR_5090, *plans)
    assert ran.returncode == 1 and ran.stderr == ""
    first, fix, *rest = ran.stdout.splitlines()
    assert first.startswith(f"{plans[0]}: TCH003 arch_not_in_build: ") and fix.startswith("  Fix: ")
    assert not [line for line in rest if "empty.txt" in line or "pyproject.toml" in line]
    assert run("plans", "--gpu", "H100 SXM", "--driver", "550.54.15", *plans).returncode == 0


def test_without_a_host_this_machine_is_not_looked_at(plans: list[str], tmp_path: Path) -> None:
    assert run("plans", *plans).returncode == 0
    ran = run("plans", *plans, CUDA_VISIBLE_DEVICES="", NVIDIA_VISIBLE_DEVICES="void")
    assert ran.returncode == 0 and "CTR" not in ran.stdout
    wrong = tmp_path / "gpu.txt"
    wrong.write_text("--index-url https://download.pytorch.org/whl/cu999\ntorch==2.6.0\n")
    ran = run("plans", str(wrong))
    assert ran.returncode == 1 and "PLN001 no_such_wheel" in ran.stdout


def test_a_snapshot_is_a_host(plans: list[str], tmp_path: Path) -> None:
    assert run("plans", "--snapshot", saved(tmp_path), *plans).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere.txt",), "nowhere.txt: No such file or directory"),
        (("--gpu", "RTX 9999", "Dockerfile"), "RTX 9999"),
        (("--select", "XYZ", "Dockerfile"), "XYZ"),
    ],
)
def test_bad_input_is_said_in_a_line(arguments: tuple[str, ...], said: str) -> None:
    ran = run("plans", *arguments)
    assert ran.returncode == 2 and said in ran.stderr and ran.stderr.count("\n") == 1
