"""The simple repository API: which files of a project the configured indexes hold.

JSON where the index offers it, HTML elsewhere; https://packaging.python.org/specifications/simple-repository-api/
Must not know torch.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

import msgspec

from envcheck.index.errors import Gone, WebError
from envcheck.index.web import Page, Web, local_path, redact

if TYPE_CHECKING:
    from envcheck.index.pip_config import PipConfig

_JSON = "application/vnd.pypi.simple.v1+json"
_ACCEPT = f"{_JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_NAME = re.compile(r"[A-Za-z0-9_.+!~%-]{1,255}")  # nothing that could steer a terminal or a path
_HASH = re.compile(r"[0-9a-f]{64}")


class IndexFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a project."""

    name: str  # "torch-2.4.0-cp311-cp311-manylinux1_x86_64.whl"
    url: str  # absolute; may hold credentials
    sha256: str | None = None
    metadata: bool = False  # METADATA lies beside it, at `url` + ".metadata" (PEP 658)
    metadata_sha256: str | None = None
    yanked: bool = False


class _JsonFile(msgspec.Struct):
    filename: str
    url: str
    hashes: dict[str, str] = {}
    core_metadata: bool | dict[str, str] | None = msgspec.field(name="core-metadata", default=None)
    dist_info_metadata: bool | dict[str, str] | None = msgspec.field(
        name="dist-info-metadata", default=None
    )
    yanked: bool | str = False


class _JsonProject(msgspec.Struct):
    files: list[_JsonFile]


def files_of(project: str, config: PipConfig, web: Web) -> tuple[IndexFile, ...]:
    """The files of a project on every configured index and find-links page. As for pip no index
    goes before another; of files of one name the first is taken.

    Raises:
        Gone: no index knows the project.
        WebError: an index could not be read.
    """
    normal = re.sub(r"[-_.]+", "-", project).lower()
    found: dict[str, IndexFile] = {}
    known = False
    for index in config.indexes:
        try:
            page = web.page(f"{index}/{normal}/", _ACCEPT)
        except Gone:
            continue
        known = True
        for file in parse_page(page):
            found.setdefault(file.name, file)
    prefix = normal.replace("-", "_") + "-"
    for place in config.find_links:
        for file in _linked(place, web):
            if file.name.lower().startswith(prefix):
                found.setdefault(file.name, file)
    if not known and not found:
        raise Gone(f"no index that pip is configured with has {normal}")
    return tuple(found.values())


def parse_page(page: Page) -> tuple[IndexFile, ...]:
    """The files a project page lists; entries that make no sense are left out.

    Raises:
        WebError: it is no project page.
    """
    if page.kind == _JSON or page.kind == "application/json":
        try:
            project = msgspec.json.decode(page.body, type=_JsonProject)
        except (msgspec.DecodeError, RecursionError) as error:
            raise WebError(f"{redact(page.url)}: no project page: {error}") from error
        files = [_from_json(file, page.url) for file in project.files]
    elif page.kind in ("text/html", "application/vnd.pypi.simple.v1+html", ""):
        links = _Links(page.url)
        links.feed(page.body.decode("utf-8", "replace"))
        links.close()
        files = [_from_html(attributes, links.base, page.url) for attributes in links.found]
    else:
        raise WebError(f"{redact(page.url)}: no project page but {page.kind[:40]!r}")
    return tuple(file for file in files if file is not None)


def _from_json(file: _JsonFile, base: str) -> IndexFile | None:
    metadata = file.core_metadata if file.core_metadata is not None else file.dist_info_metadata
    return _file(
        name=file.filename,
        link=file.url,
        base=base,
        page=base,
        sha256=file.hashes.get("sha256", ""),
        metadata=bool(metadata) or metadata == {},
        metadata_sha256=metadata.get("sha256", "") if isinstance(metadata, dict) else "",
        yanked=file.yanked is not False,
    )


def _from_html(attributes: dict[str, str | None], base: str, page: str) -> IndexFile | None:
    link, _, fragment = (attributes.get("href") or "").partition("#")
    metadata = attributes.get("data-core-metadata", attributes.get("data-dist-info-metadata"))
    return _file(
        name=unquote(link.partition("?")[0].rpartition("/")[2]),
        link=link,
        base=base,
        page=page,
        sha256=_digest(fragment),
        metadata=metadata == "true" or bool(_digest(metadata or "")),
        metadata_sha256=_digest(metadata or ""),
        yanked="data-yanked" in attributes,
    )


def _file(
    *,
    name: str,
    link: str,
    base: str,
    page: str,
    sha256: str,
    metadata: bool,
    metadata_sha256: str,
    yanked: bool,
) -> IndexFile | None:
    try:
        url = urljoin(base, link)
        scheme, own = urlsplit(url).scheme, urlsplit(page).scheme
    except ValueError:  # "https://[", for instance
        return None
    # A server must not make us read our own disk, nor drop encryption.
    if not _NAME.fullmatch(name) or scheme not in ("https", own):
        return None
    return IndexFile(
        name=name,
        url=url,
        sha256=sha256 if _HASH.fullmatch(sha256) else None,
        metadata=metadata,
        metadata_sha256=metadata_sha256 if _HASH.fullmatch(metadata_sha256) else None,
        yanked=yanked,
    )


def _digest(text: str) -> str:
    """ "sha256=df00…" → "df00…" """
    kind, _, digest = text.partition("=")
    return digest if kind == "sha256" else ""


def _linked(place: str, web: Web) -> tuple[IndexFile, ...]:
    path = local_path(place)
    if path is not None and path.is_dir():
        return tuple(
            IndexFile(name=file.name, url=file.absolute().as_uri())
            for file in sorted(path.iterdir())
            if file.suffix == ".whl" and _NAME.fullmatch(file.name)
        )
    return parse_page(web.page(place, _ACCEPT))


class _Links(HTMLParser):
    """The attributes of every link of a page."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self.found: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "a":
            self.found.append(attributes)
        elif tag == "base" and attributes.get("href"):
            self.base = str(attributes["href"])
