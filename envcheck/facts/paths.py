"""Facts by path: read one, or replace one in a copy.

`driver.version`; an element of a list by place or by name: `gpus.devices.0.sm`,
`python.distributions.numpy.version`.
"""

from typing import Any

import msgspec

from envcheck.facts.base import Missing
from envcheck.facts.snapshot import FACT_NAMES, Snapshot


class PathError(Exception):
    """The path names no fact."""


def lookup(snapshot: Snapshot, path: str) -> Any:
    """The value at `path`; `Missing` where anything on the way is missing.

    Raises:
        PathError: no fact has that name.
    """
    value: Any = snapshot
    for part in path.split("."):
        if isinstance(value, Missing):
            return value
        value = _step(value, part, path)
    return value


def replace(snapshot: Snapshot, path: str, value: Any) -> Snapshot:
    """A copy of the snapshot with `value` at `path`; a missing fact on the way is created.

    Raises:
        PathError: no fact has that name.
    """
    changed: Snapshot = _replaced(snapshot, path.split("."), value, path)
    return changed


def _step(value: Any, part: str, path: str) -> Any:
    if isinstance(value, msgspec.Struct) and part in value.__struct_fields__:
        return getattr(value, part)
    if isinstance(value, dict) and part in value:
        return value[part]
    if isinstance(value, tuple):
        return value[_place(value, part, path)]
    raise PathError(f"no fact is called {path!r}")


def _place(elements: tuple[Any, ...], part: str, path: str) -> int:
    if part.isdecimal() and int(part) < len(elements):
        return int(part)
    for place, element in enumerate(elements):
        if getattr(element, "name", None) == part:
            return place
    raise PathError(f"no fact is called {path!r}")


def _replaced(value: Any, parts: list[str], new: Any, path: str) -> Any:
    part, rest = parts[0], parts[1:]
    if isinstance(value, dict):
        if rest:
            raise PathError(f"no fact is called {path!r}")
        return {**value, part: new}
    below = _step(value, part, path)
    if rest and isinstance(below, Missing) and isinstance(value, Snapshot):
        below = _FACTS[part]()
    item = _replaced(below, rest, new, path) if rest else new
    if isinstance(value, tuple):
        place = _place(value, part, path)
        return (*value[:place], item, *value[place + 1 :])
    return msgspec.structs.replace(value, **{part: item})


_FACTS: dict[str, Any] = {
    field.name: next(
        kind
        for kind in field.type.__args__
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind is not Missing
    )
    for field in msgspec.structs.fields(Snapshot)
    if field.name in FACT_NAMES
}
