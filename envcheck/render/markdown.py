"""The report as GitHub-flavoured Markdown, to paste into an issue or append to a job's summary.

https://github.github.com/gfm/
"""

import html
import re
from collections.abc import Iterable, Iterator

from envcheck.finding import NOTE, Evidence, Finding, Severity
from envcheck.render.style import Style, plain
from envcheck.render.summary import summary
from envcheck.render.words import addresses, clip, links, mend, reasons, tally
from envcheck.report import Report

MOST = 50  # findings; a page of GitHub's takes 64 KiB, a job's summary 1 MiB
_VALUES = 20  # of one finding
_WORDS = 600  # characters of a text; commands are never cut

_VERDICT = {"fit": "✅ fit", "unfit": "❌ unfit", "unknown": "❔ unknown"}
_SEVERITY = {Severity.ERROR: "❌ error", Severity.WARNING: "⚠️ warning", Severity.NOTE: "💬 note"}
_MARKUP = re.compile(r"[\\`*\[\]<>&|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_ENTITY = re.compile(r"[^\w\s./,;()+=-]|_")
# What GitHub and GitLab turn into links and notify people about: @name, #1, !1, a web address.
# Escapes do not stop them, a sign of no width does.
_REFERENCE = re.compile(
    r"(?<=[@~%])(?=\w)|(?<=[#!$&])(?=\d)|(?<=GH-)(?=\d)|(?<=:)(?=//)|(?<=www)(?=\.)", re.I
)


def render(report: Report, style: Style) -> str:
    """The verdict, what was found, a table of findings, and each one's evidence and mend folded."""
    blocks = [
        f"## envcheck: {_VERDICT[report.verdict]}",
        ", ".join(tally(report)),
        *_findings(report.findings),
        *_folded("What was found", [_table(("", ""), _found(report))]),
        *_folded("Ignored by policy", _ignored(report)),
        *_folded("Could not be judged", _undecided(report)),
        *(
            f"Crashed: {inline(f'{crash.code} {crash.name}: {crash.error}')}"
            for crash in report.crashed
        ),
        f"<sub>{inline(report.tool)}</sub>",
    ]
    return "\n\n".join(blocks) + "\n"


def _findings(findings: tuple[Finding, ...]) -> Iterator[str]:
    if not findings:
        return
    yield _table(
        ("", "Finding", "About", "Seen and needed"),
        (
            (
                _SEVERITY[finding.severity or NOTE],
                f"{code(finding.code)} {inline(finding.name)}",
                inline(finding.subject),
                inline(finding.message),
            )
            for finding in findings[:MOST]
        ),
    )
    if len(findings) > MOST:
        yield f"and {len(findings) - MOST} more"
    for finding in findings[:MOST]:
        name = f"<code>{_html(finding.code)}</code> {_html(finding.name)}: evidence and fix"
        yield from _folded(name, list(_details(finding)), opened=finding is findings[0])


def _details(finding: Finding) -> Iterator[str]:
    if finding.title:
        yield f"**{inline(finding.title)}**"
    if finding.evidence:
        yield _table(("", "Value", "Read from"), map(_row, finding.evidence[:_VALUES]))
    if len(finding.evidence) > _VALUES:
        yield f"and {len(finding.evidence) - _VALUES} more"
    if finding.remedy is not None:
        yield f"Fix: {_linked(mend(finding.remedy))}"
        if finding.remedy.commands:
            yield block(finding.remedy.commands)
    if more := links(finding):
        yield "\n".join(f"- <{link}>" for link in more)


def _row(evidence: Evidence) -> tuple[str, ...]:
    return tuple(code(part) for part in (evidence.what, evidence.value, evidence.source))


def _found(report: Report) -> Iterator[tuple[str, ...]]:
    for label, text in summary(report.snapshot):
        yield f"**{inline(label)}**", inline(text)


def _ignored(report: Report) -> list[str]:
    rows = [
        (
            f"{code(one.finding.code)} {inline(one.finding.name)}",
            inline(one.finding.subject),
            inline(one.reason),
            f"{one.until}",
            code(one.where),
        )
        for one in report.ignored[:MOST]
    ]
    return [_table(("Finding", "About", "Why", "Until", "Said at"), rows)] if rows else []


def _undecided(report: Report) -> list[str]:
    rows = [(inline(", ".join(names)), inline(why)) for why, names in reasons(report).items()]
    return [_table(("Checks", "Because"), rows[:MOST])] if rows else []


def _folded(title: str, blocks: list[str], *, opened: bool = False) -> Iterator[str]:
    """A section that opens on a click. Blank lines around let Markdown inside be Markdown."""
    if blocks:
        start = "<details open>" if opened else "<details>"
        yield "\n\n".join([f"{start}<summary>{title}</summary>", *blocks, "</details>"])


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def inline(text: str) -> str:
    """Foreign text as Markdown that shows just this text: no markup, links or mentions."""
    return _MARKUP.sub(lambda match: f"\\{match.group()}", _bare(text))


def _linked(text: str) -> str:
    """Text in which web addresses can be followed."""
    pieces = addresses(clip(plain(text), _WORDS))
    return "".join(f"<{part}>" if address else inline(part) for part, address in pieces)


def _bare(text: str) -> str:
    return _REFERENCE.sub("\u200b", clip(plain(text).strip() or "–", _WORDS))


def _html(text: str) -> str:
    return html.escape(_bare(text))


def code(text: str) -> str:
    """Foreign text as a code span of a table's cell."""
    text = clip(plain(text), _WORDS).strip() or "–"
    if "|" in text:  # nothing escapes a bar behind a backslash within backticks
        return f"<code>{_ENTITY.sub(lambda match: f'&#{ord(match.group())};', _bare(text))}</code>"
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def block(commands: Iterable[str]) -> str:
    """Commands to copy."""
    lines = [plain(command) for command in commands]
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}sh", *lines, fence])
