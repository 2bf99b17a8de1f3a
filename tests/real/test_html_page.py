"""The report's page in a real browser: drawn, dark where wanted, loads nothing, fits a phone."""

import os
import re
import shutil
import zlib
from pathlib import Path

import pytest

from envcheck.render import render
from envcheck.render.style import Style
from tests.real.test_report_page import CHROMIUM, asked, browse, corner, screenshot
from tests.render.hostile import NASTY, holding
from tests.render.samples import FULL

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium"),
]
DARK = "--blink-settings=preferredColorScheme=0"
PHONE = 390  # pixels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def page(folder: Path) -> Path:
    file = folder / "report.html"
    file.write_text(render(FULL, "html", Style()), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def hostile(folder: Path) -> Path:
    file = folder / "hostile.html"
    text = render(holding("".join(NASTY)), "html", Style())
    file.write_text(text, encoding="utf-8")
    return file


def shrunk(lines: bytes) -> int:
    """How much there is to see: a blank picture shrinks to nothing."""
    return len(zlib.compress(lines))


def framed(page: Path, script: str) -> str:
    """What a script says of the page in a frame as wide as a phone."""
    inner = page.with_name("inner.html")
    text = re.sub(r"<meta http-equiv=[^>]*>", "", page.read_text(encoding="utf-8"))
    script = f"<script>parent.postMessage({script},'*')</script>"
    inner.write_text(text.replace("</body>", f"{script}</body>"), encoding="utf-8")
    outer = page.with_name("outer.html")
    outer.write_text(
        "<!doctype html><title>none</title>"
        "<script>onmessage = event => document.title = event.data</script>"
        f'<iframe src="{inner.name}" style="width:{PHONE}px;height:800px;border:0"></iframe>'
    )
    document = browse(outer, "--dump-dom", "--virtual-time-budget=5000")
    return document.partition("<title>")[2].partition("</title>")[0]


@pytest.fixture(scope="module")
def pictures(page: Path) -> dict[str, tuple[int, int, bytes]]:
    """The page by day, by night and on a phone; ENVCHECK_PICTURES=DIR keeps them for the eye."""
    wide = "--window-size=1200,1600"
    taken = {
        "light": screenshot(page, "light.png", wide),
        "dark": screenshot(page, "dark.png", wide, DARK),
        "phone": screenshot(page, "phone.png", f"--window-size={PHONE},2400"),
    }
    if kept := os.environ.get("ENVCHECK_PICTURES"):
        for name in taken:
            shutil.copy(page.with_name(f"{name}.png"), kept)
    return taken


def test_it_is_drawn_by_day_by_night_and_on_a_phone(
    page: Path, pictures: dict[str, tuple[int, int, bytes]]
) -> None:
    assert pictures["phone"][:2] == (PHONE, 2400)
    assert corner(pictures["light"][2]) == (0xF4, 0xF5, 0xF7)
    assert max(corner(pictures["dark"][2])) < 40
    blank = page.with_name("blank.html")
    blank.write_text("<!doctype html><title>nothing</title>")
    _, _, nothing = screenshot(blank, "blank.png", "--window-size=1200,1600")
    assert min(shrunk(lines) for _, _, lines in pictures.values()) > 10 * shrunk(nothing)


@pytest.mark.parametrize("which", ["page", "hostile"])
def test_it_fits_a_phone(which: str, request: pytest.FixtureRequest) -> None:
    """Nothing scrolls sideways, whatever the names are."""
    file: Path = request.getfixturevalue(which)
    wide = framed(file, "document.documentElement.scrollWidth + '/' + innerWidth")
    assert wide == f"{PHONE}/{PHONE}"


def test_a_click_selects_one_whole_command(page: Path) -> None:
    """Each command is one unit of selection, and its prompt is no part of it."""
    script = (
        "(()=>{const code=document.querySelectorAll('pre code')[0];"
        "getSelection().selectAllChildren(code);"
        "return getComputedStyle(code).userSelect+'|'+getSelection().toString()})()"
    )
    assert framed(page, script) == "all|sudo apt-get install --yes cuda-drivers-580"


def test_details_open_on_a_click_without_a_script(page: Path) -> None:
    script = (
        "(()=>{const one=[...document.querySelectorAll('details')].find(d=>!d.open);"
        "one.querySelector('summary').click();return one.open})()"
    )
    assert framed(page, script) == "true"


@pytest.mark.parametrize("which", ["page", "hostile"])
def test_it_asks_for_nothing(which: str, request: pytest.FixtureRequest) -> None:
    assert asked(request.getfixturevalue(which)) == set()


def test_hostile_names_do_nothing(hostile: Path) -> None:
    document = browse(hostile, "--dump-dom")
    title = document.partition("<title>")[2].partition("</title>")[0]
    assert title.startswith("envcheck: unknown") and "<script" not in document
