"""A configuration's YAML text as a tree whose leaves know their line. Nothing in it is ever run.

Must not know which settings there are.
"""

import ast
import re
from itertools import accumulate
from typing import Any

import msgspec

from envcheck.errors import UsageError
from envcheck.extras import install
from envcheck.facts.training import Repeat, YamlTag
from envcheck.video.defaults import as_json, as_text

LIMIT = 32 << 10  # bytes of a file; real ones have some 5 KB
NODES = 20_000  # values in a file, those behind aliases counted each time
DEPTH = 50
BRACKETS = 200  # open at once: PyYAML takes time by their square
LITERAL = 1000  # characters of a text that is read as a Python value
MERGE = "tag:yaml.org,2002:merge"


class Leaf(msgspec.Struct, frozen=True):
    """A value that is no mapping."""

    type: str
    value: Any  # as JSON has it
    file: str
    line: int


class Tree(msgspec.Struct):
    """A mapping, in the order of its keys."""

    file: str
    line: int
    items: "dict[str, Leaf | Tree]"


class Parsed(msgspec.Struct):
    """One file."""

    tree: Tree
    repeats: list[Repeat]
    tags: list[YamlTag]


def parse(data: bytes, file: str) -> Parsed:
    """The tree of one file.

    Raises:
        UsageError: too large, binary, no YAML, no mapping, or a bomb of aliases; PyYAML is absent.
    """
    try:
        import yaml  # late: nothing else needs it
    except ImportError as error:
        raise UsageError(f"{file}: reading YAML needs PyYAML: {install('pyyaml')}") from error
    text = _text(data, file)
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            raise UsageError(f"{file} is empty: no configuration")
        if not isinstance(node, yaml.MappingNode):
            raise UsageError(f"{file} holds no settings: it must be a mapping of names to values")
        return _Builder(loader, file).parsed(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        problem = error.problem or error.context or "no YAML"
        raise UsageError(f"{file}: {where}{problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"{file} is no YAML: {str(error).splitlines()[0]}") from error
    except RecursionError as error:
        raise UsageError(f"{file} nests too deeply for a configuration") from error


def literal(text: str) -> Any:
    """A text as PySlowFast reads it: "1e-4" is a number, "None" is None, else itself."""
    if len(text) > LITERAL:
        return text
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return text


def _text(data: bytes, file: str) -> str:
    if len(data) > LIMIT:
        raise UsageError(f"{file} is larger than {LIMIT >> 10} KiB: no configuration is")
    if b"\0" in data:
        raise UsageError(f"{file} is binary, not YAML")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8 text") from error
    steps = (1 if sign in "[{" else -1 for sign in re.findall(r"[\[\]{}]", text))
    if max(accumulate(steps), default=0) > BRACKETS:
        raise UsageError(f"{file} nests too deeply for a configuration")
    return text


class _Builder:
    """Turns YAML's nodes into a tree, counting them: aliases may not multiply without bound."""

    def __init__(self, loader: Any, file: str) -> None:
        self._loader = loader
        self._file = file
        self._left = NODES
        self._repeats: list[Repeat] = []
        self._tags: list[YamlTag] = []

    def parsed(self, node: Any) -> Parsed:
        self._tagged(node)
        tree = self._tree(node, "", 0)
        return Parsed(tree, self._repeats, self._tags)

    def _tree(self, node: Any, prefix: str, depth: int) -> Tree:
        self._count(depth)
        items: dict[str, Leaf | Tree] = {}
        merged: dict[str, Leaf | Tree] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == MERGE:
                merged = {**self._merged(value_node, prefix, depth), **merged}
                continue
            if key_node.id != "scalar":
                raise UsageError(f"{self._file}: line {line}: a name must be text")
            self._tagged(key_node)
            name = as_text(str(key_node.value))
            item = self._item(value_node, f"{prefix}{name}", line, depth + 1)
            if name in items:
                self._repeat(f"{prefix}{name}", items[name], item, line)
            items[name] = item
        return Tree(self._file, node.start_mark.line + 1, {**merged, **items})

    def _merged(self, node: Any, prefix: str, depth: int) -> "dict[str, Leaf | Tree]":
        """What YAML's `<<` brings in: of several mappings the first holds."""
        sources = node.value if node.id == "sequence" else [node]
        merged: dict[str, Leaf | Tree] = {}
        for source in sources:
            if source.id != "mapping":
                line = source.start_mark.line + 1
                raise UsageError(f"{self._file}: line {line}: << takes mappings")
            merged = {**self._tree(source, prefix, depth + 1).items, **merged}
        return merged

    def _item(self, node: Any, key: str, line: int, depth: int) -> "Leaf | Tree":
        if node.id == "mapping" and self._is_plain(node):
            return self._tree(node, f"{key}.", depth)
        value = self._value(node, depth)
        if isinstance(value, str):
            value = literal(value)
        kind = type(value).__name__ if self._is_plain(node) else ""
        return Leaf(kind, as_json(value), self._file, line)

    def _value(self, node: Any, depth: int) -> Any:
        self._count(depth)
        if self._tagged(node):
            return None
        if node.id == "sequence":
            return [self._value(item, depth + 1) for item in node.value]
        if node.id == "mapping":
            return {
                str(key.value): self._value(value, depth + 1)
                for key, value in node.value
                if key.id == "scalar"
            }
        try:
            return self._loader.construct_object(node)
        except (ValueError, KeyError, AttributeError, TypeError) as error:  # "!!int x", 2020-13-45
            where = f"{self._file}: line {node.start_mark.line + 1}"
            kind = node.tag.rpartition(":")[2]
            raise UsageError(f"{where}: {node.value[:40]!r} is no {kind}") from error

    def _is_plain(self, node: Any) -> bool:
        """Whether YAML's safe reader, the only one PySlowFast uses, knows the value's tag."""
        return node.tag in self._loader.yaml_constructors

    def _tagged(self, node: Any) -> bool:
        """Whether the value has a tag that the safe reader refuses; it is remembered."""
        if self._is_plain(node):
            return False
        tag = as_text(node.tag.replace("tag:yaml.org,2002:", "!!"))
        self._tags.append(YamlTag(tag, self._file, node.start_mark.line + 1))
        return True

    def _repeat(self, key: str, first: "Leaf | Tree", again: "Leaf | Tree", line: int) -> None:
        values = [item.value if isinstance(item, Leaf) else item for item in (first, again)]
        same = values[0] == values[1]
        for place, repeat in enumerate(self._repeats):
            if repeat.key == key:
                lines = (*repeat.lines, line)
                self._repeats[place] = Repeat(key, self._file, lines, repeat.same and same)
                return
        self._repeats.append(Repeat(key, self._file, (first.line, line), same))

    def _count(self, depth: int) -> None:
        self._left -= 1
        if self._left < 0:
            raise UsageError(f"{self._file} holds more than {NODES} values: no configuration does")
        if depth > DEPTH:
            raise UsageError(
                f"{self._file} nests deeper than {DEPTH} levels: no configuration does"
            )
