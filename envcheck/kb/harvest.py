"""Reads torch wheels on the package index pip uses and writes what they hold as measured rows.

Must not know any index's address, nor how progress is shown.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from envcheck.binaries.errors import BinaryError
from envcheck.binaries.source import FileSource
from envcheck.errors import UsageError
from envcheck.index import (
    PAUSES,
    NoRanges,
    PipConfig,
    RemoteFile,
    Web,
    WebError,
    files_of,
    open_file,
    read_pip_config,
)
from envcheck.kb.build_files import put_build, read_rows
from envcheck.kb.knowledge import PACKAGED
from envcheck.kb.targets import PLATFORMS, Target, select
from envcheck.kb.wheel import measure
from envcheck.kb.wheel_zip import WheelError, WheelZip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from envcheck.index import IndexFile
    from envcheck.kb.builds import Build, Platform

_BASE = PACKAGED / "builds"
_WHOLE = 1 << 30  # bytes downloaded without being asked to, from a server that sends no parts
_LARGEST = 8 << 30
_METADATA = re.compile(r"[^/]+\.dist-info/METADATA")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one wheel."""

    wheel: str  # file name
    outcome: Literal["read", "known", "failed"]
    build: Build | None = None
    reason: str = ""  # why it failed
    warning: str = ""
    received: int = 0  # bytes
    requests: int = 0
    seconds: float = 0.0


class Monitor(Protocol):
    """Is told how a harvest goes on."""

    def wheels(self, count: int) -> None:
        """So many wheels are going to be read."""

    def reading(self, wheel: str) -> None:
        """The next one is begun."""

    def received(self, size: int) -> None:
        """So many bytes arrived."""

    def finished(self, result: Result) -> None:
        """A wheel is done with."""


def harvest(
    requirement: str | None,
    monitor: Monitor,
    *,
    since: str | None = None,
    platforms: Sequence[Platform] = PLATFORMS,
    folder: Path | None = None,
    full: bool = False,
    force: bool = False,
    config: PipConfig | None = None,
    pauses: tuple[float, ...] = PAUSES,
) -> tuple[Result, ...]:
    """Reads the wheels asked for, one after the other; each row is written before the next wheel
    is begun, so that a harvest that was broken off goes on where it stopped.

    Args:
        requirement: "torch==2.4.0"; with `since`, the release from which on all are read.
        folder: where the files of the releases are; None: the knowledge base in use. A file
            that is not there yet begins with the packaged rows.
        full: walk all fatbins, hundreds of MB a wheel.
        force: also read wheels whose row is there already.
        config: None: as pip is configured.
        pauses: seconds before each new attempt when a connection drops.

    Raises:
        UsageError: no such wheel, a requirement that is none, no index.
        WebError: the index cannot be read. What concerns one wheel is its result.
        OSError: a row cannot be written.
    """
    specifier = None if requirement is None else _specifier(requirement)
    folder = folder or _folder()
    folder.mkdir(parents=True, exist_ok=True)
    config = config or read_pip_config()
    web = Web(config, pauses=pauses, on_bytes=monitor.received)
    targets = select(files_of("torch", config, web), specifier, since, platforms)
    monitor.wheels(len(targets))
    results = []
    for target in targets:
        rows = read_rows(folder, target.wheel.version)
        if not force and any(_same(row, target, full) for row in rows):
            result = Result(wheel=target.wheel.file.name, outcome="known")
        else:
            monitor.reading(target.wheel.file.name)
            result = _harvest(target, web, full)
        if result.build:
            put_build(folder, _BASE, result.build)
        monitor.finished(result)
        results.append(result)
    return tuple(results)


def _harvest(target: Target, web: Web, full: bool) -> Result:
    requests, received, began = web.requests, web.received, time.monotonic()
    warnings: list[str] = []
    build, reason = None, ""
    try:
        with opened(target.wheel.file, web, full=full, warn=warnings.append) as wheel:
            text = metadata(target.wheel.file, wheel, web)
            build = measure(target.wheel, wheel, text, target.python, full=full)
    except (WheelError, WebError, BinaryError) as error:
        reason = str(error)
    return Result(
        wheel=target.wheel.file.name,
        outcome="read" if build else "failed",
        build=build,
        reason=reason,
        warning="; ".join(warnings),
        requests=web.requests - requests,
        received=web.received - received,
        seconds=time.monotonic() - began,
    )


@contextmanager
def opened(
    file: IndexFile, web: Web, *, full: bool = False, warn: Callable[[str], None]
) -> Iterator[WheelZip]:
    """A wheel on an index, ready to be read; downloaded where the server sends no parts.

    Raises:
        WheelError, WebError, BinaryError: it cannot be.
    """
    try:
        source = open_file(web, file.url)
    except NoRanges as error:
        size = f"{error.size >> 20} MiB" if error.size is not None else "size unknown"
        if not full and (error.size is None or error.size > _WHOLE):
            raise WheelError(f"{error}; --full downloads the whole wheel ({size})") from error
        warn(f"the server does not send parts, so the whole wheel was read ({size})")
        source = _downloaded(file, web, _LARGEST if full else _WHOLE)
    with source:
        yield (
            WheelZip(source, source.expect) if isinstance(source, RemoteFile) else WheelZip(source)
        )


def metadata(file: IndexFile, wheel: WheelZip, web: Web) -> str:
    """METADATA: the index's copy where it offers one, else the wheel's own.

    Raises:
        WheelError: there is none, or its checksum is another.
    """
    if file.metadata:
        body = web.page(f"{file.url}.metadata").body
        if file.metadata_sha256 not in (None, hashlib.sha256(body).hexdigest()):
            raise WheelError("METADATA on the index has another checksum than the index says")
        return body.decode("utf-8", "replace")
    member = next((name for name in wheel.names if _METADATA.fullmatch(name)), None)
    if member is None:
        raise WheelError("it has no METADATA")
    return wheel.text(member)


def _downloaded(file: IndexFile, web: Web, limit: int) -> FileSource:
    """The whole wheel in an unnamed temporary file, its checksum compared."""
    with tempfile.TemporaryFile() as copy:
        web.download(file.url, copy, limit)
        copy.seek(0)
        digest = hashlib.sha256()
        while chunk := copy.read(1 << 20):
            digest.update(chunk)
        if file.sha256 not in (None, digest.hexdigest()):
            raise WheelError("it has another checksum than the index says")
        return FileSource.from_fd(os.dup(copy.fileno()))


def _specifier(requirement: str) -> str:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        parsed = Requirement(requirement)
    except InvalidRequirement as error:
        raise UsageError(f"{requirement!r} is no requirement: write torch==2.4.0") from error
    if parsed.name.lower() != "torch" or parsed.url or parsed.extras or parsed.marker:
        raise UsageError(f"{requirement!r}: only torch is harvested: write torch==2.4.0")
    return str(parsed.specifier)


def _folder() -> Path:
    override = os.environ.get("ENVCHECK_KB")
    return Path(override) / "builds" if override else _BASE


def _same(row: Build, target: Target, full: bool) -> bool:
    return (
        row.kind == "measured"
        and row.wheel == target.wheel.file.name
        and row.python == target.python
        and (not full or row.cuda is None or row.method == "fatbins")
    )
