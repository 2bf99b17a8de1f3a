"""One requirement as people write it, `gpu.memory >= 80GiB`, becomes a typed one.

    subject [":" name] [operator value {"," operator value}]

Must not know where it was written.
"""

import re

from envcheck.facts import Clause, Requirement
from envcheck.facts.policy import Level, Operator
from envcheck.policy.errors import ExpressionError
from envcheck.policy.subjects import Subject, subject_of
from envcheck.policy.values import read_value

LIMIT = 1000  # characters; what people write has some twenty
OPERATORS: tuple[Operator, ...] = ("==", "!=", ">=", "<=", "~=", ">", "<")
_SUBJECT = re.compile(r"\s*([A-Za-z][\w.-]*)\s*", re.ASCII)
_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_KEY = re.compile(r"[^\s<>=!~,\"']+")
_OPERATOR = re.compile(r"\s*(==|!=|>=|<=|~=|>(?!=)|<(?!=))(?![=<>~!])\s*")
_VALUE = re.compile(r"(?:[^,\"'<>=!~]|!(?!=))+")  # a version's epoch: 1!2.0
_USUAL = {"=": "==", "=>": ">=", "=<": "<=", "===": "==", "≥": ">=", "≤": "<=", "≠": "!="}
_UNUSUAL = re.compile(r"\s*([=<>!~≥≤≠]+)")


def parse(
    text: str, *, where: str = "", severity: Level | None = None, reason: str = ""
) -> Requirement:
    """The requirement an expression states.

    Raises:
        ExpressionError: it is none; the message says what is wrong and what was perhaps meant.
    """
    if len(text) > LIMIT:
        raise ExpressionError(f"a requirement of {len(text)} characters: {LIMIT} are the limit")
    text = " ".join(text.split())
    if not text.isprintable():
        raise ExpressionError(f"{text!r} holds signs that cannot be printed")
    begin = _SUBJECT.match(text)
    if not begin:
        raise ExpressionError(f"{text!r} is no requirement: write it as in gpu.count >= 8")
    name, key, place = begin[1], None, begin.end()
    if text[place : place + 1] == ":":
        key, place = _key(text, place + 1)
    subject = subject_of(name, key)
    clauses = _clauses(text, place, subject, name)
    if not clauses and subject.compared in ("number", "bytes") and subject.path != "disk":
        example = "80GiB" if subject.compared == "bytes" else "8"
        raise ExpressionError(f"{name} needs a comparison, as in {name} >= {example}")
    return Requirement(
        text=text,
        subject=name if key is None else f"{name}:{key}",
        path=subject.path,
        key=subject.key,
        compared=subject.compared,
        clauses=clauses,
        severity=severity,
        reason=reason,
        where=where,
    )


def _key(text: str, place: int) -> tuple[str, int]:
    found = _QUOTED.match(text, place)
    if found:
        return found[1] or found[2] or "", found.end()
    found = _KEY.match(text, place)
    return (found[0], found.end()) if found else ("", place)


def _clauses(text: str, place: int, subject: Subject, name: str) -> tuple[Clause, ...]:
    clauses: list[Clause] = []
    while text[place:].strip() or clauses:
        operator = _OPERATOR.match(text, place)
        if not operator:
            raise ExpressionError(_no_operator(text, place))
        sign: Operator = next(one for one in OPERATORS if one == operator[1])
        value, place, quoted = _value(text, operator.end(), sign)
        if value == "none" and not quoted:
            clauses.append(_absent(sign))
        else:
            clauses.append(Clause(sign, read_value(subject, sign, value, name)))
        rest = text[place:].lstrip()
        if not rest:
            break
        if not rest.startswith(","):
            raise ExpressionError(
                f"{rest!r} follows {sign} {value}: put a comma between comparisons, and quotes"
                " around a text that holds such signs"
            )
        place = len(text) - len(rest) + 1
    return tuple(clauses)


def _absent(sign: Operator) -> Clause:
    if sign not in ("==", "!="):
        raise ExpressionError(f"{sign} cannot be asked of none: use == or !=")
    return Clause(sign, None)


def _value(text: str, place: int, sign: str) -> tuple[str, int, bool]:
    """The text of a value, where it ends, and whether it was quoted."""
    quoted = _QUOTED.match(text, place)
    if quoted:
        return quoted[1] or quoted[2] or "", quoted.end(), True
    plain = _VALUE.match(text, place)
    if not plain or not plain[0].strip():
        raise ExpressionError(f"a value must follow {sign}")
    return plain[0].strip(), plain.end(), False


def _no_operator(text: str, place: int) -> str:
    rest = text[place:].strip()
    unusual = _UNUSUAL.match(text, place)
    if unusual:
        meant = _USUAL.get(unusual[1])
        return f"{unusual[1]!r} is no comparison" + (f": did you mean {meant}?" if meant else "")
    usual = ", ".join(OPERATORS)
    if not rest:
        return f"a comparison must follow the comma: one of {usual}"
    return f"{rest!r} is no comparison: one of {usual} must come first"
