"""Cleans pasted text: colours, line ends, quotation marks, fences, control characters.

Must not know what the text is about.
"""

import re

LONG = 200_000  # characters from which on a text is condensed
REPEATS = 3  # lines of one kind that are kept

_ANSI = re.compile(
    r"\x1b(?:\[[0-?]{0,32}[ -/]{0,8}[@-~]|\][^\x07\x1b\n]{0,256}(?:\x07|\x1b\\)|[@-Z^_])"
)
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)
_QUOTE = re.compile(r"(?:> ?){1,8}")
_FENCE = re.compile(r"(?:```|~~~)[\w+-]*")
_HTML = {"&gt;": ">", "&lt;": "<", "&quot;": '"', "&#39;": "'", "&nbsp;": " ", "\xa0": " "}


def clean(text: str) -> str:
    """The text with one kind of line end and nothing that only its frame had.

    Lines are stripped of blanks at both ends; nothing is reordered.
    """
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isprintable():
        text = _CONTROL.sub("", text)
    for entity, character in _HTML.items():
        if entity in text:
            text = text.replace(entity, character)
    lines = [line.strip() for line in text.split("\n")]
    quoted = sum(line.startswith(">") for line in lines)
    if quoted and quoted * 2 >= sum(map(bool, lines)):
        lines = [line[_quote(line) :].strip() for line in lines]
    if "```" in text or "~~~" in text:
        lines = [_FENCE.sub(" ", line).strip() for line in lines]
    return "\n".join(lines)


def condensed(text: str) -> str:
    """A long text without the lines that differ from earlier ones in their digits only.

    Training logs are made of them; messages are looked for in what is left.
    """
    if len(text) < LONG:
        return text
    lines = text.split("\n")
    bare = text.encode("utf-8", "replace").translate(None, b"0123456789").split(b"\n")
    seen: dict[bytes, int] = {}
    kept = []
    for line, key in zip(lines, bare, strict=True):
        count = seen.get(key, 0)
        if count < REPEATS:
            seen[key] = count + 1
            kept.append(line)
    return "\n".join(kept)


def _quote(line: str) -> int:
    match = _QUOTE.match(line)
    return match.end() if match else 0
