"""FFmpeg releases, nv-codec-headers and the drivers they need."""

import itertools
from pathlib import Path

import pytest

from envcheck.kb import PACKAGED, KnowledgeError, VersionError, load, order


def test_newer_sdks_need_newer_drivers() -> None:
    sdks = load().ffmpeg.sdks
    for older, newer in itertools.pairwise(sdks):
        assert order(older.sdk) < order(newer.sdk)
        assert order(older.linux) < order(newer.linux), newer.sdk
        assert order(older.windows) < order(newer.windows), newer.sdk


def test_a_tag_is_of_its_sdk() -> None:
    for row in load().ffmpeg.headers:
        assert row.tag.startswith(f"n{row.sdk}."), row.tag


@pytest.mark.parametrize(
    ("driver", "tag"),
    [
        ("535.104.05", "n12.1.14.0"),
        ("550.54.14", "n12.2.72.0"),
        ("550.40.07", "n12.1.14.0"),
        ("580.95.05", "n13.0.19.0"),
        ("615.10", "n13.1.15.0"),
        ("470.256.02", "n11.1.5.3"),
    ],
)
def test_headers_for_a_driver(driver: str, tag: str) -> None:
    headers = load().ffmpeg.newest_for(driver)
    assert headers is not None and headers.tag == tag


def test_a_driver_too_old_and_no_driver() -> None:
    assert load().ffmpeg.newest_for("450.80.02") is None
    with pytest.raises(VersionError):
        load().ffmpeg.newest_for("new")


def test_windows_drivers_are_counted_apart() -> None:
    table = load().ffmpeg
    headers = table.newest_for("551.61", windows=True)
    assert headers is not None and headers.sdk == "12.1"


def test_what_an_ffmpeg_names_tells_its_sdk() -> None:
    table = load().ffmpeg
    sdk = table.sdk_of_driver("530.41.03")
    assert sdk is not None and sdk.sdk == "12.1"
    assert table.sdk_of_driver("530.41.3") == sdk
    assert table.sdk_of_driver("530.0") is None and table.sdk_of_driver("(unknown)") is None


def test_every_release_compiles_with_some_headers_and_the_default_is_one() -> None:
    table = load().ffmpeg
    for release in table.releases:
        low, high = order(release.oldest), order(release.newest)
        assert any(low <= order(row.sdk) <= high for row in table.headers), release.version
        assert release.version.startswith(f"{release.series}.")
    assert table.default.version in {release.version for release in table.releases}


def test_headers_of_an_sdk_nobody_described_are_refused(tmp_path: Path) -> None:
    text = (PACKAGED / "ffmpeg.toml").read_text(encoding="utf-8")
    (tmp_path / "ffmpeg.toml").write_text(
        text.replace('{ sdk = "12.2", linux', '{ sdk = "12.3", linux')
    )
    with pytest.raises(KnowledgeError, match=r"12\.2"):
        _ = load(tmp_path).ffmpeg


def test_the_table_of_the_docs() -> None:
    """docs/ffmpeg.md: which headers for which driver, and which releases take them."""
    table = load().ffmpeg
    drivers = {row.sdk: row.linux for row in table.sdks}
    page = (Path(__file__).parents[2] / "docs/ffmpeg.md").read_text(encoding="utf-8")
    for row in table.headers:
        series = [
            release.series
            for release in table.releases
            if order(release.oldest) <= order(row.sdk) <= order(release.newest)
        ]
        assert f"| {drivers[row.sdk]} | {row.tag} | {', '.join(series)} |" in page
