"""Finds the files of a fleet and reads one machine after another out of them.

A file holds a snapshot or a JSON report, or, as `.jsonl`, one of them a line. An object with
`unreachable` stands for a machine that did not answer. Nothing in one file stops the others.
"""

import glob
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from envcheck.errors import UsageError
from envcheck.facts import Snapshot, SnapshotError, decode
from envcheck.fleet.model import Unread

LIMIT = 64 << 20  # bytes of one snapshot; a real one has some 100 KB
ENDINGS = (".json", ".jsonl", ".ndjson")


def find(patterns: list[str]) -> tuple[str, ...]:
    """The files of folders, glob patterns and file names, each once, in order.

    Raises:
        UsageError: a pattern that leads to no file.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        path = Path(pattern)
        if path.is_dir():
            files = sorted(_below(pattern))
        elif path.exists() or not glob.has_magic(pattern):
            files = [pattern]
        else:
            matching = glob.glob(pattern, recursive=True)  # noqa: PTH207 - patterns may be absolute
            files = sorted(name for name in matching if _is_file(name))
        if not files or not Path(files[0]).exists():
            raise UsageError(f"{pattern}: no snapshot there (files that end in {_ENDINGS})")
        found.update(dict.fromkeys(files))
    return tuple(found)


def read(file: str) -> Iterator[tuple[str, str, Snapshot | Unread]]:
    """Host, source and snapshot of each machine in a file; `Unread` says why there is none."""
    host = Path(file).stem
    if not Path(file).is_file():  # a fifo or a device would never end
        yield host, file, Unread(host, file, False, "not a regular file")
        return
    try:
        with open(file, "rb") as stream:
            if not file.endswith(ENDINGS[1:]):
                yield _machine(stream.read(LIMIT + 1), host, file)
                return
            number = 0
            while line := stream.readline(LIMIT + 1):
                number += 1
                if line.strip():
                    yield _machine(line, f"{host}:{number}", f"{file}:{number}")
                if len(line) > LIMIT:
                    return  # the rest of an endless line is no machine either
    except OSError as error:
        yield host, file, Unread(host, file, False, str(error.strerror or error))


_ENDINGS = ", ".join(ENDINGS)


class _Head(msgspec.Struct):
    """What tells a snapshot, a report and a machine that did not answer apart."""

    host: msgspec.Raw = msgspec.Raw(b"")
    unreachable: str | bool = False
    snapshot: msgspec.Raw = msgspec.Raw(b"")


def _machine(data: bytes, host: str, source: str) -> tuple[str, str, Snapshot | Unread]:
    if len(data) > LIMIT:
        why = f"larger than {LIMIT >> 20} MiB, no snapshot is"
        return host, source, Unread(host, source, False, why)
    try:
        head = msgspec.json.decode(data, type=_Head)
        host = _name(head.host) or host
        if head.unreachable:
            why = head.unreachable if isinstance(head.unreachable, str) else "did not answer"
            return host, source, Unread(host, source, True, why)
        return host, source, decode(head.snapshot if head.snapshot else data)
    except (msgspec.DecodeError, UnicodeDecodeError, SnapshotError, RecursionError) as error:
        return host, source, Unread(host, source, False, str(error))


def _name(raw: msgspec.Raw) -> str:
    """The machine's name where the object says one; a snapshot's own `host` is a fact."""
    if not raw or not bytes(raw).startswith(b'"'):
        return ""
    return str(msgspec.json.decode(raw, type=str))


def _below(folder: str) -> Iterator[str]:
    for root, folders, files in os.walk(folder):
        folders.sort()
        for name in files:
            if name.endswith(ENDINGS):
                yield f"{root}/{name}"


def _is_file(name: str) -> bool:
    return name.endswith(ENDINGS) and not Path(name).is_dir()
