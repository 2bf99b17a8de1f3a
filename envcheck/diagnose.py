"""Error text → known problems, the best first. Pure: the same text and knowledge, the same answer.

Must not know where the text came from, nor how the answer is printed.
"""

import re
from collections.abc import Iterable

from envcheck.diagnosis import Diagnosis, Match
from envcheck.finding import Remedy
from envcheck.kb import Knowledge
from envcheck.kb.known_issues import Hit, Issue, variant
from envcheck.kb.pep440 import within
from envcheck.readers.symptom import line_at
from envcheck.readers.text import clean, condensed

PER_HINT, MOST_HINTS = 6, 4  # what each word of context adds, and how many of them count
CONTRADICTED = 30  # what a stated version that the cause does not concern takes away
SHOWN = 3  # lines quoted for one cause
_AROUND = 100_000  # characters at both ends of a long text in which versions are looked for

_PACKAGES = (
    "torch|torchvision|torchaudio|numpy|setuptools|detectron2|pytorchvideo|av|pillow|triton|mkl|uv"
    "|flash[-_]attn|xformers|bitsandbytes|mmcv|pip"
)
_VERSION = re.compile(
    rf"(?<![\w./-])({_PACKAGES})(?:==|[- @]v?|[ ]+\(?v?)(\d{{1,4}}\.\d{{1,3}}(?:\.\d{{1,4}})?)",
    re.IGNORECASE,
)
_SPECIAL = (  # other things that have versions, as logs write them
    ("nvenc", re.compile(r"required nvenc API version\. Required: (\d{1,2}\.\d)")),
    ("driver", re.compile(r"[Dd]river [Vv]ersion[: ]{1,4}(\d{3}\.\d{2,3}(?:\.\d{1,2})?)")),
    ("python", re.compile(r"[Pp]ython(?:\s?|-|/python)(3\.\d{1,2})(?:\.\d{1,2})?")),
    ("uv", re.compile(r"uv (\d\.\d{1,2}\.\d{1,2})")),
)  # fmt: skip


def diagnose(text: str, kb: Knowledge, here: dict[str, str] | None = None) -> Diagnosis:
    """The known problems of a text. `here` are versions of this machine; the text's take precedence
    only where this machine does not say.
    """
    text = condensed(clean(text))
    hits = kb.issues.match(text)
    versions = {**stated(text), **(here or {})} if hits else dict(here or {})
    by_name: dict[str, list[tuple[float, Hit]]] = {}
    for hit in hits:
        by_name.setdefault(hit.issue.name, []).append((_score(hit, versions), hit))
    matches = [_match(group, text, versions) for group in by_name.values()]
    matches.sort(key=lambda match: -match.score)
    return Diagnosis(versions=versions, matches=tuple(matches))


def stated(text: str) -> dict[str, str]:
    """The versions that a text states: package → version, the first of each."""
    if len(text) > 2 * _AROUND:
        text = text[:_AROUND] + "\n" + text[-_AROUND:]
    found: dict[str, str] = {}
    for name, version in _VERSION.findall(text):
        found.setdefault(name.lower().replace("_", "-"), version)
    for name, pattern in _SPECIAL:
        match = pattern.search(text)
        if match:
            found.setdefault(name, match[1])
    return found


def _score(hit: Hit, versions: dict[str, str]) -> float:
    issue = hit.issue
    score = issue.weight + PER_HINT * min(hit.hints, MOST_HINTS)
    if issue.versions and issue.package in versions:
        inside = within(versions[issue.package], issue.versions)
        score += PER_HINT if inside else -CONTRADICTED
    return max(1, min(score, 100)) / 100


def _match(group: Iterable[tuple[float, Hit]], text: str, versions: dict[str, str]) -> Match:
    """All messages of one cause as one match, worded by the likeliest."""
    ranked = sorted(group, key=lambda pair: -pair[0])
    score, best = ranked[0]
    spans = sorted(span for _, hit in ranked for span in hit.spans)
    lines = dict.fromkeys(line_at(text, *span) for span in spans)
    links = dict.fromkeys(hit.issue.source for _, hit in ranked)
    return Match(
        name=best.issue.name,
        score=score,
        title=best.issue.title,
        cause=best.issue.cause,
        remedy=_remedy(best.issue, versions),
        lines=tuple(lines)[:SHOWN],
        links=tuple(link for link in links if link.startswith("https://")),
        component=best.issue.component,
        affected=best.issue.affected,
    )


def _remedy(issue: Issue, versions: dict[str, str]) -> Remedy:
    chosen = variant(issue, versions)
    if chosen is not None:
        return Remedy(chosen.fix, chosen.commands, chosen.safety)
    return Remedy(issue.fix, issue.commands, issue.safety)
