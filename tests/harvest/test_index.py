"""The package index: listings in both forms, addresses, credentials, limits, hostile pages."""

import base64
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envcheck.binaries.source import FileSource
from envcheck.errors import UsageError
from envcheck.index import (
    Gone,
    IndexFile,
    NoRanges,
    Page,
    PipConfig,
    RemoteFile,
    Web,
    WebError,
    files_of,
    open_file,
)
from envcheck.index.simple import parse_page
from tests.harvest.server import JSON, Index, serving

WHEEL = "torch-9.1.0-cp311-cp311-manylinux_2_28_x86_64.whl"
URL = "https://index.example/simple/torch/"


def web(config: PipConfig) -> Web:
    return Web(config, pauses=(0.0, 0.0, 0.0))


def listed(index: Index, config: PipConfig | None = None) -> tuple[IndexFile, ...]:
    config = config or index.config
    return files_of("torch", config, web(config))


def html(text: str, url: str = URL) -> tuple[IndexFile, ...]:
    return parse_page(Page(url, "text/html", text.encode()))


@pytest.mark.parametrize("page", ["html", "json"])
def test_both_forms_say_the_same(index: Index, page: str) -> None:
    index.page = page  # type: ignore[assignment]
    index.files, index.metadata, index.yanked = {WHEEL: b"data"}, {WHEEL: b"meta"}, {WHEEL}
    (file,) = listed(index)
    assert file == IndexFile(
        name=WHEEL,
        url=f"{index.url}/files/{WHEEL}",
        sha256=hashlib.sha256(b"data").hexdigest(),
        metadata=True,
        metadata_sha256=hashlib.sha256(b"meta").hexdigest(),
        yanked=True,
    )


def test_json_is_asked_for_first(index: Index) -> None:
    index.page = "json"
    listed(index)
    page = web(index.config).page(f"{index.url}/simple/torch/")
    assert page.kind == JSON


@pytest.mark.parametrize(
    ("href", "url"),
    [
        (f"/files/{WHEEL}", f"https://index.example/files/{WHEEL}"),
        (f"../../{WHEEL}#md5=00", f"https://index.example/{WHEEL}"),
        (f"//other.example/{WHEEL}", f"https://other.example/{WHEEL}"),
        (f"https://o.example/{WHEEL}?sig=1#x", f"https://o.example/{WHEEL}?sig=1"),
    ],
)
def test_links_are_resolved(href: str, url: str) -> None:
    (file,) = html(f'<a href="{href}">text is not looked at</a>')
    assert (file.name, file.url, file.sha256) == (WHEEL, url, None)


def test_local_versions_are_unquoted() -> None:
    (file,) = html('<a href="torch-2.4.0%2Bcu118-cp311-cp311-linux_x86_64.whl">x</a>')
    assert file.name == "torch-2.4.0+cu118-cp311-cp311-linux_x86_64.whl"


def test_a_base_address() -> None:
    (file,) = html(f'<head><base href="https://b.example/x/"></head><a href="{WHEEL}">x</a>')
    assert file.url == f"https://b.example/x/{WHEEL}"


@pytest.mark.parametrize(
    "href",
    [
        f"file:///etc/{WHEEL}",
        f"http://plain.example/{WHEEL}",
        f"ftp://old.example/{WHEEL}",
        f"javascript:{WHEEL}",
        f"https://[/{WHEEL}",
        "torch\x1b[2J.whl",
        "../",
        "",
        "%2e%2e%2ftorch.whl",
    ],
)
def test_links_that_are_not_followed(href: str) -> None:
    assert html(f'<a href="{href}">{WHEEL}</a>') == ()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (JSON, b""),
        (JSON, b"[]"),
        (JSON, b'{"files": 1}'),
        (JSON, b'{"files": [{"filename": 1, "url": "x"}]}'),
        (JSON, b"[" * 100_000),
        (JSON, b"\xff\xfe"),
        ("image/png", b"\x89PNG"),
    ],
)
def test_what_is_no_listing(index: Index, kind: str, body: bytes) -> None:
    index.body = kind, body
    with pytest.raises(WebError, match="no project page"):
        listed(index)


@settings(deadline=None)
@given(kind=st.sampled_from([JSON, "text/html"]), body=st.binary(max_size=300))
def test_any_page_is_a_listing_or_an_error(kind: str, body: bytes) -> None:
    try:
        files = parse_page(Page(URL, kind, body))
    except WebError:
        return
    assert all(file.url.startswith("https://") for file in files)


@settings(deadline=None)
@given(
    st.text(
        st.sampled_from(list('<a href="/torch-9.whl#sha256=0123ab">&;!-%[]\x00é</base>')),
        max_size=120,
    )
)
def test_any_markup_is_read_to_its_end(text: str) -> None:
    for file in html(text):
        assert file.url.startswith("https://")


def test_json_entries_of_later_versions() -> None:
    entry = {"filename": WHEEL, "url": WHEEL, "size": 1, "provenance": None, "yanked": "broken"}
    page = Page(URL, JSON, json.dumps({"meta": {"x": 1}, "files": [entry]}).encode())
    (file,) = parse_page(page)
    assert file.yanked and not file.metadata


# ---- where packages lie ---------------------------------------------------------------------


def test_every_configured_place_counts(index: Index, tmp_path: Path) -> None:
    index.files = {WHEEL: b"from the index"}
    links = tmp_path / "links"
    links.mkdir()
    for name in (WHEEL, WHEEL.replace("9.1.0", "9.2.0"), "numpy-1.0-py3-none-any.whl", "x.txt"):
        (links / name).write_bytes(b"from the folder")
    extra = tmp_path / "extra"
    (extra / "torch").mkdir(parents=True)
    third = WHEEL.replace("9.1.0", "9.3.0")
    (extra / "torch/index.html").write_text(f'<a href="{third}">x</a>')
    config = PipConfig(
        indexes=(f"{index.url}/simple", extra.as_uri()), find_links=(str(links),), timeout=5
    )
    files = {file.name: file.url for file in listed(index, config)}
    assert files == {
        WHEEL: f"{index.url}/files/{WHEEL}",
        third: (extra / "torch" / third).as_uri(),
        WHEEL.replace("9.1.0", "9.2.0"): (links / WHEEL.replace("9.1.0", "9.2.0")).as_uri(),
    }


def test_a_page_of_links(index: Index, tmp_path: Path) -> None:
    page = tmp_path / "links.html"
    page.write_text(f'<a href="{WHEEL}">x</a><a href="numpy-1-py3-none-any.whl">y</a>')
    (file,) = listed(index, PipConfig(find_links=(str(page),)))
    assert file.name == WHEEL


def test_no_index_has_it(index: Index) -> None:
    with pytest.raises(Gone, match="no index that pip is configured with has numpy"):
        files_of("numpy", index.config, web(index.config))


@pytest.mark.parametrize("place", ["/nonexistent", "file:///nonexistent/x.html"])
def test_a_place_that_is_not_there(place: str) -> None:
    config = PipConfig(find_links=(place,))
    with pytest.raises(WebError, match="nonexistent"):
        files_of("torch", config, web(config))


def test_a_wheel_on_disk_is_read_in_place(tmp_path: Path) -> None:
    path = tmp_path / "a b.whl"
    path.write_bytes(b"0123456789")
    with open_file(web(PipConfig()), path.as_uri()) as source:
        assert isinstance(source, FileSource) and source.read_at(3, 4) == b"3456"


# ---- servers --------------------------------------------------------------------------------


def login(index: Index) -> PipConfig:
    address = index.url.replace("://", "://me:pass%20word@")
    return PipConfig(indexes=(f"{address}/simple",), timeout=5)


def test_credentials_of_the_index_address(index: Index) -> None:
    index.files = {WHEEL: b"0123456789"}
    index.login = "Basic " + base64.b64encode(b"me:pass word").decode()
    config = login(index)
    client = web(config)
    (file,) = files_of("torch", config, client)
    with open_file(client, file.url) as source:
        assert source.read_at(0, 4) == b"0123"
    with pytest.raises(WebError, match="401"):
        listed(index)


def test_credentials_are_not_printed(index: Index) -> None:
    index.login = "another"
    with pytest.raises(WebError, match="401") as caught:
        listed(index, login(index))
    assert "pass" not in str(caught.value) and "me:" not in str(caught.value)


def test_credentials_do_not_follow_a_redirect(index: Index) -> None:
    with serving(Index(files={WHEEL: b"0123456789"})) as other:
        index.files = {WHEEL: b""}
        index.redirect = f"{other.url}/files/{WHEEL}"
        index.login = "Basic " + base64.b64encode(b"me:pass word").decode()
        other.login = index.login
        config = login(index)
        with pytest.raises(WebError, match="401"):
            open_file(web(config), f"{index.url}/files/{WHEEL}")
        other.login = None
        with open_file(web(config), f"{index.url}/files/{WHEEL}") as source:
            assert source.read_at(0, 10) == b"0123456789"


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://x.example/y", "/files/loop"])
def test_redirects_that_are_refused(index: Index, target: str) -> None:
    index.redirect = target
    with pytest.raises(WebError):
        open_file(web(index.config), f"{index.url}/files/loop")


@pytest.mark.parametrize("url", ["http://[", "http://a b/", "http://x.example/\r\nHost: y", "no"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(WebError):
        web(PipConfig()).page(url)


def test_a_page_without_end(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envcheck.index.web._PAGE_LIMIT", 1000)
    index.body = "text/html", b"x" * 2000
    with pytest.raises(WebError, match="more than 1000 bytes"):
        listed(index)


def test_an_answer_that_drips(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is told by a clock of our own: a minute between two looks."""
    ticks = iter(range(0, 10**6, 100))
    monkeypatch.setattr("envcheck.index.web.time.monotonic", lambda: float(next(ticks)))
    index.files = {WHEEL: b"x"}
    with pytest.raises(WebError, match=r"came in \d+ seconds"):
        listed(index)


def test_a_certificate_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="certificate /nonexistent"):
        web(PipConfig(cert="/nonexistent"))


# ---- parts of files -------------------------------------------------------------------------

DATA = bytes(range(256)) * 2000  # 512 000 bytes, so that the last 64 KiB are some of them


@settings(deadline=None, max_examples=25)  # each starts a server
@given(
    st.lists(
        st.tuples(st.integers(0, len(DATA) + 10), st.integers(0, 200_000)), min_size=1, max_size=4
    )
)
def test_parts_are_what_the_file_holds(reads: list[tuple[int, int]]) -> None:
    with (
        serving(Index(files={WHEEL: DATA})) as index,
        RemoteFile(web(index.config), f"{index.url}/files/{WHEEL}") as source,
    ):
        for offset, n in reads:
            if offset + n > len(DATA):
                with pytest.raises(WebError, match="past its end"):
                    source.read_at(offset, n)
            else:
                assert source.read_at(offset, n) == DATA[offset : offset + n]


def test_what_is_expected_comes_in_one_request(index: Index) -> None:
    index.files = {WHEEL: DATA}
    with RemoteFile(web(index.config), f"{index.url}/files/{WHEEL}") as source:
        source.expect(1000, 400_000)
        data = b"".join(source.read_at(at, 1000) for at in range(1000, 400_000, 1000))
    assert data == DATA[1000:400_000]
    assert index.file_requests[1:] == [(f"/files/{WHEEL}", "bytes=1000-399999")]


def test_a_dropped_part_goes_on_where_it_broke_off(index: Index) -> None:
    index.files = {WHEEL: DATA}
    with RemoteFile(web(index.config), f"{index.url}/files/{WHEEL}") as source:
        index.drop_after, index.drops = 100_000, 2
        assert source.read_at(0, 300_000) == DATA[:300_000]
    starts = [wanted for _, wanted in index.file_requests[1:]]
    assert starts == ["bytes=0-299999", "bytes=100000-299999", "bytes=200000-299999"]


def test_a_connection_that_drops_for_ever_is_given_up(index: Index) -> None:
    index.files = {WHEEL: DATA}
    with RemoteFile(web(index.config), f"{index.url}/files/{WHEEL}") as source:
        index.drop_after, index.drops = 10, 10**6
        with pytest.raises(WebError, match="again and again"):
            source.read_at(0, 300_000)


def test_a_file_that_changes_meanwhile(index: Index) -> None:
    index.files = {WHEEL: DATA}
    with RemoteFile(web(index.config), f"{index.url}/files/{WHEEL}") as source:
        index.files = {WHEEL: DATA + b"more"}
        with pytest.raises(WebError, match="changed"):
            source.read_at(0, 10)


def test_a_server_without_parts_says_how_long_the_file_is(index: Index) -> None:
    index.files, index.ranges = {WHEEL: DATA}, "no"
    with pytest.raises(NoRanges) as caught:
        RemoteFile(web(index.config), f"{index.url}/files/{WHEEL}")
    assert caught.value.size == len(DATA)
