"""A package index on the loopback interface, as well- or ill-behaved as a test wants it."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal

from envcheck.index import PipConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON = "application/vnd.pypi.simple.v1+json"


@dataclass
class Index:
    """What the server holds and how it behaves. Change it while it runs."""

    files: dict[str, bytes] = field(default_factory=dict)
    project: str = "torch"
    page: Literal["html", "json"] = "html"
    body: tuple[str, bytes] | None = None  # media type and bytes sent instead of the page
    ranges: Literal["yes", "no", "no-suffix", "wrong"] = "yes"
    metadata: dict[str, bytes] = field(default_factory=dict)  # PEP 658, by file name
    hashes: dict[str, str] = field(default_factory=dict)  # what the page claims; else the truth
    yanked: set[str] = field(default_factory=set)
    drop_after: int | None = None  # bytes of a file's body before the connection breaks
    drops: int = 0  # how often it breaks
    statuses: list[int] = field(default_factory=list)  # answered first, before anything else
    redirect: str | None = None  # where every file is said to be
    login: str | None = None  # the Authorization that is asked for
    url: str = ""
    log: list[tuple[str, str]] = field(default_factory=list)  # path, Range

    @property
    def config(self) -> PipConfig:
        return PipConfig(indexes=(f"{self.url}/simple",), timeout=5)

    @property
    def file_requests(self) -> list[tuple[str, str]]:
        return [request for request in self.log if request[0].startswith("/files/")]

    def project_page(self) -> tuple[str, bytes]:
        if self.body is not None:
            return self.body
        rows: list[dict[str, Any]] = []
        for name, data in self.files.items():
            row: dict[str, Any] = {"filename": name, "url": f"../../files/{name}"}
            row["hashes"] = {"sha256": self.hashes.get(name, hashlib.sha256(data).hexdigest())}
            row["yanked"] = name in self.yanked
            if name in self.metadata:
                digest = hashlib.sha256(self.metadata[name]).hexdigest()
                row["core-metadata"] = {"sha256": self.hashes.get(f"{name}.metadata", digest)}
            rows.append(row)
        if self.page == "json":
            text = {"meta": {"api-version": "1.1"}, "name": self.project, "files": rows}
            return JSON, json.dumps(text).encode()
        links = ""
        for row in rows:
            extra = ' data-yanked=""' if row["yanked"] else ""
            if "core-metadata" in row:
                extra += f' data-core-metadata="sha256={row["core-metadata"]["sha256"]}"'
            href = f"{row['url']}#sha256={row['hashes']['sha256']}"
            links += f'<a href="{href}"{extra}>{row["filename"]}</a><br>\n'
        return "text/html; charset=utf-8", f"<!DOCTYPE html><body>{links}</body>".encode()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        index = self.server.index
        index.log.append((self.path, self.headers.get("Range", "")))
        if index.statuses:
            self._send(index.statuses.pop(0), b"")
        elif index.login and self.headers.get("Authorization") != index.login:
            self._send(401, b"")
        elif self.path == f"/simple/{index.project}/":
            kind, body = index.project_page()
            self._send(200, body, {"Content-Type": kind})
        elif self.path.startswith("/files/"):
            self._file(index, self.path.removeprefix("/files/"))
        else:
            self._send(404, b"")

    def _file(self, index: Index, name: str) -> None:
        if name.endswith(".metadata") and name[:-9] in index.metadata:
            self._send(200, index.metadata[name[:-9]])
            return
        if index.redirect:
            self._send(302, b"", {"Location": index.redirect})
            return
        data = index.files.get(name)
        if data is None:
            self._send(404, b"")
            return
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        suffix = match is not None and not match[1]
        if match is None or index.ranges == "no" or (suffix and index.ranges == "no-suffix"):
            self._send(200, data)
            return
        start = max(0, len(data) - int(match[2])) if suffix else int(match[1])
        stop = len(data) if suffix else min(len(data), int(match[2]) + 1)
        if index.ranges == "wrong" and not suffix:
            start -= 1
        where = {"Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"}
        self._send(206, data[start:stop], where)

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        index = self.server.index
        limit = index.drop_after if self.path.startswith("/files/") else None
        if limit is not None and index.drops and len(body) > limit:
            index.drops -= 1
            body = body[:limit]
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, index: Index) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.index = index

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is none of the test's business."""


@contextmanager
def serving(index: Index) -> Iterator[Index]:
    """The index, answering at `index.url`."""
    server = _Server(index)
    index.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
