"""urllib set up as pip is configured: proxy, certificates, no other schemes than http and https.

Must not know what is fetched.
"""

from __future__ import annotations

import http.client
import ssl
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envcheck.errors import UsageError
from envcheck.index.errors import WebError

if TYPE_CHECKING:
    from http.client import HTTPMessage
    from typing import IO

    from envcheck.index.pip_config import PipConfig


def build_opener(config: PipConfig) -> urllib.request.OpenerDirector:
    """Opens http and https only: an index page must not make us read files or ftp servers.

    Raises:
        UsageError: a certificate that pip is configured with cannot be read.
    """
    proxies = {"http": config.proxy, "https": config.proxy} if config.proxy else None
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(proxies),  # None: the environment's, no_proxy included
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
        _Https(config),
    ):
        opener.add_handler(handler)
    return opener


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Never from https to http: what is read by ranges has no checksum."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if urlsplit(req.full_url).scheme == "https" and urlsplit(newurl).scheme != "https":
            raise WebError(f"{req.host}: redirects to an address without encryption")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Https(urllib.request.HTTPSHandler):
    """Certificates are checked but for the hosts that pip trusts without."""

    def __init__(self, config: PipConfig) -> None:
        super().__init__()
        self._trusted = config.trusted_hosts
        cert = Path(config.cert) if config.cert else None
        try:
            self._checked = ssl.create_default_context(
                cafile=str(cert) if cert and not cert.is_dir() else None,
                capath=str(cert) if cert and cert.is_dir() else None,
            )
            self._unchecked = ssl.create_default_context()
            self._unchecked.check_hostname = False
            self._unchecked.verify_mode = ssl.CERT_NONE
            if config.client_cert:
                self._checked.load_cert_chain(config.client_cert)
                self._unchecked.load_cert_chain(config.client_cert)
        except OSError as error:
            names = " and ".join(filter(None, (config.cert, config.client_cert)))
            raise UsageError(f"pip is configured with certificate {names}: {error}") from error

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        host = req.host or ""
        trusted = host in self._trusted or host.rpartition(":")[0] in self._trusted
        context = self._unchecked if trusted else self._checked
        return self.do_open(http.client.HTTPSConnection, req, context=context)
