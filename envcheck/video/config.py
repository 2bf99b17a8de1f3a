"""A configuration of PySlowFast: its file, the files it builds on, and the command line over it.

Merged as PySlowFast (fvcore and yacs) merges them. Must not know the live machine: a reader of
files is given.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from envcheck.errors import UsageError
from envcheck.facts.training import Repeat, Setting, YamlTag
from envcheck.video.config_text import Leaf, Tree, literal, parse
from envcheck.video.defaults import SECTION, Default, Defaults, as_json, as_text

BASE = "_BASE_"  # the files that a file builds on
FILES = 20  # as many may build on one another

Read = Callable[[str], bytes]


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What files and command line set."""

    given: tuple[Setting, ...]
    settings: dict[str, Any]  # the defaults with what is given over them, where its type is right
    repeats: tuple[Repeat, ...]
    tags: tuple[YamlTag, ...]


def read_config(path: str, read: Read, defaults: Defaults, overrides: Sequence[str]) -> Config:
    """The configuration of a file, with KEY VALUE pairs over it.

    Args:
        read: a file's bytes by its path; it raises UsageError where there is none.

    Raises:
        UsageError: a file is no configuration, or the pairs are no pairs.
    """
    files = _Files(read)
    tree = files.load(path, ())
    given = [*_given(tree, "", defaults.settings), *_pairs(overrides, defaults.settings)]
    settings = {
        key: default.value for key, default in defaults.settings.items() if default.type != SECTION
    }
    settings |= {setting.key: setting.value for setting in given if setting.taken}
    return Config(
        given=tuple(given),
        settings=settings,
        repeats=tuple(files.repeats),
        tags=tuple(files.tags),
    )


class _Files:
    """Reads a file and those it builds on."""

    def __init__(self, read: Read) -> None:
        self.repeats: list[Repeat] = []
        self.tags: list[YamlTag] = []
        self._read = read
        self._left = FILES

    def load(self, path: str, above: tuple[str, ...]) -> Tree:
        if path in above:
            raise UsageError(f"{path} builds on itself by {BASE}")
        self._left -= 1
        if self._left < 0:
            raise UsageError(f"more than {FILES} files build on one another by {BASE}")
        parsed = parse(self._read(path), path)
        self.repeats += parsed.repeats
        self.tags += parsed.tags
        base = parsed.tree.items.pop(BASE, None)
        if base is None:
            return parsed.tree
        below = Tree(path, 0, {})
        for name in _bases(base, path):
            _lay(self.load(_beside(name, path), (*above, path)), below)
        _lay(parsed.tree, below)
        return below


def _bases(base: Leaf | Tree, path: str) -> list[str]:
    names = base.value if isinstance(base, Leaf) else None
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise UsageError(f"{path}: line {base.line}: {BASE} must name a file, or a list of files")
    for name in names:
        if name.startswith(("http://", "https://")):
            raise UsageError(f"{path}: {BASE} is an address: download {name} and name the file")
    return names


def _beside(name: str, path: str) -> str:
    """A base as fvcore finds it: from the file that names it, unless absolute."""
    name = os.path.expanduser(name)  # noqa: PTH111 - pathlib's raises where there is no such home
    return os.path.normpath(Path(path).parent / name)


def _lay(above: Tree, below: Tree) -> None:
    for name, item in above.items.items():
        under = below.items.get(name)
        if isinstance(item, Tree) and isinstance(under, Tree):
            _lay(item, under)
        else:
            below.items[name] = item


def _given(tree: Tree, prefix: str, defaults: dict[str, Default]) -> Iterator[Setting]:
    for name, item in tree.items.items():
        key = f"{prefix}{name}"
        default = defaults.get(key)
        if isinstance(item, Tree) and default is not None and default.type == SECTION:
            yield from _given(item, f"{key}.", defaults)
            continue
        yield Setting(
            key=key,
            type=SECTION if isinstance(item, Tree) else item.type,
            value=None if isinstance(item, Tree) else item.value,
            default_type=None if default is None else default.type,
            file=item.file,
            line=item.line,
        )


def _pairs(words: Sequence[str], defaults: dict[str, Default]) -> Iterator[Setting]:
    if len(words) % 2:
        raise UsageError(f"settings come in pairs, KEY VALUE: {words[-1]!r} has no value")
    for key, text in zip(words[::2], words[1::2], strict=True):
        default = defaults.get(key)
        value = literal(text)
        yield Setting(
            key=as_text(key),
            type=type(value).__name__,
            value=as_json(value),
            default_type=None if default is None else default.type,
        )
