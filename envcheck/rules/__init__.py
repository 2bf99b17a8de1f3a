"""Pure checks: facts and knowledge in, findings out. One file a subject; nothing is read here."""

import difflib
from collections.abc import Sequence

from envcheck.errors import UsageError
from envcheck.rules import (
    branch,
    companion,
    container,
    cuda,
    driver,
    fabric,
    gpu,
    gpu_health,
    host,
    kernel,
    libcuda,
    loader,
    python_env,
    torch,
    wsl,
)
from envcheck.rules.base import Rule

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (
            value
            for module in (
                branch,
                companion,
                container,
                cuda,
                driver,
                fabric,
                gpu,
                gpu_health,
                host,
                kernel,
                libcuda,
                loader,
                python_env,
                torch,
                wsl,
            )
            for value in vars(module).values()
            if isinstance(value, Rule)
        ),
        key=lambda rule: rule.code,
    )
)


def find(code: str) -> Rule:
    """The rule of that code or name.

    Raises:
        UsageError: there is none; the nearest names are suggested.
    """
    for rule in RULES:
        if code.upper() == rule.code or code.lower() == rule.name:
            return rule
    raise UsageError(_unknown(code))


def choose(select: Sequence[str], ignore: Sequence[str]) -> tuple[Rule, ...]:
    """The rules selected by code, name or code prefix (all when none is), less the ignored ones.

    Raises:
        UsageError: an entry matches no rule, or nothing is left.
    """
    wanted, unwanted = _matching(select), _matching(ignore)
    rules = tuple(
        rule for rule in RULES if (not select or rule.code in wanted) and rule.code not in unwanted
    )
    if not rules:
        raise UsageError("--select and --ignore leave no check to run")
    return rules


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
