"""Snapshots as files: taken, stripped of names and secrets, written, and read back."""

import contextlib
import getpass
import os
import secrets
import socket
import sys
from pathlib import Path

from envcheck.doctor import read_report, read_snapshot
from envcheck.errors import UsageError
from envcheck.facts import Snapshot, encode
from envcheck.judge import needed_facts
from envcheck.kb import load
from envcheck.rules import choose

# Known to this machine alone: pseudonyms made with it are the same in every file of the machine,
# and nobody else can try names against them (man 5 machine-id).
IDENTITIES = ("/etc/machine-id", "/var/lib/dbus/machine-id")


def take(*, python: str | None, sysroot: str | None, redacted: bool, timeout: float) -> Snapshot:
    """Everything about this machine, or another root, that rules ask for.

    Raises:
        UsageError: no such directory or interpreter.
    """
    from envcheck.probes.take import take_snapshot

    facts = tuple(
        name for name in needed_facts(choose([], [])) if name not in ("trials", "symptoms")
    )
    taken, _ = take_snapshot(
        root=sysroot or "/", python=python, facts=facts, purpose="run", timeout=timeout, kb=load()
    )
    if not redacted:
        return taken
    from envcheck.redact import redact

    return redact(taken, key=_key(), users=_users(), host=socket.gethostname())


def write(snapshot: Snapshot, file: str) -> None:
    """The snapshot's JSON into a file that only its owner may read, `-` for stdout.

    Raises:
        UsageError: it cannot be written.
    """
    data = encode(snapshot) + b"\n"
    if file == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(number, "wb") as stream:
            stream.write(data)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}") from error


def read_either(file: str) -> Snapshot:
    """A snapshot from its JSON, from a JSON report, or from a pasted report.

    Raises:
        UsageError: it is none of these, or unreadable.
    """
    if file == "-":
        return read_snapshot(file)
    try:
        with open(file, "rb") as stream:
            start = stream.read(64).lstrip()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}") from error
    return read_snapshot(file) if start.startswith(b"{") else read_report(file)


def _key() -> bytes:
    for path in IDENTITIES:
        try:
            with open(path, "rb") as stream:
                found = stream.read(64).strip()
        except OSError:
            continue
        if found:
            return b"envcheck:" + found
    return secrets.token_bytes(32)  # no identity: pseudonyms of this file alone


def _users() -> tuple[str, ...]:
    names = {os.environ.get(name, "") for name in ("USER", "LOGNAME", "SUDO_USER", "USERNAME")}
    with contextlib.suppress(KeyError, OSError):  # a container's user may have no name
        names.add(getpass.getuser())
    with contextlib.suppress(RuntimeError):
        names.add(Path.home().name)
    return tuple(sorted(names - {""}))
