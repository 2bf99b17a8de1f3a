"""The documentation as a site: built without a warning, whole, loading nothing from elsewhere."""

import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from tests.real.test_report_page import CHROMIUM, screenshot

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
ELSEWHERE = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\ssrc=[\"'](?:https?:)?//[^\"']*"
    r"|<link\b[^>]*\shref=[\"'](?:https?:)?//[^\"']*"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    words = ["-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", "docs", str(folder)]
    ran = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return folder


def test_every_page_is_there_and_in_the_menu(site: Path) -> None:
    home = (site / "index.html").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").with_suffix(".html")
        assert (site / name).is_file()
        if name.parent == Path() and name.stem != "index":
            assert f'href="{name}"' in home, name


def test_it_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = [page.read_text(encoding="utf-8") for page in site.rglob("*.html")]
    assert len(pages) > 100
    assert not {found for page in pages for found in ELSEWHERE.findall(page)}
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", style.read_text())


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")
def test_its_first_page_shows_the_pictures(site: Path) -> None:
    _, _, whole = screenshot(site / "index.html", "whole.png", "--window-size=1200,1600")
    for picture in site.rglob("*.svg"):
        picture.unlink()
    _, _, bare = screenshot(site / "index.html", "bare.png", "--window-size=1200,1600")
    assert len(zlib.compress(whole)) > 1.1 * len(zlib.compress(bare))
