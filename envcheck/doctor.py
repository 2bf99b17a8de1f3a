"""`doctor`: a machine, a saved file or a pasted text becomes a Snapshot, and the rules judge it."""

import sys
from collections.abc import Sequence

import msgspec

from envcheck import __version__
from envcheck.errors import UsageError
from envcheck.facts import (
    FACT_NAMES,
    NOT_ASKED,
    Missing,
    Policy,
    Purpose,
    Snapshot,
    SnapshotError,
    decode,
    merge,
    or_none,
)
from envcheck.finding import ERROR, Severity
from envcheck.judge import judge, needed_facts
from envcheck.kb import load
from envcheck.report import Report
from envcheck.rules import choose
from envcheck.rules.base import Rule

FILE_LIMIT = 64 << 20  # bytes of a snapshot file; a real one has some 100 KB


def examine(
    *,
    python: str | None = None,
    purpose: Purpose = "run",
    sysroot: str | None = None,
    snapshot: str | None = None,
    report: str | None = None,
    plan: str | None = None,
    image: str | None = None,
    part: str = "",
    gpu: Sequence[str] = (),
    driver: str | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    fail_on: Severity = ERROR,
    timeout: float = 10.0,
    policy: Policy | None = None,
) -> Report:
    """The report on a machine: this one, another root, a saved snapshot or a pasted text; or on
    an image or a plan, for a host.

    What a policy asks for is looked up because it asks, whichever rules are selected.

    Args:
        plan: a file that says what will be installed; `part` is its stage or service.
        image: an OCI layout or an archive that `docker save` wrote.
        gpu, driver: of the host, instead of what the snapshot or this machine has.

    Raises:
        UsageError: unknown code, no such directory, not a snapshot, nothing to read in the text.
    """
    rules = choose(select, ignore)
    kb = load()
    durations: dict[str, float] = {}
    if plan is not None or image is not None:
        if sysroot or report or (plan is not None and (python or image)):
            which = "--plan" if plan is not None else "--image"
            others = "--sysroot, --report" + (", --python, --image" if plan is not None else "")
            raise UsageError(f"{which} judges a file for a host: leave out {others}")
        if image is not None and part:
            raise UsageError("--part goes with --plan")
        there = _host(gpu, driver, snapshot, timeout)
        if plan is not None:
            taken = _planned(plan, part, there)
        else:
            taken = _packed(image or "", there, python, purpose, timeout)
        taken = msgspec.structs.replace(taken, purpose=purpose)
        rules = rules if select else (*rules, *choose([], ignore, subject="plan"))
    elif gpu or driver or part:
        raise UsageError("--gpu, --driver and --part go with --plan or --image")
    elif snapshot is not None or report is not None:
        if python or sysroot or (snapshot is not None and report is not None):
            raise UsageError(
                f"{'--report' if snapshot is None else '--snapshot'} judges a file: leave out"
                " --python, --sysroot and other files"
            )
        taken = read_report(report) if report is not None else read_snapshot(snapshot or "")
        taken = msgspec.structs.replace(taken, purpose=purpose)
    else:
        from envcheck.probes.take import take_snapshot

        taken, durations = take_snapshot(
            root=sysroot or "/",
            python=python,
            facts=_wanted(rules, policy),
            purpose=purpose,
            timeout=timeout,
            kb=kb,
            folders=_folders(policy),
        )
    taken = msgspec.structs.replace(taken, policy=policy or NOT_ASKED)  # never a saved one
    return judge(taken, kb, rules, fail_on=fail_on, durations=durations)


def _host(gpu: Sequence[str], driver: str | None, snapshot: str | None, timeout: float) -> Snapshot:
    """The host that an image or a plan is for."""
    from envcheck.against import host

    saved = None if snapshot is None else read_snapshot(snapshot)
    return host(load(), gpu=gpu, driver=driver, snapshot=saved, timeout=timeout)


def _planned(plan: str, part: str, there: Snapshot) -> Snapshot:
    """What a plan would make of its host."""
    from envcheck.against import platform_of, python_of
    from envcheck.plans import read_plan

    python, base = python_of(there)
    planned = read_plan(plan, load(), platform=platform_of(base), python=python, part=part)
    return _upon(base, planned)


def _packed(
    image: str, there: Snapshot, python: str | None, purpose: Purpose, timeout: float
) -> Snapshot:
    """An image as it would run on its host."""
    from envcheck.against import python_of
    from envcheck.images.take import read_image

    taken = read_image(image, load(), python=python, purpose=purpose, timeout=timeout)
    return _upon(python_of(there)[1], taken)


def _upon(base: Snapshot, over: Snapshot) -> Snapshot:
    together = merge(base, over)
    return msgspec.structs.replace(
        together, origin=over.origin, tool=f"envcheck {__version__}", taken=over.taken
    )


def _wanted(rules: Sequence[Rule], policy: Policy | None) -> tuple[str, ...]:
    asked = {name for one in (policy.requirements if policy else ()) for name in one.facts}
    asked |= set(needed_facts(rules))
    return tuple(name for name in FACT_NAMES if name in asked)


def _folders(policy: Policy | None) -> tuple[str, ...]:
    """The folders whose disk space a policy asks for."""
    asked = policy.requirements if policy else ()
    return tuple(dict.fromkeys(one.key for one in asked if one.path == "disk"))


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


def read_report(file: str) -> Snapshot:
    """A snapshot from a pasted text, `-` for stdin: reports, tables, lists, error messages.

    Raises:
        UsageError: unreadable, or no reader knows anything of it.
    """
    from envcheck.pasted import read_pasted
    from envcheck.readers.report import read_report as read

    snapshot = read(read_pasted(file), load())
    if snapshot is None:
        raise UsageError(
            f"{file}: no report was recognised in it. Paste the output of"
            " `python -m torch.utils.collect_env`, `nvidia-smi` or `pip list`; for an error"
            " message alone use `envcheck explain --log`"
        )
    return msgspec.structs.replace(snapshot, tool=f"envcheck {__version__}")


def versions_here(python: str | None = None) -> dict[str, str]:
    """Package → version of this machine's Python, the driver among them."""
    from envcheck.probes.take import take_snapshot

    facts = ("driver", "python")
    taken, _ = take_snapshot(python=python, facts=facts, purpose="run", timeout=10.0, kb=load())
    found: dict[str, str] = {}
    if not isinstance(taken.python, Missing):
        for dist in or_none(taken.python.distributions) or ():
            found.setdefault(dist.name, dist.version)
        if isinstance(taken.python.version, str):
            found["python"] = taken.python.version
    if not isinstance(taken.driver, Missing) and isinstance(taken.driver.version, str):
        found["driver"] = taken.driver.version
    return found


class _Holder(msgspec.Struct):
    snapshot: msgspec.Raw = msgspec.Raw(b"")
