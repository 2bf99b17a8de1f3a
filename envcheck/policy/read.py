"""Policies that extend one another, and the command line, become one Policy.

Must not know what a code means: whoever reads tells which checks an entry names.
"""

import datetime
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from envcheck.errors import UsageError
from envcheck.facts import Ignore, Override, Policy, Requirement
from envcheck.policy.contradiction import contradictions
from envcheck.policy.errors import ExpressionError, PolicyError
from envcheck.policy.expression import parse
from envcheck.policy.file import Entry, Layer, load, shown

CodesOf = Callable[[str], tuple[str, ...]]  # entry → codes; raises UsageError
OPTION = "--require"
MOST = 50  # files
MOST_ENTRIES = 500  # of each kind, in all files together
T = TypeVar("T")


def read_policy(
    file: str | None, require: Sequence[str], *, codes_of: CodesOf, today: datetime.date
) -> Policy:
    """Everything a file, the files it extends and expressions of the command line ask for.

    Raises:
        PolicyError: a file that cannot be used, a loop, an expression that is none, or two
            entries that contradict each other.
    """
    layers = _Layers()
    if file is not None:
        layers.add(load(file), ())
    requirements = [(layer.file, one) for layer in layers.all for one in layer.requirements]
    requirements += [(OPTION, _asked(text)) for text in require]
    severities = [entry for layer in layers.all for entry in layer.severities]
    ignores = [entry for layer in layers.all for entry in layer.ignores]
    if max(len(requirements), len(severities), len(ignores)) > MOST_ENTRIES:
        raise PolicyError(f"{file}: more than {MOST_ENTRIES} entries of one kind, no policy has")
    policy = Policy(
        on=today,
        files=tuple(layer.name for layer in layers.all),
        requirements=tuple(_requirements(requirements, layers)),
        severities=tuple(_severities(layers, codes_of)),
        ignores=tuple(_ignores(layers, codes_of)),
    )
    for one, other in contradictions(policy.requirements):
        if one is other:
            raise PolicyError(f"{one.where}: nothing can ever meet {one.text}")
        raise PolicyError(
            f"{other.where}: {other.text} contradicts {one.text} of {one.where}: nothing can"
            " meet both"
        )
    return policy


def _asked(text: str) -> Requirement:
    try:
        return parse(text, where=OPTION)
    except ExpressionError as error:
        raise PolicyError(f"{OPTION} {text!r}: {error}") from error


class _Layers:
    """Files in the order in which they were extended, each once: bases come first."""

    def __init__(self) -> None:
        self.all: list[Layer] = []
        self._below: dict[str, set[str]] = {}  # file → every file it extends

    def add(self, layer: Layer, chain: tuple[Layer, ...]) -> None:
        """A file and what it extends; `chain` are the files that extend this one."""
        if layer.file in self._below:
            return
        chain = (*chain, layer)
        if len(chain) + len(self.all) > MOST:
            raise PolicyError(f"{layer.name}: more than {MOST} policies extend one another")
        below: set[str] = set()
        for entry in layer.extends:
            base = _base(entry, chain)
            self.add(base, chain)
            below |= {base.file, *self._below[base.file]}
        self._below[layer.file] = below
        self.all.append(layer)

    def overrules(self, one: str, other: str) -> bool:
        """Whether what one file says counts more than what the other says."""
        return (one == OPTION and other != OPTION) or other in self._below.get(one, ())


def _base(entry: Entry, chain: tuple[Layer, ...]) -> Layer:
    try:
        base = load(entry.what)
    except PolicyError as error:
        raise PolicyError(f"{entry.where}: extends {shown(entry.what)}: {error}") from error
    files = [layer.file for layer in chain]
    if base.file in files:
        names = [layer.name for layer in chain[files.index(base.file) :]]
        raise PolicyError(
            f"{entry.where}: these policies extend one another: {' -> '.join((*names, names[0]))}"
        )
    return base


def _nearest(said: list[tuple[str, T]], layers: _Layers) -> list[T]:
    """What is said in files that no other of these files extends."""
    return [
        one for file, one in said if not any(layers.overrules(other, file) for other, _ in said)
    ]


def _requirements(said: list[tuple[str, Requirement]], layers: _Layers) -> Iterator[Requirement]:
    """Each once: one that is repeated has the severity and reason of the nearest file."""
    same: dict[tuple[object, ...], list[tuple[str, Requirement]]] = {}
    for file, one in said:
        same.setdefault((one.path, one.key, one.clauses), []).append((file, one))
    for group in same.values():
        first, *others = _nearest(group, layers)
        for other in others:
            if other.severity != first.severity:
                raise PolicyError(
                    f"{other.where}: {other.text} has another severity than in {first.where}"
                )
        yield first


def _severities(layers: _Layers, codes_of: CodesOf) -> Iterator[Override]:
    """One severity a code: of the nearest file, and there of the entry that names fewest."""
    said: dict[str, list[tuple[str, int, Entry]]] = {}
    for layer in layers.all:
        for entry in layer.severities:
            codes = _codes(entry.what[0], entry.where, codes_of)
            for code in codes:
                said.setdefault(code, []).append((layer.file, len(codes), entry))
    for code, entries in sorted(said.items()):
        narrowest = [
            (file, entry)
            for file, width, entry in entries
            if width == min(other[1] for other in entries if other[0] == file)
        ]
        first, *others = _nearest(narrowest, layers)
        for other in others:
            if other.what[1] != first.what[1]:
                raise PolicyError(
                    f"{other.where}: {other.what[0]} = {other.what[1]!r} contradicts"
                    f" {first.what[0]} = {first.what[1]!r} of {first.where}"
                )
        yield Override(code, first.what[1], first.where)


def _ignores(layers: _Layers, codes_of: CodesOf) -> Iterator[Ignore]:
    """All of them, without those that a nearer file says anew."""
    said: dict[tuple[object, ...], list[tuple[str, Ignore]]] = {}
    for layer in layers.all:
        for entry in layer.ignores:
            leave = entry.what
            one = Ignore(
                entry=leave.code,
                codes=_codes(leave.code, entry.where, codes_of),
                subject=leave.subject,
                reason=leave.reason,
                until=leave.until,
                where=entry.where,
            )
            said.setdefault((one.codes, one.subject), []).append((layer.file, one))
    for group in said.values():
        yield from _nearest(group, layers)


def _codes(entry: str, where: str, codes_of: CodesOf) -> tuple[str, ...]:
    try:
        return codes_of(entry)
    except UsageError as error:
        raise PolicyError(f"{where}: {error}") from error
