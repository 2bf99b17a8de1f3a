"""YAML with the line of everything in it. PyYAML is an extra and imported when a file needs it."""

from typing import Any

from envcheck.errors import UsageError
from envcheck.extras import install
from envcheck.readers.plan.draft import PlanError

LIMIT = 5 << 20  # characters; and as many nodes as a hundredth of it
NODES = 50_000


class Node:
    """A value and the line it begins at; `value` is str, None, a list or a dict of Nodes."""

    def __init__(self, value: Any, line: int) -> None:
        self.value, self.line = value, line

    def get(self, *names: str) -> "Node | None":
        """The value below these keys; None where there is none."""
        node: Node | None = self
        for name in names:
            if node is None or not isinstance(node.value, dict):
                return None
            node = node.value.get(name)
        return node

    @property
    def text(self) -> str:
        return self.value if isinstance(self.value, str) else ""

    @property
    def items(self) -> "list[Node]":
        return self.value if isinstance(self.value, list) else []

    @property
    def keys(self) -> "dict[str, Node]":
        return self.value if isinstance(self.value, dict) else {}


def parse(text: str, name: str) -> Node:
    """The first document of a YAML text.

    Raises:
        PlanError: not YAML, too large, or built to grow.
        UsageError: PyYAML is not installed.
    """
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise UsageError(f"{name}: reading YAML needs PyYAML: {install('pyyaml')}") from error
    if len(text) > LIMIT:
        raise PlanError(f"{name}: larger than {LIMIT >> 20} MiB, no such file is")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        root = yaml.compose(text, Loader=loader)
        return _node(root, name, [NODES]) if root is not None else Node(None, 1)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise PlanError(f"{name}{line}: {problem}") from error
    except RecursionError as error:
        raise PlanError(f"{name}: nested too deeply") from error


def _node(node: Any, name: str, left: list[int]) -> Node:
    """A composed node without its tags: nothing is built from it. Aliases count each time."""
    left[0] -= 1
    if left[0] < 0:
        raise PlanError(f"{name}: more than {NODES} values, aliases counted")
    line = node.start_mark.line + 1
    if node.id == "mapping":
        found: dict[str, Node] = {}
        for key, value in node.value:
            if key.id == "scalar" and key.value == "<<" and value.id == "mapping":
                found = {**_node(value, name, left).keys, **found}
            elif key.id == "scalar":
                found[key.value] = _node(value, name, left)
        return Node(found, line)
    if node.id == "sequence":
        return Node([_node(item, name, left) for item in node.value], line)
    empty = node.tag == "tag:yaml.org,2002:null" and not node.value
    return Node(None if empty else node.value, line)
