"""Generated files say what the code says now."""

from pathlib import Path

import pytest

from tests.make_docs import ROOT, generated


@pytest.mark.parametrize("path", sorted(generated()), ids=lambda path: path.name)
def test_generated_file_is_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == generated()[path], "run `make docs`"


def test_no_page_of_a_check_that_is_gone() -> None:
    pages = set((ROOT / "docs/rules").glob("*.md"))
    assert pages <= set(generated())
