"""The linters are tests: types, style, import contracts, file length."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent

TOOLS = {
    "ruff": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
    "imports": ["lint-imports"],
}


@pytest.mark.parametrize("tool", TOOLS)
def test_linter(tool: str) -> None:
    program, *arguments = TOOLS[tool]
    ran = subprocess.run(
        [str(BIN / program), *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_no_long_source_file() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / "envcheck").rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 300
    }
    assert not long
