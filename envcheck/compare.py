"""Two snapshots → what differs, and which differences change what the rules find. Pure."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from envcheck.comparison import Comparison, Difference
from envcheck.facts import FACT_NAMES, Missing, Snapshot, Why
from envcheck.facts.paths import PathError, replace
from envcheck.finding import words
from envcheck.judge import judge
from envcheck.kb import Knowledge
from envcheck.report import Report
from envcheck.rules.base import Rule

# What is another for every machine or at every moment, and says nothing of fitness.
PASSING = (
    "uuid", "pci_address", "memory_used_bytes", "temperature_c", "disks", "sources", "pcie_gen",
)  # fmt: skip


def compare(a: Snapshot, b: Snapshot, kb: Knowledge, rules: tuple[Rule, ...]) -> Comparison:
    """What differs between two machines, judged by these rules."""
    report_a, report_b = judge(a, kb, rules), judge(b, kb, rules)
    found_a, found_b = _found(report_a), _found(report_b)
    differing = found_a ^ found_b
    wanted = _evidence(report_a, differing) | _evidence(report_b, differing)
    differences = []
    tried: dict[str, tuple[str, ...]] = {}
    for path, one, other in differing_facts(a, b):
        field = ".".join(path.split(".")[:2])
        if field not in tried:
            tried[field] = _changes(a, b, field, found_a, kb, rules)
        alone = tuple(name for name in tried[field] if name in differing)
        changes = alone or tuple(sorted(name for name, what in wanted if _about(what, path)))
        differences.append(Difference(path=path, a=said(one), b=said(other), changes=changes))
    differences.sort(key=lambda difference: (not difference.changes, difference.path))
    return Comparison(
        verdict_a=report_a.verdict,
        verdict_b=report_b.verdict,
        only_a=tuple(sorted(found_a - found_b)),
        only_b=tuple(sorted(found_b - found_a)),
        both=tuple(sorted(found_a & found_b)),
        differences=tuple(differences),
    )


def _found(report: Report) -> set[str]:
    return {finding.name for finding in report.findings}


def _evidence(report: Report, names: set[str]) -> set[tuple[str, str]]:
    """(finding, fact) for the facts that findings rest on."""
    return {
        (finding.name, evidence.what)
        for finding in report.findings
        if finding.name in names
        for evidence in finding.evidence
    }


def _about(what: str, path: str) -> bool:
    """Whether evidence ("driver.version", "gpu0.sm") is the fact at a path, or holds it."""
    gpu = re.fullmatch(r"gpu(\d+)\.(\w+)", what)
    if gpu:
        return path == f"gpus.devices.{gpu[1]}.{gpu[2]}"
    return path == what or path.startswith(f"{what}.")


def _changes(
    a: Snapshot, b: Snapshot, field: str, found: set[str], kb: Knowledge, rules: tuple[Rule, ...]
) -> tuple[str, ...]:
    """The findings that come or go when the first machine gets this one field of the second."""
    fact, _, name = field.partition(".")
    value = b.fact(fact)
    if name and not isinstance(value, Missing):
        value = getattr(value, name)
    try:
        changed = replace(a, field if name else fact, value)
    except PathError:
        return ()
    return tuple(sorted(found ^ _found(judge(changed, kb, rules))))


def differing_facts(a: Snapshot, b: Snapshot) -> Iterator[tuple[str, Any, Any]]:
    """Path and both values of each fact that differs, where both were looked for."""
    for path, one, other in _differences(a, b):
        if not _unasked(one) and not _unasked(other):
            yield path, one, other


def _differences(a: Snapshot, b: Snapshot) -> Iterator[tuple[str, Any, Any]]:
    for name in FACT_NAMES:
        one, other = a.fact(name), b.fact(name)
        if one == other:
            continue
        if isinstance(one, Missing) or isinstance(other, Missing):
            yield name, one, other
        else:
            yield from _fields(name, one, other)


def _unasked(value: Any) -> bool:
    return isinstance(value, Missing) and value.why is Why.NOT_ASKED


def _fields(path: str, one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    for field in one.__struct_fields__:
        left, right = getattr(one, field), getattr(other, field)
        if left == right or field in PASSING:
            continue
        yield from _values(f"{path}.{field}", left, right)


def _values(path: str, left: Any, right: Any) -> Iterator[tuple[str, Any, Any]]:
    """Lists of named things and mappings element by element, anything else whole."""
    if isinstance(left, dict) and isinstance(right, dict):
        ours, theirs = left, right
    elif isinstance(left, tuple) and isinstance(right, tuple) and _named((*left, *right)):
        ours, theirs = _by_name(left), _by_name(right)
    else:
        yield path, left, right
        return
    for name in sorted({*ours, *theirs}):
        one, other = ours.get(name), theirs.get(name)
        if one == other:
            continue
        if isinstance(one, msgspec.Struct) and type(one) is type(other) and not _short(one):
            yield from _fields(f"{path}.{name}", one, other)
        else:
            yield f"{path}.{name}", one, other


def _named(elements: tuple[Any, ...]) -> bool:
    return bool(elements) and all(_key(element) for element in elements)


def _by_name(elements: tuple[Any, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for element in elements:
        found.setdefault(_key(element), element)
    return found


def _key(element: Any) -> str:
    """What an element of a list is called: a GPU by its number, other things by their name."""
    index = getattr(element, "index", None)
    if isinstance(index, int):
        return str(index)
    name = getattr(element, "name", getattr(element, "path", ""))
    return name if isinstance(name, str) else ""


def _short(element: Any) -> bool:
    """Whether it is told in one word, its version."""
    return isinstance(getattr(element, "version", None), str)


def said(value: Any) -> str:
    """A fact in a few words."""
    if value is None:
        return "none"
    if isinstance(value, msgspec.Struct) and not isinstance(value, Missing):
        version = getattr(value, "version", None)
        if isinstance(version, str):
            build = getattr(value, "build", "")
            return f"{version} {build}".strip()
        return "there"
    return words(value)
