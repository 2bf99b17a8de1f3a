"""Known error messages: what they look like, what causes them, what mends them.

Patterns are text, not regular expressions: `*` stands for up to 300 characters, so that matching
takes time in proportion to the text whatever it holds. Must not know any machine.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Literal

import msgspec

from envcheck.kb.pep440 import within
from envcheck.kb.rows import KnowledgeError, NonEmpty, Row, read_file

GAP = 300  # characters that one `*` may span
TRIES = 200  # places at which a pattern's first words are tried
SHORT = 4  # characters of text a pattern must begin with

Safety = Literal["safe", "root", "reboot", "manual"]


class Variant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another remedy, for certain versions of a package."""

    package: NonEmpty  # "torch"; "driver", "python", "nvenc" count as packages here
    versions: NonEmpty  # PEP 440 specifier
    fix: NonEmpty
    commands: tuple[str, ...] = ()
    safety: Safety = "manual"


class Issue(Row, frozen=True, kw_only=True):
    """One message with one cause. Several rows may know one message, with unlike causes."""

    id: NonEmpty
    name: NonEmpty  # slug of the cause
    component: NonEmpty  # "torch", "apt", "detectron2"
    title: NonEmpty
    find: tuple[NonEmpty, ...]  # any of these
    also: tuple[NonEmpty, ...] = ()  # and, anywhere in the text, one of these
    unless: tuple[NonEmpty, ...] = ()  # and nowhere any of these
    hints: tuple[NonEmpty, ...] = ()  # each found anywhere makes this cause the likelier
    weight: int = 60  # 0 to 100: how surely the message has this cause
    certain: bool = False  # in a report it counts as a finding
    affected: str = ""  # versions concerned, for people
    package: str = ""  # with `versions`: the cause needs this package in these versions …
    versions: str = ""  # … so that a text which states another one speaks against it
    cause: NonEmpty
    fix: NonEmpty
    commands: tuple[str, ...] = ()
    safety: Safety = "manual"
    variants: tuple[Variant, ...] = ()
    example: NonEmpty
    counterexample: NonEmpty


class IssueFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    issue: tuple[Issue, ...]


class Hit(msgspec.Struct, frozen=True):
    """An issue whose message stands in a text: where, and how many of its hints do."""

    issue: Issue
    spans: tuple[tuple[int, int], ...]
    hints: int


class IssueTable:
    """Every known message."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        files: dict[str, Path] = {}
        for folder in folders:
            files.update((path.name, path) for path in sorted(folder.glob("*.toml")))
        rows = [row for path in files.values() for row in read_file(path, IssueFile).issue]
        self.rows = tuple(rows)
        self.by_id = {row.id: row for row in rows}
        if len(self.by_id) != len(rows):
            raise KnowledgeError("known_issues: an id stands twice")
        for row in rows:
            for pattern in row.find:
                if len(pattern.partition("*")[0]) < SHORT:
                    raise KnowledgeError(f"known_issues: {row.id}: {pattern!r} begins too short")
        self._stems = _stems([pattern for row in rows for pattern in row.find])

    def match(self, text: str) -> tuple[Hit, ...]:
        """The issues whose message stands in a text, in the order of the table."""
        flat = text.replace("\n", " ")  # a message may be broken over lines; places stay the same
        found: dict[str, tuple[tuple[int, int], ...]] = {}
        there: dict[str, bool] = {}

        def spans(pattern: str) -> tuple[tuple[int, int], ...]:
            if pattern not in found:
                stem = self._stems.get(pattern, "")
                if stem not in there:
                    there[stem] = stem in flat
                found[pattern] = _spans(pattern, flat) if there[stem] else ()
            return found[pattern]

        hits = []
        for row in self.rows:
            here = tuple(span for pattern in row.find for span in spans(pattern))
            if not here or (row.also and not any(map(spans, row.also))):
                continue
            if any(map(spans, row.unless)):
                continue
            hits.append(Hit(row, here, sum(bool(spans(hint)) for hint in row.hints)))
        return tuple(hits)

    def of(self, name: str) -> tuple[Issue, ...]:
        """Every message known to have this cause."""
        return tuple(row for row in self.rows if row.name == name)


def _stems(patterns: list[str]) -> dict[str, str]:
    """For each pattern a word of it that many share: where it is not, none of them is."""
    words = {pattern: set(re.findall(r"[^\s*]{5,}", pattern)) for pattern in patterns}
    shared = Counter(word for found in words.values() for word in found)
    return {
        pattern: max(found, key=lambda word: (shared[word], len(word), word))
        for pattern, found in words.items()
        if found
    }


def variant(issue: Issue, versions: dict[str, str]) -> Variant | None:
    """The remedy for the versions at hand, where it differs from the issue's own."""
    for choice in issue.variants:
        if choice.package in versions and within(versions[choice.package], choice.versions):
            return choice
    return None


def _spans(pattern: str, flat: str, most: int = 3) -> tuple[tuple[int, int], ...]:
    """Where a pattern stands in a text of one line: its first places, as (start, end)."""
    first, *rest = pattern.split("*")
    spans: list[tuple[int, int]] = []
    start = flat.find(first)
    if start < 0 or any(part not in flat for part in rest):
        return ()
    tries = 0
    while start >= 0 and len(spans) < most and tries < TRIES:
        end = start + len(first)
        for part in rest:
            at = flat.find(part, end, end + GAP + len(part))
            if at < 0:
                break
            end = at + len(part)
        else:
            spans.append((start, end))
        tries += 1
        start = flat.find(first, start + len(first))
    return tuple(spans)
