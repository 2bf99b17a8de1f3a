"""The ```console blocks of docs/*.md are run: commands, output and exit codes are as printed.

A line `$ envcheck …` is run; the lines below it are its output, of which a line `…` stands for any
lines, or at a line's end for its rest. It ends with 0 unless `$ echo $?` and another code follow.
It runs in an empty folder that has the recorded machines in `tests/machines`. Other fences (```sh)
are not run; `test_doc_commands` holds what they show against the commands as they are.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples() -> list[tuple[str, str, list[str], int]]:
    """Page, command, expected lines and exit code of every example."""
    found = []
    for page in PAGES:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            parts = re.split(r"^\$ (.+)\n", block, flags=re.MULTILINE)[1:]
            steps = [(parts[i], parts[i + 1].splitlines()) for i in range(0, len(parts), 2)]
            assert steps, f"{page.name}: a console block without a command"
            for place, (command, lines) in enumerate(steps):
                follows = steps[place + 1] if place + 1 < len(steps) else ("", [])
                code = int(follows[1][0]) if follows[0] == "echo $?" else 0
                if command != "echo $?":
                    found.append((page.name, command, lines, code))
    return found


def agree(expected: list[str], lines: list[str]) -> bool:
    """Whether the lines are as expected; `…` stands for any lines, or for the rest of a line."""

    def meant(line: str) -> str:
        if line == "…":
            return r"(?:.*\n)*"
        return re.escape(line[:-1]) + r".*\n" if line.endswith("…") else re.escape(line) + r"\n"

    pattern = "".join(map(meant, expected))
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in lines)) is not None


@pytest.mark.parametrize(
    ("page", "command", "expected", "code"), examples(), ids=lambda value: str(value)[:60]
)
def test_example(page: str, command: str, expected: list[str], code: int, tmp_path: Path) -> None:
    words = shlex.split(command)
    assert words[0] == "envcheck", f"{page}: only envcheck is run: use another fence for {command}"
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/machines").symlink_to(ROOT / "tests/machines")
    ran = subprocess.run(
        [sys.executable, "-m", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
        env={**os.environ, "NO_COLOR": "1"},
    )
    output = (ran.stdout + ran.stderr).splitlines()
    assert ran.returncode == code, output
    assert agree([line.rstrip() for line in expected], output), "\n".join(output)


def test_the_runner_tells_a_wrong_example() -> None:
    assert agree(["a", "…", "d"], ["a", "b", "c", "d"]) and agree(["…"], [])
    assert not agree(["a", "…", "x"], ["a", "b"]) and not agree(["a"], ["a", "b"])
    assert agree(["a…", "c"], ["ab", "c"]) and not agree(["a…"], ["ab", "c"])
