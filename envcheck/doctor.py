"""`doctor`: a machine, another root or a saved file becomes a Snapshot, and the rules judge it."""

import sys
from collections.abc import Sequence

import msgspec

from envcheck.errors import UsageError
from envcheck.facts import Purpose, Snapshot, SnapshotError, decode
from envcheck.finding import ERROR, Severity
from envcheck.judge import judge, needed_facts
from envcheck.kb import load
from envcheck.report import Report
from envcheck.rules import choose

FILE_LIMIT = 64 << 20  # bytes of a snapshot file; a real one has some 100 KB


def examine(
    *,
    python: str | None = None,
    purpose: Purpose = "run",
    sysroot: str | None = None,
    snapshot: str | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    fail_on: Severity = ERROR,
    timeout: float = 10.0,
) -> Report:
    """The report on a machine: this one, another root, or a saved snapshot.

    Raises:
        UsageError: unknown code, no such directory, not a snapshot.
    """
    rules = choose(select, ignore)
    kb = load()
    durations: dict[str, float] = {}
    if snapshot is not None:
        if python or sysroot:
            raise UsageError("--snapshot judges a file: leave out --python and --sysroot")
        taken = msgspec.structs.replace(read_snapshot(snapshot), purpose=purpose)
    else:
        from envcheck.probes.take import take_snapshot

        taken, durations = take_snapshot(
            root=sysroot or "/",
            python=python,
            facts=needed_facts(rules),
            purpose=purpose,
            timeout=timeout,
            kb=kb,
        )
    return judge(taken, kb, rules, fail_on=fail_on, durations=durations)


def read_snapshot(file: str) -> Snapshot:
    """A snapshot from a file, `-` for stdin: its own JSON, or a JSON report holding one.

    Raises:
        UsageError: unreadable, too large, or not a snapshot.
    """
    try:
        if file == "-":
            data = sys.stdin.buffer.read(FILE_LIMIT + 1)
        else:
            with open(file, "rb") as stream:
                data = stream.read(FILE_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}") from error
    if len(data) > FILE_LIMIT:
        raise UsageError(f"{file}: larger than {FILE_LIMIT >> 20} MiB, no snapshot is")
    try:
        holder = msgspec.json.decode(data, type=_Holder)
        return decode(holder.snapshot) if holder.snapshot else decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, SnapshotError) as error:
        raise UsageError(f"{file}: {error}") from error


class _Holder(msgspec.Struct):
    snapshot: msgspec.Raw = msgspec.Raw(b"")
