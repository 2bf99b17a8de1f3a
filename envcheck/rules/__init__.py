"""Pure checks: facts and knowledge in, findings out. One file a subject; nothing is read here."""

import difflib
import pkgutil
from collections.abc import Sequence
from importlib import import_module

from envcheck.errors import UsageError
from envcheck.rules.base import Rule


def _all() -> tuple[Rule, ...]:
    """Every rule of every file in this folder, by code: a new file needs no list.

    Raises:
        TypeError: two rules share a code.
    """
    found: dict[str, Rule] = {}
    for file in pkgutil.iter_modules(__path__, f"{__name__}."):
        for value in vars(import_module(file.name)).values():
            if type(value) is Rule and found.setdefault(value.code, value) is not value:
                raise TypeError(f"{value.name} and {found[value.code].name} are both {value.code}")
    return tuple(found[code] for code in sorted(found))


RULES: tuple[Rule, ...] = _all()
# Subjects that only a command of their own gives facts for.
ON_REQUEST = ("smoke", "dataset", "plan", "training")


def find(code: str) -> Rule:
    """The rule of that code or name.

    Raises:
        UsageError: there is none; the nearest names are suggested.
    """
    for rule in RULES:
        if code.upper() == rule.code or code.lower() == rule.name:
            return rule
    raise UsageError(_unknown(code))


def choose(select: Sequence[str], ignore: Sequence[str], *, subject: str = "") -> tuple[Rule, ...]:
    """The rules selected by code, name or code prefix, less the ignored ones.

    When none is selected: all that judge a machine at rest, or those of one subject of ON_REQUEST.

    Raises:
        UsageError: an entry matches no rule, or nothing is left.
    """
    wanted, unwanted = _matching(select), _matching(ignore)
    rules = tuple(
        rule
        for rule in RULES
        if rule.code not in unwanted and (rule.code in wanted if select else _usual(rule, subject))
    )
    if not rules:
        raise UsageError("--select and --ignore leave no check to run")
    return rules


def codes_of(entry: str) -> tuple[str, ...]:
    """The codes that an entry names: a code, a name, or the beginning of codes.

    Raises:
        UsageError: it names none; the nearest names are suggested.
    """
    codes = tuple(sorted(_matching([entry])))
    if not codes:
        raise UsageError(_unknown(entry))
    return codes


def _usual(rule: Rule, subject: str) -> bool:
    return rule.subject == subject if subject else rule.subject not in ON_REQUEST


def _matching(entries: Sequence[str]) -> set[str]:
    codes: set[str] = set()
    for entry in (part.strip() for word in entries for part in word.split(",")):
        if not entry:
            continue
        found = {
            rule.code
            for rule in RULES
            if rule.code.startswith(entry.upper()) or rule.name == entry.lower()
        }
        if not found:
            raise UsageError(_unknown(entry))
        codes |= found
    return codes


def _unknown(word: str) -> str:
    names = [name for rule in RULES for name in (rule.code, rule.name)]
    near = difflib.get_close_matches(word.lower(), [name.lower() for name in names], 3)
    lower = {name.lower(): name for name in names}
    hint = f": did you mean {', '.join(lower[n] for n in near)}?" if near else ""
    return f"no check is called {word!r}{hint}"
