"""The script that runs inside other interpreters, on every Python at hand and on hostile ones."""

import ast
import json
import os
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from envcheck.facts import Missing, Why
from envcheck.probes.host import Host
from envcheck.probes.interpreter import Interpreter, read_interpreter

SCRIPT = resources.files("envcheck.patient").joinpath("describe.py").read_text(encoding="utf-8")


def pythons() -> list[str]:
    """Every CPython from 3.7 on that this machine has, the tests' own included."""
    found = {os.path.realpath(sys.executable)}
    for minor in range(7, 16):
        for place in (shutil.which(f"python3.{minor}"), *_pyenv(minor)):
            if place and _runs(place):
                found.add(os.path.realpath(place))
    return sorted(found)


def _pyenv(minor: int) -> list[str]:
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    return [str(path) for path in root.glob(f"3.{minor}.*/bin/python")]


def _runs(path: str) -> bool:
    code = "import sys, site; print(sys.version_info >= (3, 7))"
    ran = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
    return ran.stdout.strip() == "True"


@pytest.mark.parametrize("python", pythons())
def test_its_path_is_the_interpreters_own(python: str, tmp_path: Path) -> None:
    """What we work out as data equals what a real start computes."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    found = read_interpreter(Host(environ=environ), python)
    assert isinstance(found, Interpreter), found
    code = "import json, sys; print(json.dumps([sys.version.split()[0], sys.path]))"
    ran = subprocess.run(
        [python, "-c", code], capture_output=True, text=True, env=environ, cwd=tmp_path, check=True
    )
    version, path = json.loads(ran.stdout)
    assert version.startswith(found.version)
    sites = {p for p in path if p.endswith("-packages")}
    assert {p for p in found.path if p.endswith("-packages")} == sites


def test_it_is_python_37_syntax() -> None:
    ast.parse(SCRIPT, feature_version=(3, 7))


def fake(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("echo rubbish; echo '[1]'", Why.FAILED),
        ("exit 3", Why.FAILED),
        ("kill -9 $$", Why.FAILED),
        ("head -c 20000000 /dev/zero", Why.FAILED),
        ("echo '{\"version\": 3}'", Why.FAILED),
    ],
)
def test_an_interpreter_that_misbehaves_is_a_reason(tmp_path: Path, body: str, why: Why) -> None:
    found = read_interpreter(Host(), fake(tmp_path / "python", body))
    assert isinstance(found, Missing) and found.why is why


def test_an_interpreter_that_sleeps_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("envcheck.probes.interpreter.PATIENT_LIMIT", 0.2)
    found = read_interpreter(Host(), fake(tmp_path / "python", "sleep 600"))
    assert isinstance(found, Missing) and "no answer within 0.2 s" in found.detail


def test_a_banner_does_not_hide_the_answer(tmp_path: Path) -> None:
    body = f'echo "Welcome {{}}"; exec {sys.executable} "$@"'
    found = read_interpreter(Host(), fake(tmp_path / "python", body))
    assert isinstance(found, Interpreter)


def test_no_such_interpreter() -> None:
    found = read_interpreter(Host(), "/nonexistent/python")
    assert isinstance(found, Missing) and found.why is Why.ABSENT
