"""One policy file: found, read, checked against its shape, each entry with its line.

Must not know how several policies become one.
"""

import os
import re
import stat
import sys
from pathlib import Path
from typing import Any

import msgspec

from envcheck.facts import Requirement
from envcheck.policy.errors import ExpressionError, PolicyError, near
from envcheck.policy.expression import parse
from envcheck.policy.lines import Keys, lines_of
from envcheck.policy.shape import EXPECTED, SHAPES, Need, PolicyFile

OWN = "envcheck.toml"
SHARED = "pyproject.toml"
TABLE = ("tool", "envcheck")
LIMIT = 1 << 20  # bytes; a policy has some hundred
_PIPE = re.compile(r"/dev/(?:stdin|fd/\d+)")  # what a shell hands over
_AT = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")


class Entry(msgspec.Struct, frozen=True):
    """Something of a policy with the line it stands in."""

    what: Any
    where: str


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """What one policy file itself says."""

    file: str  # its real path
    name: str  # its path as people see it
    extends: tuple[Entry, ...]  # files
    requirements: tuple[Requirement, ...]
    severities: tuple[Entry, ...]  # (entry, severity)
    ignores: tuple[Entry, ...]  # Leave


def find(folder: str) -> str | None:
    """The policy nearest to a folder: in it, or in the folders above it.

    Raises:
        PolicyError: a folder has two, or its pyproject.toml cannot be read.
    """
    for here in (Path(folder), *Path(folder).parents):
        own, shared = here / OWN, here / SHARED
        found = [str(own)] if _is_file(own) else []
        found += [str(shared)] if _is_file(shared) and _has_table(str(shared)) else []
        if len(found) == 2:
            raise PolicyError(
                f"{shown(found[0])} and [{'.'.join(TABLE)}] of {shown(found[1])} are both a"
                " policy: keep one, or name it with --policy"
            )
        if found:
            return found[0]
    return None


def shown(path: str) -> str:
    """A path as people see it: from the current folder where that is shorter."""
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):  # the current folder was removed; an empty path
        relative = path
    short = relative if len(relative) < len(path) else path
    text = short.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return text if text.isprintable() else repr(text)


def load(path: str) -> Layer:
    """What a policy file says.

    Raises:
        PolicyError: unreadable, no TOML, or something in it is not as it should be; the message
            begins with the line.
    """
    return _Reader(path).layer(path)


class _Reader:
    def __init__(self, path: str) -> None:
        self.name = shown(path)
        self.text = _text(path, self.name)
        self.path = os.path.realpath(path)
        whole = _toml(self.text, self.name)
        self.base: Keys = TABLE if Path(path).name == SHARED else ()
        raw: Any = whole
        for part in self.base:
            raw = raw.get(part) if isinstance(raw, dict) else None
        if raw is None:
            raise PolicyError(f"{self.name} has no table [{'.'.join(TABLE)}]")
        self.raw = raw
        self.lines = lines_of(self.text)

    def where(self, *path: str | int) -> str:
        """The line of a key or element, or of what holds it."""
        full: Keys = (*self.base, *path)
        while full and full not in self.lines:
            full = full[:-1]
        return f"{self.name}:{self.lines[full]}" if full else self.name

    def layer(self, path: str) -> Layer:
        try:
            typed = msgspec.convert(self.raw, PolicyFile)
        except msgspec.ValidationError as error:
            raise self._wrong(str(error)) from error
        extends = [typed.extends] if isinstance(typed.extends, str) else typed.extends
        return Layer(
            file=self.path,
            name=self.name,
            extends=tuple(
                Entry(str(Path(path).parent / file), self.where("extends", place))
                for place, file in enumerate(extends)
            ),
            requirements=tuple(
                self._requirement(place, need) for place, need in enumerate(typed.require)
            ),
            severities=tuple(
                Entry(pair, self.where("severity", pair[0])) for pair in typed.severity.items()
            ),
            ignores=tuple(
                Entry(leave, self.where("ignore", place))
                for place, leave in enumerate(typed.ignore)
            ),
        )

    def _requirement(self, place: int, need: str | Need) -> Requirement:
        where = self.where("require", place)
        if isinstance(need, str):
            need = Need(expr=need)
        try:
            return parse(need.expr, where=where, severity=need.severity, reason=need.reason)
        except ExpressionError as error:
            raise PolicyError(f"{where}: {error}") from error

    def _wrong(self, message: str) -> PolicyError:
        """The sentence for what msgspec found wrong, with the line it is in."""
        problem, _, at = message.partition(" - at `$")
        path: list[str | int] = []
        for name, place in _AT.findall(at):
            if place == "...":
                path.append(self._odd_severity())
            else:
                path.append(name or int(place))
        quoted = re.search(r"field `(.*)`", problem)
        first = str(path[0]) if path else ""
        if quoted and "unknown" in problem:
            known = SHAPES[first].__struct_fields__
            hint = near(quoted[1], known) or f": there are {', '.join(known)}"
            return PolicyError(
                f"{self.where(*path, quoted[1])}: no key is called {quoted[1]!r}{hint}"
            )
        if quoted:
            return PolicyError(
                f"{self.where(*path)}: {quoted[1]} is missing, {EXPECTED[quoted[1]]}"
            )
        names = [part for part in path if isinstance(part, str)]
        subject = next((name for name in reversed(names) if name in EXPECTED), "")
        if not subject:
            return PolicyError(f"{self.where(*path)}: this must be a table")
        return PolicyError(f"{self.where(*path)}: {names[-1]} must be {EXPECTED[subject]}")

    def _odd_severity(self) -> str:
        levels = ("error", "warning", "note")
        return next((k for k, v in self.raw["severity"].items() if v not in levels), "")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder above may not be searched
        return False


def _has_table(path: str) -> bool:
    name = shown(path)
    text = _text(path, name)
    if TABLE[1] not in text:  # of no concern to us, even when it is broken
        return False
    tool = _toml(text, name).get(TABLE[0])
    return isinstance(tool, dict) and TABLE[1] in tool


def _text(path: str, name: str) -> str:
    try:
        mode = Path(path).stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or _PIPE.fullmatch(path)):
            raise PolicyError(f"{name}: not a regular file")
        with open(path, "rb") as stream:
            data = stream.read(LIMIT + 1)
    except OSError as error:
        raise PolicyError(f"{name or repr(path)}: {error.strerror or error}") from error
    except ValueError as error:  # a NUL byte in the path
        raise PolicyError(f"{name!r}: {error}") from error
    if len(data) > LIMIT:
        raise PolicyError(f"{name}: larger than {LIMIT >> 20} MiB, no policy is")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise PolicyError(f"{name}: not UTF-8 text ({error.reason})") from error


def _toml(text: str, name: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said, _, place = str(error).rpartition(" (at ")
        number = re.match(r"line (\d+)", place)
        line = number[1] if number else text.rstrip().count("\n") + 1
        raise PolicyError(f"{name}:{line}: {said}") from error
    except (RecursionError, ValueError, OverflowError) as error:  # nested too deep, an odd number
        raise PolicyError(f"{name}: {error}") from error
