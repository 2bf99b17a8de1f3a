"""How text may look on this output: width, colour, characters. Must not know what is printed."""

import os
import re
import shutil
import textwrap
from collections.abc import Mapping
from typing import TextIO

import msgspec

from envcheck.finding import Severity

_ANSI = {"bold": "1", "dim": "2", "red": "31", "yellow": "33", "green": "32", "blue": "34"}
_MARKS = {
    True: {"error": "✗", "warning": "!", "note": "·", "ok": "✓", "dot": " · "},
    False: {"error": "x", "warning": "!", "note": "-", "ok": "ok", "dot": ", "},
}
_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "blue"}
# Control characters, and the marks that reorder text: data must not steer a terminal.
# Nor can what is no character (half a surrogate pair, from a file's name) be written anywhere.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufeff\ufffe\uffff\U000e0000-\U000e007f]"
)


class Style(msgspec.Struct, frozen=True):
    """What the output can show. The default suits a file or a pipe."""

    width: int = 80  # columns
    colour: bool = False
    unicode: bool = True
    verbose: bool = False

    def paint(self, text: str, *names: str) -> str:
        if not self.colour or not names:
            return text
        return f"\x1b[{';'.join(_ANSI[name] for name in names)}m{text}\x1b[0m"

    def ascii(self) -> "Style":
        """The same, for a terminal without Unicode."""
        return msgspec.structs.replace(self, unicode=False)

    def mark(self, name: str) -> str:
        return _MARKS[self.unicode][name]

    def severity(self, severity: Severity) -> str:
        return self.paint(self.mark(severity.value), "bold", _COLOURS[severity])

    def wrap(self, text: str, indent: str, hanging: str | None = None) -> list[str]:
        """Lines of at most `width` columns; a word longer than a line is left whole (paths)."""
        return textwrap.wrap(
            plain(text),
            max(self.width, len(indent) + 20),
            initial_indent=indent,
            subsequent_indent=indent if hanging is None else hanging,
            break_long_words=False,
            break_on_hyphens=False,
        )


def style_for(stream: TextIO, environ: Mapping[str, str], *, verbose: bool = False) -> Style:
    """The style of a stream: colour on a terminal unless NO_COLOR, ASCII where it cannot encode."""
    tty = stream.isatty()
    colour = tty and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    colour = colour or environ.get("FORCE_COLOR", "0") not in ("", "0")
    columns = shutil.get_terminal_size((100, 24)).columns if tty else 100
    return Style(
        width=max(40, min(columns, 100)),
        colour=colour,
        unicode=_encodes(stream),
        verbose=verbose,
    )


def _encodes(stream: TextIO) -> bool:
    try:
        "✗✓·—".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return os.environ.get("TERM") != "linux"  # the kernel's console font has no such signs


def plain(text: str) -> str:
    """Text with control and reordering characters written as escapes; newlines become spaces."""
    text = text.replace("\r\n", " ").replace("\n", " ").replace("\t", " ")
    return _UNSAFE.sub(lambda match: f"\\x{ord(match.group()):02x}", text)
