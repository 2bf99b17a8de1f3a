"""The page about a recording: what it says, and that nothing of a recording can act on it."""

import os
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from envcheck.errors import UsageError
from envcheck.watch.record import Recorder, Recording
from envcheck.watch.report import write
from envcheck.watch.report.page import page
from envcheck.watch.report.timeline import STRETCHES, Timeline, read_timeline
from tests.watch.conftest import Command
from tests.watch.recordings import END, GAP_FROM, GAP_TO, LOST_FROM, record
from tests.watch.ticks import gpu, process, tick


class Reader(HTMLParser):
    """The tags with their attributes, the table cells, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.cells:
            self.cells[-1] += data


@pytest.fixture(scope="module")
def timeline(tmp_path_factory: pytest.TempPathFactory) -> Timeline:
    return read_timeline(Recording(record(tmp_path_factory.mktemp("r") / "r.gz")), "r.gz")


@pytest.fixture(scope="module")
def html(timeline: Timeline) -> str:
    return page(timeline)


def stretch(second: int) -> int:
    return second * STRETCHES // END


def test_gaps_are_gaps(timeline: Timeline) -> None:
    steady = timeline.gpus[0].utilization.means
    for second, value in ((GAP_FROM - 2, 50), (GAP_FROM + 2, None), (GAP_TO - 2, None)):
        assert steady[stretch(second)] == value
    assert steady[stretch(GAP_TO + 2)] == 50
    lost = timeline.gpus[2].temperature.means
    assert (lost[stretch(LOST_FROM - 2)], lost[stretch(LOST_FROM + 2)]) == (40, None)
    assert timeline.gpus[2].unread == {"nvmlDeviceGetUUID: GPU_IS_LOST": pytest.approx(80)}


def test_bursts_are_not_lost(timeline: Timeline) -> None:
    line = timeline.gpus[1].utilization
    assert line.means[10] == pytest.approx(4)
    assert line.peaks[10] == 100


def test_summary(html: str) -> None:
    cells = Reader(html).cells
    first = cells[: len(cells) // 3]
    assert first[:3] == ["0", "H100", "50 / 50 / 50 %"]
    assert first[3] == "40.0 / 40.0 / 80.0 GiB"
    assert first[5] == f"{350 * (END - 1) / 1000:.1f} kJ"
    assert "sw power cap 6 min 19 s" in first[9]
    assert "gpu idle" not in html


def test_gaps_and_xids_are_said(html: str) -> None:
    said = Reader(html).text
    assert "21 % of the time nothing was recorded" in said
    assert "Xid 79 at 2026-11-21T08:06:40.000Z" in said
    assert "Not read for 1 min 20 s: nvmlDeviceGetUUID: GPU_IS_LOST" in said
    assert "2026-11-21 08:00:00 to 2026-11-21 08:08:00 UTC" in said


def test_charts_are_svg_with_hatched_gaps(html: str) -> None:
    charts = [ElementTree.fromstring(svg) for svg in re.findall(r"<svg class=.*?</svg>", html)]
    assert len(charts) == 3 * 4
    hatched = [
        (float(rect.attrib["x"]), float(rect.attrib["width"]))
        for rect in charts[0].iter("rect")
        if rect.attrib["class"] == "gap"
    ]
    ((start, width),) = hatched
    assert start == pytest.approx(stretch(GAP_FROM), abs=1)
    assert width == pytest.approx(stretch(GAP_TO) - stretch(GAP_FROM), abs=1)
    assert [line.attrib["class"] for line in charts[8].iter("line")] == ["ground", "xid"]
    throttled = [r for r in charts[2].iter("rect") if r.attrib["class"] == "throttled"]
    assert len(throttled) == 2  # one each side of the gap


def test_nothing_in_it_acts_or_loads(html: str) -> None:
    tags = Reader(html).tags
    assert not {"script", "img", "link", "iframe", "object", "b "} & {tag for tag, _ in tags}
    for tag, attributes in tags:
        assert not any(name.startswith("on") or name == "src" for name in attributes)
        assert "href" not in attributes or tag == "a"
    policy = next(a["content"] for t, a in tags if a.get("http-equiv"))
    assert policy and policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "url(" not in html.replace("url(#hatch)", "")
    assert "@import" not in html
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_hostile_names_are_text(html: str) -> None:
    cells = Reader(html).cells
    assert '</code><script>document.title="owned"</script>' in " ".join(cells)
    assert "<b>" in cells


def test_processes(timeline: Timeline, html: str) -> None:
    assert [line.process.pid for line in timeline.processes] == [2, 1]
    assert [line.memory >> 30 for line in timeline.processes] == [3, 2]
    assert timeline.processes[1].sm_percent == 25
    assert "docker:3f2a45e1c09b" in html


def test_its_size_does_not_grow_with_the_recording(html: str) -> None:
    assert len(html) < 60_000


def test_torn_end_is_said(tmp_path: Path) -> None:
    path = record(tmp_path / "r.gz")
    path.write_bytes(path.read_bytes()[:-20])
    said = page(read_timeline(Recording(path), path.name))
    assert "the end is missing: its writer was killed" in said


def test_one_tick_is_enough(tmp_path: Path) -> None:
    with Recorder(tmp_path / "r.gz") as recorder:
        recorder.write(tick(gpu(0)))
    write(tmp_path / "r.gz", str(tmp_path / "out.html"))
    assert "GPU 0" in (tmp_path / "out.html").read_text(encoding="utf-8")


def test_times_that_are_none_and_clocks_that_go_back(tmp_path: Path) -> None:
    stamps = [
        "",
        "yesterday",
        "2026-11-21T10:00:05Z",
        "2026-11-21T10:00:00Z",
        "0001-01-01T00:00:00Z",
    ]
    with Recorder(tmp_path / "r.gz") as recorder:
        for stamp in stamps:
            recorder.write(
                tick(gpu(0), timestamp=stamp, processes=(process(1, command="x" * 9999),))
            )
    line = read_timeline(Recording(tmp_path / "r.gz"), "r.gz")
    assert line.ticks == 2
    assert line.seconds == 6
    assert len(page(line)) < 40_000


@pytest.mark.parametrize("content", [b"", b"text", None])
def test_no_recording(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "r.gz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=re.escape("r.gz")):
        write(path, str(tmp_path / "out.html"))
    assert not (tmp_path / "out.html").exists()


def test_the_command(gpu_watch: Command, tmp_path: Path) -> None:
    path = record(tmp_path / "r.gz")
    ran = gpu_watch("report", str(path), "--html", "-", env=os.environ)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("<!doctype html>")
    ran = gpu_watch("report", str(path), "--html", str(tmp_path / "no/such/folder"), env=os.environ)
    assert ran.returncode == 2
    assert "No such file or directory" in ran.stderr
