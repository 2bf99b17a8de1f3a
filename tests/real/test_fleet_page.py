"""The fleet's page in a real browser: its script runs under its own policy."""

from pathlib import Path

import pytest

from envcheck.files import write_whole
from envcheck.fleet.run import judge_fleet
from envcheck.render.fleet_page import render_page
from tests.real.test_report_page import CHROMIUM, browse, screenshot

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium"),
]
MACHINES = Path(__file__).parent.parent / "machines"


def test_the_search_box_appears_and_the_page_fits_a_phone(tmp_path: Path) -> None:
    page = tmp_path / "fleet.html"
    write_whole(str(page), render_page(judge_fleet([str(MACHINES)])))
    document = browse(page, "--dump-dom")
    assert '<div class="search">' in document  # the script took `hidden` away
    assert '<span class="n" id="count">' in document
    width, _, lines = screenshot(page, "phone.png", "--window-size=390,900")
    assert width == 390 and len(set(lines)) > 10
