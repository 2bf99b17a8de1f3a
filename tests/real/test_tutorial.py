"""docs/slowfast.md, run as it is printed."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.real.conftest import CPU, VIDEO_NO_DEPS

pytestmark = pytest.mark.real

PAGE = Path(__file__).parent.parent.parent / "docs/slowfast.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_every_snippet_runs(video_env: Path, tmp_path: Path) -> None:
    snippets = blocks("python")
    assert len(snippets) >= 12
    done = "\n".join(f"{code}\nprint('block {number}')" for number, code in enumerate(snippets))
    ran = subprocess.run(
        [video_env / "bin/python", "-c", done],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ran.stdout.split("\n")[-2:] == [f"block {len(snippets) - 1}", ""], ran.stderr[-2000:]


def test_the_install_commands_are_those_of_the_tests() -> None:
    (commands,) = blocks("sh")
    assert f"pip install {' '.join(CPU)} av\n" in commands
    assert f"pip install --no-deps {' '.join(VIDEO_NO_DEPS)}\n" in commands
