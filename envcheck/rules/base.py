"""The `rule` decorator: turns a documented generator of findings into a `Rule`.

A rule is its code, its docstring and its parameters; it must not read anything but those.
"""

import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
from typing import Any

import msgspec

from envcheck.facts import FACT_NAMES, Missing
from envcheck.finding import Finding, Severity

Check = Callable[..., Iterator[Finding]]

# A parameter named on the left is given each element of that list in turn.
EACH: Mapping[str, tuple[str, str]] = {
    "gpu": ("gpus", "devices"),
    "companion": ("torch", "companions"),
    "trial": ("trials", "trials"),
    "extension": ("extensions", "packages"),
    "ffmpeg_build": ("ffmpeg", "builds"),
    "part": ("dataset", "parts"),
}
# Not facts: the knowledge base, what the machine is for, and the whole snapshot for what the facts
# themselves name by path.
GIVEN = ("kb", "purpose", "snapshot")


class NotApplicable(Exception):
    """Nothing here for this rule to judge: neither passed nor skipped."""


class Rule(msgspec.Struct, frozen=True):
    """One check, with everything that is printed about it."""

    code: str
    name: str
    severity: Severity
    subject: str  # the room it belongs to: "driver", "torch" …
    decisive: bool  # the verdict is unknown when this cannot be judged
    check: Check
    needs: tuple[str, ...]  # facts it cannot do without
    wants: tuple[str, ...]  # facts it takes as they are, missing or not
    each: str  # the parameter that is given one element at a time, or ""
    given: tuple[str, ...]

    @property
    def doc(self) -> str:
        return inspect.cleandoc(self.check.__doc__ or "")

    @property
    def title(self) -> str:
        return self.doc.splitlines()[0]

    @property
    def links(self) -> tuple[str, ...]:
        """Addresses of the docstring's "Sources" part."""
        _, _, sources = self.doc.partition("Sources:")
        return tuple(word for word in sources.split() if word.startswith("https://"))

    @property
    def facts(self) -> tuple[str, ...]:
        return self.needs + self.wants


def rule(
    code: str, *, severity: Severity, subject: str, decisive: bool = False
) -> Callable[[Check], Rule]:
    """Make a rule of a generator function; its name is the rule's name, its parameters its facts.

    A parameter is named after a Snapshot field. Typed `Driver` the rule is skipped when the fact is
    missing; typed `Driver | Missing` it is given what there is. `gpu: Gpu` runs once a GPU.

    Raises:
        TypeError: a parameter names no fact, or the docstring is missing.
    """

    def make(check: Check) -> Rule:
        # Read straight from the function: typing.get_type_hints and inspect.signature would take
        # a tenth of doctor's start-up for all the rules together.
        assert isinstance(check, FunctionType)
        parameters = check.__code__.co_varnames[: check.__code__.co_argcount]
        hints = check.__annotations__
        needs, wants, given, each = [], [], [], ""
        for name in parameters:
            if name in GIVEN:
                given.append(name)
            elif name in EACH:
                each = name
            elif name not in FACT_NAMES:
                raise TypeError(f"{check.__name__}: no fact is called {name!r}")
            elif Missing in _members(hints[name]):
                wants.append(name)
            else:
                needs.append(name)
        if not check.__doc__:
            raise TypeError(f"{check.__name__}: a rule's docstring is its documentation")
        return Rule(
            code=code,
            name=check.__name__,
            severity=severity,
            subject=subject,
            decisive=decisive,
            check=check,
            needs=tuple(needs),
            wants=tuple(wants),
            each=each,
            given=tuple(given),
        )

    return make


def _members(hint: Any) -> tuple[Any, ...]:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return typing.get_args(hint)
    return (hint,)
