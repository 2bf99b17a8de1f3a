"""The report in a real browser: not blank, loads nothing, fits a phone, dark where wanted."""

import re
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

from envcheck.watch.report import write
from tests.watch.recordings import record

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium"),
]
QUIET = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--no-first-run"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write(record(folder / "r.gz"), str(folder / "out.html"))
    return folder / "out.html"


def browse(page: Path, *options: str) -> str:
    """Opens the page; what the browser prints."""
    assert CHROMIUM is not None
    profile = f"--user-data-dir={page.parent / 'profile'}"
    command = [CHROMIUM, *QUIET, profile, *options, page.as_uri()]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return ran.stdout


def screenshot(page: Path, name: str, *options: str) -> tuple[int, int, bytes]:
    """Width, height, and the inflated scan lines of a picture of the page."""
    target = page.parent / name
    browse(page, f"--screenshot={target}", *options)
    data = target.read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    parts, at = [], 8
    while at < len(data):
        (length,), kind = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        parts += [data[at + 8 : at + 8 + length]] if kind == b"IDAT" else []
        at += length + 12
    return width, height, zlib.decompress(b"".join(parts))


def corner(lines: bytes) -> tuple[int, ...]:
    """The first pixel: no filter of PNG changes it."""
    return tuple(lines[1:4])


def test_it_is_drawn(report: Path) -> None:
    width, height, lines = screenshot(report, "light.png", "--window-size=1200,1600")
    assert (width, height) == (1200, 1600)
    assert corner(lines) == (255, 255, 255)
    blank = report.with_name("blank.html")
    blank.write_text("<!doctype html><title>nothing</title>")
    _, _, nothing = screenshot(blank, "blank.png", "--window-size=1200,1600")
    assert len(zlib.compress(lines)) > 10 * len(zlib.compress(nothing))


def test_it_is_dark_where_wanted(report: Path) -> None:
    dark = "--blink-settings=preferredColorScheme=0"
    _, _, lines = screenshot(report, "dark.png", "--window-size=1200,1600", dark)
    assert max(corner(lines)) < 40


def asked(page: Path) -> set[str]:
    """The servers that the browser asks for this page; its own maker's are left out."""
    log = page.with_suffix(".net.json")
    browse(page, "--dump-dom", f"--log-net-log={log}")
    hosts = set(re.findall(r'"url":"(?:https?|wss?|ftp)://([^/":]*)', log.read_text()))
    return {host for host in hosts if not host.endswith(("google.com", "gvt1.com"))}


def test_it_asks_for_nothing(report: Path) -> None:
    assert asked(report) == set()
    other = report.with_name("asking.html")
    other.write_text('<img src="http://x.invalid/i">')
    assert asked(other) == {"x.invalid"}


def test_hostile_names_do_nothing(report: Path) -> None:
    document = browse(report, "--dump-dom")
    (title,) = re.findall(r"<title>(GPUs[^<]*)</title>", document)
    assert title.startswith("GPUs of host, 2026-11-21")
    assert "<script" not in document


def test_it_fits_a_phone(report: Path) -> None:
    """Nothing but the tables scrolls sideways."""
    measured = report.with_name("phone.html")
    text = report.read_text(encoding="utf-8")
    text = re.sub(r"<meta http-equiv=[^>]*>", "", text)
    script = "<script>document.title=document.documentElement.scrollWidth+'/'+innerWidth</script>"
    measured.write_text(text.replace("</body>", f"{script}</body>"), encoding="utf-8")
    document = browse(measured, "--dump-dom", "--window-size=400,800")
    found = re.search(r"<title>(\d+)/(\d+)</title>", document)
    assert found
    assert int(found[1]) <= int(found[2]) <= 500
