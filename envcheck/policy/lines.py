"""Where each key and value of a TOML text stands. Must not know what they mean.

tomllib gives values without their places; this walks over text that it has already accepted.
"""

import contextlib
import re
from bisect import bisect_right

Keys = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"[ \t]*(?:\"((?:[^\"\\\n]|\\.)*)\"|'([^'\n]*)'|([\w-]+))[ \t]*")
_TEXT = re.compile(
    r"\"\"\"(?:[^\\]|\\.)*?\"\"\"+|'''.*?'''+|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'", re.DOTALL
)
_PLAIN = re.compile(r"[^,\]}#\n]*")


def lines_of(text: str) -> dict[Keys, int]:
    """Line numbers, from 1, of every key, table and element of a list in a TOML text."""
    walk = _Walk(text)
    with contextlib.suppress(_Odd, RecursionError):  # what was found up to there is right
        walk.document()
    return walk.found


class _Odd(Exception):
    """The text is not as expected here."""


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Keys, int] = {}
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._tables: dict[Keys, int] = {}  # lists of tables: how many there are

    def document(self) -> None:
        here: Keys = ()
        while True:
            self._skip(_BLANK)
            if self.at >= len(self.text):
                return
            if self.text.startswith("[", self.at):
                here = self._header()
            else:
                self._pair(here)

    def _header(self) -> Keys:
        many = self.text.startswith("[[", self.at)
        start = self.at
        self.at += 2 if many else 1
        names = self._names()
        self.at += 2 if many else 1
        path: Keys = ()
        for name in names[:-1]:
            self._note((*path, name), start)
            path = self._last((*path, name))
        path = (*path, names[-1])
        self._note(path, start)
        if many:
            self._tables[path] = self._tables.get(path, 0) + 1
        path = self._last(path)
        self._note(path, start)
        return path

    def _last(self, path: Keys) -> Keys:
        """The table now open in a list of tables; any other path as it is."""
        count = self._tables.get(path)
        return path if count is None else (*path, count - 1)

    def _pair(self, here: Keys) -> None:
        start = self.at
        path = here
        for name in self._names():
            path = (*path, name)
            self._note(path, start)
        self._expect("=")
        self._value(path)

    def _value(self, path: Keys) -> None:
        self._skip(re.compile(r"[ \t]*"))
        if self.text.startswith("[", self.at):
            self._list(path)
        elif self.text.startswith("{", self.at):
            self._table(path)
        elif not self._skip(_TEXT):
            self._skip(_PLAIN)

    def _list(self, path: Keys) -> None:
        self.at += 1
        place = 0
        while True:
            self._skip(_BLANK)
            if self.text.startswith("]", self.at):
                self.at += 1
                return
            self._note((*path, place), self.at)
            self._value((*path, place))
            place += 1
            self._skip(_BLANK)
            if not self.text.startswith("]", self.at):
                self._expect(",")

    def _table(self, path: Keys) -> None:
        self.at += 1
        while True:
            self._skip(_BLANK)
            if self.text.startswith("}", self.at):
                self.at += 1
                return
            self._pair(path)
            self._skip(_BLANK)
            if not self.text.startswith("}", self.at):
                self._expect(",")

    def _names(self) -> list[str]:
        names = []
        while True:
            key = _KEY.match(self.text, self.at)
            if not key:
                raise _Odd
            names.append(next(part for part in key.groups() if part is not None))
            self.at = key.end()
            if not self.text.startswith(".", self.at):
                return names
            self.at += 1

    def _skip(self, form: "re.Pattern[str]") -> bool:
        match = form.match(self.text, self.at)
        if not match or match.end() == self.at:
            return False
        self.at = match.end()
        return True

    def _expect(self, sign: str) -> None:
        if not self.text.startswith(sign, self.at):
            raise _Odd
        self.at += 1

    def _note(self, path: Keys, start: int) -> None:
        self.found.setdefault(path, bisect_right(self._ends, start - 1) + 1)
