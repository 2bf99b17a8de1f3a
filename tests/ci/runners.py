"""Runs the ready-made steps as GitHub's and GitLab's runners do."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

ROOT = Path(__file__).parent.parent.parent
_EXPRESSION = re.compile(r"\$\{\{\s*([\w.-]+)\s*\}\}")
# What a session of a person has and a runner's job has not.
# How the network is reached stays: it is the machine's, not the job's.
_KEPT = re.compile(r"PATH|HOME|LANG|LC_ALL|TMPDIR|(PIP|UV|SSL|REQUESTS)_.*|.*_(PROXY|proxy)")


class Step(msgspec.Struct, frozen=True):
    """What a runner saw of a job."""

    returncode: int
    log: str
    outputs: dict[str, str]
    summary: str


def environment(**more: str) -> dict[str, str]:
    """A job's environment: little of this process's, the rest as the runner sets it."""
    kept = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
    return {**kept, "CI": "true", **more}


def place(bin_folder: Path) -> Path:
    """The folder with an `envcheck` program: this checkout's."""
    bin_folder.mkdir(parents=True, exist_ok=True)
    program = bin_folder / "envcheck"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m envcheck "$@"\n')
    program.chmod(0o755)
    return bin_folder


def load(file: str) -> Any:
    return yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))


class Action:
    """action.yml, played in a folder: https://docs.github.com/actions/creating-actions"""

    def __init__(self, folder: Path, source: Path = ROOT) -> None:
        self.said = load("action.yml")
        self.source = source
        self.work, self.temp = folder / "work", folder / "temp"
        self.work.mkdir()
        self.temp.mkdir()

    def run(self, inputs: Mapping[str, str], *, steps: slice = slice(None), **environ: str) -> Step:
        """The steps one after another until one fails.

        Raises:
            KeyError: an input or a context that the action does not have.
        """
        given = {name: one["default"] for name, one in self.said["inputs"].items()}
        if unknown := inputs.keys() - given.keys():
            raise KeyError(unknown)
        given |= inputs
        context = {f"inputs.{name}": value for name, value in given.items()}
        output, summary = self.temp / "output", self.temp / "summary.md"
        base = environment(
            GITHUB_ACTIONS="true",
            GITHUB_ACTION_PATH=str(self.source),
            GITHUB_OUTPUT=str(output),
            GITHUB_STEP_SUMMARY=str(summary),
            GITHUB_WORKSPACE=str(self.work),
            RUNNER_OS="Linux",
            RUNNER_TEMP=str(self.temp),
            **environ,
        )
        code, log = 0, ""
        for step in self.said["runs"]["steps"][steps]:
            output.write_text("")
            assert step["shell"] == "bash"
            script = self.temp / "step.sh"
            script.write_text(_filled(step["run"], context))
            ran = subprocess.run(
                ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", script],
                cwd=self.work,
                env=base | {name: _filled(text, context) for name, text in step["env"].items()},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=300,
            )
            code, log = ran.returncode, log + ran.stdout
            for line in output.read_text().splitlines():
                name, value = line.split("=", 1)
                context[f"steps.{step.get('id')}.outputs.{name}"] = value
            if code:
                break
        outputs = {
            name: context.get(_EXPRESSION.fullmatch(one["value"])[1], "")  # type: ignore[index]
            for name, one in self.said["outputs"].items()
        }
        return Step(code, log, outputs, summary.read_text() if summary.exists() else "")


def _filled(text: str, context: Mapping[str, str]) -> str:
    return _EXPRESSION.sub(lambda found: context[found[1]], text)
