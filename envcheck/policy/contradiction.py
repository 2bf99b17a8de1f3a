"""Requirements that nothing can meet together. Only what is certain is told.

Must not know where they were written.
"""

from collections.abc import Iterable, Iterator
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

from envcheck.facts import Clause, Requirement
from envcheck.policy.values import fits, meets, version

if TYPE_CHECKING:
    from packaging.version import Version


NOT_THERE = Clause("==", None)


def contradictions(
    requirements: Iterable[Requirement],
) -> Iterator[tuple[Requirement, Requirement]]:
    """Pairs that contradict each other; one that contradicts itself is a pair with itself."""
    same: dict[tuple[str, str], list[Requirement]] = {}
    for requirement in requirements:
        same.setdefault((requirement.path, requirement.key), []).append(requirement)
    for group in same.values():
        for one, other in combinations_with_replacement(group, 2):
            if _excluded(one, other):
                yield one, other


def _excluded(one: Requirement, other: Requirement) -> bool:
    every = (*one.clauses, *other.clauses)
    if any(clause == NOT_THERE for clause in every):
        return not (one.clauses and other.clauses and all(map(_suits_none, every)))
    clauses = [c for c in every if c.value is not None]
    if one.compared == "flag":
        bare = [Clause("==", True) for r in (one, other) if not r.clauses]
        return {_wanted(clause) for clause in (*clauses, *bare)} == {True, False}
    if one.compared == "text":
        return _no_text(clauses)
    return one.compared != "thing" and _no_value(one, clauses)


def _suits_none(clause: Clause) -> bool:
    return clause == NOT_THERE or (clause.operator == "!=" and clause.value is not None)


def _wanted(clause: Clause) -> bool:
    return bool(clause.value) is (clause.operator == "==")


def _no_text(clauses: list[Clause]) -> bool:
    """Whether a text that must be exactly this is excluded by another clause."""
    exact = [str(c.value) for c in clauses if c.operator == "==" and "*" not in str(c.value)]
    return any(
        fits(str(clause.value), text) is not (clause.operator == "==")
        for text in exact
        for clause in clauses
    )


def _no_value(requirement: Requirement, clauses: list[Clause]) -> bool:
    """Whether no number or version lies within all the bounds."""
    kind = requirement.compared
    low: tuple[Any, bool] | None = None  # (bound, whether the bound itself is excluded)
    high: tuple[Any, bool] | None = None
    for clause in clauses:
        for side, bound, out in _bounds(kind == "version", clause):
            if side == "low" and (low is None or (bound, out) > low):
                low = (bound, out)
            if side == "high" and (high is None or (bound, not out) < (high[0], not high[1])):
                high = (bound, out)
    if low is None or high is None:
        return False
    if low[0] != high[0]:
        return bool(low[0] > high[0])
    return low[1] or high[1] or not _met(requirement, low[0], clauses)


def _met(requirement: Requirement, value: Any, clauses: list[Clause]) -> bool:
    seen = value if isinstance(value, (int, float)) else str(value)
    unequal = [clause for clause in clauses if clause.operator == "!="]
    return all(meets(requirement.compared, clause, seen) for clause in unequal)


def _bounds(versions: bool, clause: Clause) -> Iterator[tuple[str, Any, bool]]:
    """("low" or "high", the bound, whether the bound itself is excluded)."""
    operator, value = clause.operator, clause.value
    low, high, below = _range(operator, str(value)) if versions else (value, value, False)
    if operator in ("==", "~=", ">=", ">"):
        yield "low", low, operator == ">"
    if operator in ("==", "~=", "<=", "<"):
        yield "high", high, operator == "<" or below


def _range(operator: str, text: str) -> tuple["Version", "Version", bool]:
    """The lowest and the highest version that fit, and whether the highest itself does not."""
    if operator != "~=" and not text.endswith(".*"):
        exact = version(version(text).public)  # a local part only narrows it
        return exact, exact, False
    given = version(text.removesuffix(".*"))
    fixed = given.release[:-1] if operator == "~=" else given.release
    end = ".".join(map(str, (*fixed[:-1], fixed[-1] + 1)))
    low = given if operator == "~=" else version(f"{given}.dev0")
    return low, version(f"{given.epoch}!{end}.dev0"), True
