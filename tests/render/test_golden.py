"""Every format prints of the samples what its golden file holds."""

from pathlib import Path

import pytest

from envcheck.cli.options import Format
from envcheck.render import FORMATS
from tests.render.golden import FOLDER, SCHEMED, golden


@pytest.mark.parametrize("path", sorted(golden()), ids=lambda path: path.name)
def test_it_prints_what_the_golden_file_holds(path: Path) -> None:
    held = path.read_text(encoding="utf-8")
    assert golden()[path] == held, "if this is meant: python -m tests.render.golden"


def test_every_format_can_be_chosen_and_has_a_golden_file() -> None:
    assert set(FORMATS) == {fmt.value for fmt in Format}
    named = {path.name.split(".")[1] for path in FOLDER.iterdir()}
    assert named == set(FORMATS) - set(SCHEMED)
