"""Whether the index that a command asks really has that very wheel: `compat --check-index`.

Asks with pip's configuration and keeps the file names it was told; must not judge anything else.
"""

import hashlib
import os
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from envcheck.index import Gone, IndexFile, PipConfig, Web, WebError, files_of, read_pip_config
from envcheck.kb import Knowledge, order
from envcheck.kb.wheel_name import WheelName, read_names
from envcheck.resolve.install import wheels
from envcheck.resolve.judge import Judged, rank
from envcheck.resolve.request import Request

_FRESH = 24 * 3600  # seconds an answer is used again without asking


class _Kept(msgspec.Struct, frozen=True):
    """What an index told, without its address, which may hold a password."""

    asked: float  # seconds since the epoch
    names: tuple[str, ...]


class Indexes:
    """The configured package index and the vendor's, each asked once at most."""

    def __init__(
        self,
        *,
        offline: bool = False,
        environ: Mapping[str, str] = os.environ,
        web: Web | None = None,
    ) -> None:
        """
        Args:
            offline: use answers kept before, however old, and ask nobody.
        """
        self._offline = offline
        self._environ = environ
        self._web = web
        self._config: PipConfig | None = None
        self._listings: dict[str, tuple[WheelName, ...]] = {}

    def wheels_of(self, project: str, url: str) -> tuple[WheelName, ...]:
        """The wheels of a project on one index; `url` "" stands for what pip is configured with.

        Raises:
            WebError: it could not be asked, and no answer is kept.
            UsageError: pip's configuration cannot be read.
        """
        if url not in self._listings:
            names = self._names(project, url)
            self._listings[url] = read_names(IndexFile(name=name, url="") for name in names)
        return self._listings[url]

    def _names(self, project: str, url: str) -> tuple[str, ...]:
        config = self._configured(url)
        kept_at = self._place(project, config)
        kept = _read(kept_at)
        if kept and (self._offline or 0 <= time.time() - kept.asked < _FRESH):
            return kept.names
        if self._offline:
            raise WebError("it was never asked: leave out --offline once")
        try:
            web = self._web or Web(config, pauses=(0.5,))
            names = tuple(sorted(file.name for file in files_of(project, config, web)))
        except Gone:
            names = ()
        _write(kept_at, _Kept(asked=time.time(), names=names))
        return names

    def _configured(self, url: str) -> PipConfig:
        if self._config is None:
            self._config = read_pip_config(self._environ)
        return replace(self._config, indexes=(url,), find_links=()) if url else self._config

    def _place(self, project: str, config: PipConfig) -> Path:
        cache = self._environ.get("XDG_CACHE_HOME") or "~/.cache"
        key = "\n".join((project, *config.indexes, *config.find_links))
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        return Path(cache).expanduser() / "envcheck" / "index" / f"{name}.json"


def check(
    judged: tuple[Judged, ...], request: Request, kb: Knowledge, indexes: Indexes
) -> tuple[Judged, ...]:
    """The builds, of which the best one was found on its index; those that were looked for in
    vain run no more. Where an index cannot be asked the build's reasons say so.
    """
    rows = list(judged)
    while rows and rows[0].verdict == "runs":
        first = rows[0]
        url = wheels(first, kb).url
        where = url or "the configured package index"
        try:
            names = indexes.wheels_of("torch", url)
        except WebError as error:
            return (_said(first, f"{where} was not asked: {error}"), *rows[1:])
        wheel = next((name for name in names if _fits(name, first, request)), None)
        if wheel is not None:
            return (_said(first, f"{where} has {wheel.file.name}"), *rows[1:])
        python = f" for Python {request.machine.python}" if request.machine.python else ""
        missing = f"{where} has no such wheel{python}"
        rows[0] = replace(
            first, verdict="no", reasons=(missing,), excluded=first.excluded | {"index"}
        )
        rows.sort(key=rank, reverse=True)
    return tuple(rows)


def _fits(name: WheelName, one: Judged, request: Request) -> bool:
    machine, tag = request.machine, f"cu{one.cuda.replace('.', '')}"
    local = (None, tag) if one.build.default else (tag,)
    return (
        name.version == one.build.torch
        and name.local in local
        and name.platform == machine.platform
        and machine.python in (None, name.python)
        and (
            machine.glibc is None
            or name.tag_glibc is None
            or order(name.tag_glibc) <= order(machine.glibc)
        )
    )


def _said(one: Judged, reason: str) -> Judged:
    return replace(one, reasons=(*one.reasons, reason))


def _read(path: Path) -> _Kept | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Kept)
    except (OSError, msgspec.DecodeError):
        return None


def _write(path: Path, kept: _Kept) -> None:
    """Whole or not at all; a cache that cannot be written is done without."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_bytes(msgspec.json.encode(kept))
        part.replace(path)
    except OSError:
        return
