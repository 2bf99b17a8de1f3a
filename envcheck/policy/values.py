"""Values of requirements: read, compared with what a machine has, and written for people.

Versions are compared by packaging. Must not know facts' names nor machines.
"""

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from envcheck.facts.policy import Clause, Kind, Operator
from envcheck.policy.errors import ExpressionError, near
from envcheck.policy.subjects import Subject

if TYPE_CHECKING:
    from packaging.specifiers import Specifier
    from packaging.version import Version

Value = bool | int | float | str

UNITS: dict[str, int] = {
    "B": 1,
    **{f"{sign}B": 1000**power for power, sign in enumerate("kMGTP", 1)},
    **{f"{sign}iB": 1024**power for power, sign in enumerate("KMGTP", 1)},
}
FLAGS = {"true": True, "yes": True, "false": False, "no": False}
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,9})?", re.ASCII)
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*([^\W\d_]*)", re.ASCII)
_SM = re.compile(r"(?:sm_?|compute_)?(\d{1,3})(?:\.(\d|\*))?a?", re.ASCII)
_LEADING = re.compile(r"[nv]?(\d{1,9}(?:\.\d{1,9}){0,5}(?:-\d{1,9})?)", re.ASCII)
_LARGEST = 1 << 62


def read_value(subject: Subject, operator: Operator, text: str, name: str) -> Value:
    """What a clause compares with.

    Raises:
        ExpressionError: the text is no such value, or the operator does not suit it.
    """
    kind, ordering = subject.compared, operator not in ("==", "!=")
    if operator == "~=" and kind != "version":
        raise ExpressionError(f"~= is for versions, and {name} is none")
    if kind in ("number", "bytes"):
        return _number(text, name) if kind == "number" else _bytes(text, name)
    if kind == "version":
        if subject.path.endswith(".sm"):
            text = _compute_capability(text)
        return _version(operator, text, name)
    if ordering:
        raise ExpressionError(f"{name} has no order: use == or != instead of {operator}")
    if kind == "flag":
        if text.lower() not in FLAGS:
            raise ExpressionError(f"{name} is yes or no, not {text!r}")
        return FLAGS[text.lower()]
    if kind == "thing":
        raise ExpressionError(f"{name} is there or not: write {name}, or {name} == none")
    return text


def _number(text: str, name: str) -> int | float:
    if not _NUMBER.fullmatch(text):
        sized = _SIZE.fullmatch(text)
        why = f"it cannot be in {sized[2]!r}" if sized and sized[2] else f"{text!r} is none"
        raise ExpressionError(f"{name} is a plain number: {why}")
    return float(text) if "." in text else int(text)


def _bytes(text: str, name: str) -> int:
    size = _SIZE.fullmatch(text)
    if not size:
        raise ExpressionError(f"{text!r} is no size: write a number and a unit, as in 80GiB")
    number, unit = size.groups()
    if unit not in UNITS:
        if not unit:
            raise ExpressionError(f"{name} needs a unit: {number}GiB, or {number}B for bytes")
        hint = near(unit, UNITS) or f": one of {', '.join(UNITS)} is"
        raise ExpressionError(f"{unit!r} is no unit of {name}{hint}")
    whole, _, part = number.partition(".")
    value: int = int(whole + part) * UNITS[unit] // 10 ** len(part)
    if value > _LARGEST:
        raise ExpressionError(f"{text} is more than any machine has")
    return value


def _version(operator: Operator, text: str, name: str) -> str:
    try:
        specifier(operator, text)
    except ValueError as error:
        wild = text.endswith(".*") and operator not in ("==", "!=")
        why = f"{text!r} goes with == and != only" if wild else f"{text!r} is no version"
        if operator == "~=" and "." not in text:
            why = f"~= needs two numbers, as in ~={text}.0"
        raise ExpressionError(f"{why}, in a requirement of {name}") from error
    return text


def _compute_capability(text: str) -> str:
    number = _SM.fullmatch(text)
    if not number:
        raise ExpressionError(f"{text!r} is no compute capability: write it as 9.0")
    if number[2] is None or text != f"{number[1]}.{number[2]}":
        digits = number[1]
        whole, tenth = (digits[:-1], digits[-1]) if len(digits) > 1 else (digits, "0")
        hint = f"{digits}.{number[2]}" if number[2] else f"{whole}.{tenth}"
        raise ExpressionError(f"{text!r} is no compute capability: did you mean {hint}?")
    return text


def meets(kind: Kind, clause: Clause, seen: Value) -> bool:
    """Whether a value that is there is as a clause wants it.

    Raises:
        ValueError: the value is no version or no number, so nobody can say.
    """
    want = clause.value
    if want is None:
        return clause.operator == "!="
    if kind == "version":
        found = version(str(seen))
        return specifier(clause.operator, str(want)).contains(found, prereleases=True)
    if kind == "text":
        return fits(str(want), str(seen)) is (clause.operator == "==")
    if not isinstance(seen, (int, float)) or not isinstance(want, (int, float)):
        raise ValueError(f"{seen!r} cannot be compared with {want!r}")
    if kind == "bytes" and seen < 0:
        seen = math.inf  # limits of the system: no limit
    return {
        "==": seen == want,
        "!=": seen != want,
        ">=": seen >= want,
        "<=": seen <= want,
        ">": seen > want,
        "<": seen < want,
    }[clause.operator]


@lru_cache(maxsize=256)
def specifier(operator: Operator, text: str) -> "Specifier":
    """Raises ValueError: not a version, or the operator does not suit it."""
    from packaging.specifiers import Specifier

    return Specifier(f"{operator}{text}")


@lru_cache(maxsize=256)
def version(text: str) -> "Version":
    """A version, of a kernel too: "5.15.0-105-generic" is 5.15.0, build 105; FFmpeg's
    "n6.1" is 6.1.

    Raises:
        ValueError: it does not begin with one.
    """
    from packaging.version import InvalidVersion, Version

    try:
        return Version(text)
    except InvalidVersion:
        leading = _LEADING.match(text)
        if leading is None:
            raise
        return Version(leading[1])


def fits(pattern: str, text: str) -> bool:
    """Whether a text is as a pattern, in which `*` is any text; capitals do not matter."""
    first, *rest = pattern.casefold().split("*")
    text = text.casefold()
    if not rest:
        return text == first
    last = rest.pop()
    if not text.startswith(first) or not text.endswith(last):
        return False
    place, end = len(first), len(text) - len(last)
    for part in rest:
        found = text.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return place <= end


def said(kind: Kind, value: object) -> str:
    """A value as people write it: 85899345920 bytes are "80 GiB"."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if kind != "bytes" or not isinstance(value, int):
        return str(value)
    if value < 0:
        return "unlimited"
    for unit in ("PiB", "TiB", "GiB", "MiB", "KiB"):
        if value >= UNITS[unit]:
            return f"{value / UNITS[unit]:.1f}".removesuffix(".0") + f" {unit}"
    return f"{value} B"
