"""HTTP as pip is configured for it: proxy, certificates, credentials, retries, limits.

Must not know what is fetched.
"""

from __future__ import annotations

import base64
import http.client
import netrc
import re
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import msgspec

from envcheck import __version__
from envcheck.index.errors import Dropped, Gone, WebError
from envcheck.index.transport import build_opener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from envcheck.index.pip_config import PipConfig

PAUSES = (0.5, 2.0, 5.0)  # seconds before each new attempt
_PAGE_LIMIT = 64 << 20  # bytes; the longest project pages have some 30 MB
_CHUNK = 1 << 18
_PATIENCE = 60  # seconds after which an answer must have come at …
_SLOWEST = 1 << 10  # … this many bytes a second
_RETRY = frozenset({408, 425, 429, 500, 502, 503, 504})
_Result = TypeVar("_Result")
_AGENT = {"User-Agent": f"envcheck/{__version__}"}


class Page(msgspec.Struct, frozen=True):
    """A whole page: where it was finally found, its media type without parameters, its bytes."""

    url: str
    kind: str
    body: bytes


class Web:
    """Opens http, https and file addresses. Count what it cost by `requests` and `received`."""

    def __init__(
        self,
        config: PipConfig,
        *,
        pauses: tuple[float, ...] = PAUSES,
        on_bytes: Callable[[int], None] = lambda count: None,
    ) -> None:
        """
        Args:
            pauses: seconds to wait before each new attempt; as many new attempts are made.
            on_bytes: told of every piece of an answer that arrived.
        """
        self._pauses = pauses
        self.requests = 0
        self.received = 0  # bytes of bodies
        self._timeout = config.timeout
        self._on_bytes = on_bytes
        self._opener = build_opener(config)
        self._logins: dict[str, str] = {}
        for url in (*config.indexes, *config.find_links):
            self._learn(url)

    def page(self, url: str, accept: str = "*/*") -> Page:
        """A whole page, of a server or of the disk; of a folder on disk, its index.html.

        Raises:
            Gone: there is none.
            WebError: it could not be had.
        """
        local = local_path(url)
        if local is not None:
            return _local_page(local)

        def fetch() -> Page:
            with self.get(url, {"Accept": accept}) as body:
                kind = body.header("Content-Type").partition(";")[0].strip().lower()
                return Page(body.url, kind, b"".join(body.chunks(_PAGE_LIMIT)))

        return self.retried(url, fetch)

    def download(self, url: str, file: BinaryIO, limit: int) -> None:
        """A whole file, from its start on at every attempt.

        Raises:
            WebError: it could not be had, or is longer than `limit` bytes.
        """

        def fetch() -> None:
            with self.get(url, {}) as body:
                file.seek(0)
                file.truncate()
                for chunk in body.chunks(limit):
                    file.write(chunk)

        self.retried(url, fetch)

    def retried(self, url: str, action: Callable[[], _Result]) -> _Result:
        """What `action` returns; it is called again after a pause when it raises `Dropped`.

        Raises:
            WebError: every attempt was dropped.
        """
        problem = ""
        for pause in (0.0, *self._pauses):
            time.sleep(pause)
            try:
                return action()
            except Dropped as error:
                problem = str(error)
        raise WebError(f"{redact(url)}: {problem} ({1 + len(self._pauses)} attempts)")

    def get(self, url: str, headers: Mapping[str, str]) -> Body:
        """One request. The answer's status is 200 or 206.

        Raises:
            Dropped: another attempt may help.
            Gone, WebError: it would not.
        """
        self.requests += 1
        try:
            request = urllib.request.Request(self._learn(url), headers={**_AGENT, **headers})
            login = self._logins.get(request.host)
            if login:  # not passed on to where the server may redirect to
                request.add_unredirected_header("Authorization", login)
            response = self._opener.open(request, timeout=self._timeout)
        except urllib.error.HTTPError as error:
            error.close()
            raise _refusal(url, error.code) from error
        except WebError:
            raise
        except ValueError as error:  # also http.client.InvalidURL
            raise WebError(f"{redact(url)}: {error}") from error
        except (http.client.HTTPException, OSError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLCertVerificationError):
                raise WebError(f"{redact(url)}: {reason.verify_message}") from error
            raise Dropped(f"no answer: {reason or type(error).__name__}") from error
        encoding = response.headers.get("Content-Encoding", "identity")
        if response.status not in (200, 206) or encoding != "identity":
            response.close()
            raise WebError(f"{redact(url)}: answered {response.status}, encoding {encoding}")
        return Body(response, self._count)

    def _count(self, size: int) -> None:
        self.received += size
        self._on_bytes(size)

    def _learn(self, url: str) -> str:
        """The address without its credentials, which are kept for its host."""
        parts = _split(url)
        userinfo, _, host = parts.netloc.rpartition("@")
        if host and host not in self._logins:
            user, _, password = (unquote(part) for part in userinfo.partition(":"))
            if not userinfo:
                user, password = _from_netrc(parts.hostname or "")
            if user:
                pair = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
                self._logins[host] = f"Basic {pair}"
        return urlunsplit(parts._replace(netloc=host))


class Body:
    """The body of an answer. Every read either brings bytes or raises `Dropped`."""

    def __init__(self, response: http.client.HTTPResponse, count: Callable[[int], None]) -> None:
        self._response = response
        self._count = count
        self._since = time.monotonic()
        self._seen = 0
        self.url: str = response.url or ""
        self.status: int = response.status
        length = self.header("Content-Length")
        self.length = int(length) if length.isascii() and length.isdigit() else None

    def header(self, name: str) -> str:
        return self._response.headers.get(name, "")

    def read(self, n: int) -> bytes:
        """At most `n` bytes; empty at the end of the body."""
        try:
            data = self._response.read(n)
        except (http.client.HTTPException, OSError, ValueError) as error:
            raise Dropped(f"the connection dropped: {error or type(error).__name__}") from error
        self._seen += len(data)
        self._count(len(data))
        if not data and self.length is not None and self._seen < self.length:
            raise Dropped(f"the connection dropped after {self._seen} of {self.length} bytes")
        elapsed = time.monotonic() - self._since
        if elapsed > _PATIENCE and self._seen < _SLOWEST * elapsed:
            raise Dropped(f"only {self._seen} bytes came in {elapsed:.0f} seconds")
        return data

    def chunks(self, limit: int) -> Iterator[bytes]:
        """The whole body. Raises `WebError` when it is longer than `limit` bytes."""
        while data := self.read(_CHUNK):
            if self._seen > limit:
                raise WebError(f"{redact(self.url)}: more than {limit} bytes")
            yield data

    def close(self) -> None:
        self._response.close()

    def __enter__(self) -> Body:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def local_path(url: str) -> Path | None:
    """The path of a file:// address or of a bare path; None for any other address."""
    parts = _split(url)
    if parts.scheme == "file":
        return Path(urllib.request.url2pathname(parts.path))
    return None if "://" in url else Path(url)


def redact(url: str) -> str:
    """The address as it may be printed: no credentials, no query, no control characters."""
    parts = _split(url)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="")
    return re.sub(r"[^\x20-\x7e]", "?", urlunsplit(bare))


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise WebError(f"an address that is none: {error}") from error


def _refusal(url: str, status: int) -> WebError:
    answer = f"{status} {http.client.responses.get(status, '')}".strip()
    if status in (404, 410):
        return Gone(f"{redact(url)}: {answer}")
    return Dropped(answer) if status in _RETRY else WebError(f"{redact(url)}: {answer}")


def _from_netrc(host: str) -> tuple[str, str]:
    try:
        found = netrc.netrc().authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return "", ""
    return (found[0], found[2] or "") if found else ("", "")


def _local_page(path: Path) -> Page:
    try:
        file = path / "index.html" if path.is_dir() else path
        if file.stat().st_size > _PAGE_LIMIT:
            raise WebError(f"{file}: more than {_PAGE_LIMIT} bytes")
        return Page(file.absolute().as_uri(), "text/html", file.read_bytes())
    except FileNotFoundError as error:
        raise Gone(f"{path}: no such file or directory") from error
    except (OSError, ValueError) as error:
        raise WebError(f"{path}: {error}") from error
