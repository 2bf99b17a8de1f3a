"""The settings that PySlowFast's configuration knows, each with its default.

Read from the source text of `slowfast/config/defaults.py`, never run. Must not know any one
configuration.
"""

import ast
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from envcheck.errors import UsageError

DATA = Path(__file__).parent / "data/defaults.json"
ROOT = "_C"  # what defaults.py calls the configuration
SECTION = "CfgNode"


class Default(msgspec.Struct, frozen=True, omit_defaults=True):
    """A setting as it is where nobody sets it."""

    type: str  # Python's name of it; "CfgNode" is a section, "" could not be read
    value: Any = None  # as JSON has it; None also stands for infinities and what is computed


class Defaults(msgspec.Struct, frozen=True):
    """Every setting and section by its whole name, "TRAIN.BATCH_SIZE"."""

    source: str
    settings: dict[str, Default]


@lru_cache
def published() -> Defaults:
    """Those of PySlowFast as it was published."""
    return msgspec.json.decode(DATA.read_bytes(), type=Defaults)


def read_defaults(text: str, name: str) -> dict[str, Default]:
    """The settings that a `defaults.py` or `custom_config.py` assigns, wherever in it.

    Raises:
        UsageError: it is not Python.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UsageError(f"{name} is no Python that can be read: {error}") from error
    found: dict[str, Default] = {}
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        for target in targets:
            key = _key(target)
            if key and isinstance(node, ast.Assign):
                found[key] = _default(node.value)
    return found


def _key(target: ast.expr) -> str:
    """ "TRAIN.BATCH_SIZE" of `_C.TRAIN.BATCH_SIZE`; "" of anything else."""
    names: list[str] = []
    while isinstance(target, ast.Attribute):
        names.append(target.attr)
        target = target.value
    is_root = isinstance(target, ast.Name) and target.id == ROOT
    return ".".join(reversed(names)) if is_root else ""


def _default(node: ast.expr) -> Default:
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        return Default(SECTION if name == SECTION else "")
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError, MemoryError):
        return Default(_computed(node))
    return Default(type(value).__name__, as_json(value))


def _computed(node: ast.expr) -> str:
    """The type of an expression that is no literal: -math.inf, [0.5, 0.5**0.5]."""
    if isinstance(node, ast.List | ast.Tuple):
        return type(node).__name__.lower()
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    is_inf = isinstance(node, ast.Attribute) and node.attr in ("inf", "nan", "pi", "e")
    return "float" if is_inf else ""


def as_json(value: Any) -> Any:
    """The value as JSON has it: tuples as lists, what JSON cannot hold as None or its text."""
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {as_text(str(key)): as_json(item) for key, item in value.items()}
    if isinstance(value, float) and value - value != 0:  # infinite, or not a number
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 63:
        return None
    if isinstance(value, int | float | bool | None):
        return value
    return as_text(str(value))


def as_text(text: str) -> str:
    """The text without halves of characters, which JSON cannot hold."""
    return text.encode("utf-8", "replace").decode()
