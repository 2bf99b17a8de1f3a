"""The report as one self-contained HTML page: no script, nothing from elsewhere. Pure."""

from collections.abc import Iterator

import msgspec

from envcheck.facts import FACT_NAMES, NOT_ASKED, Snapshot
from envcheck.finding import NOTE, Finding, Remedy, Severity
from envcheck.render.html_style import STYLE
from envcheck.render.page import page, text
from envcheck.render.style import Style
from envcheck.render.summary import summary
from envcheck.render.words import SAFETY, addresses, links, reasons, tally
from envcheck.report import Report

_SAID = {
    "fit": "Fit for PyTorch",
    "unfit": "Not fit for PyTorch",
    "unknown": "Could not be judged",
}
_MEANS = {
    "fit": "Everything decisive was judged; nothing found makes it unfit.",
    "unfit": "The findings below say what was seen, what is needed, and what mends it.",
    "unknown": "A decisive check could not be judged; nothing counts as passed that was not seen.",
}
_CIRCLE = '<circle cx="12" cy="12" r="9.5"/>'
_ICONS = {
    "error": f'{_CIRCLE}<path d="m9 9 6 6m0-6-6 6"/>',
    "warning": '<path d="M12 3.2 2.4 20h19.2zM12 10v4.5m0 2.6v.1"/>',
    "note": f'{_CIRCLE}<path d="M12 11.5v5m0-8.6v.1"/>',
    "ok": f'{_CIRCLE}<path d="m8 12.3 2.8 2.7L16 9.5"/>',
}
_ICON = {"fit": "ok", "unfit": "error", "unknown": "warning"}
# Of these there may be many lines: they stand below the findings.
_LONG = {"trials", "dataset"}
_SHORT = set(FACT_NAMES) - _LONG


def render(report: Report, style: Style) -> str:
    """The whole page."""
    counts = ", ".join(tally(report))
    parts = [
        _header(report),
        *_facts("What was found", _without(report.snapshot, _LONG)),
        *_findings(report.findings),
        *_facts("Proofs and data sets", _without(report.snapshot, _SHORT), "wide"),
        "<h2>Every check</h2>",
        *_others(report),
        _footer(report),
    ]
    title = text(f"envcheck: {report.verdict}, {counts}")
    return page(title, "<main>\n" + "\n".join(parts) + "\n</main>", STYLE)


def _icon(name: str) -> str:
    return f'<svg viewBox="0 0 24 24" aria-hidden="true">{_ICONS[name]}</svg>'


def _pill(words: str, tone: str = "") -> str:
    return f'<span class="pill {tone}">{_icon(tone) if tone else ""}{text(words)}</span>'


def _header(report: Report) -> str:
    pills = "".join(f"<li>{_pill(words, _tone(words))}</li>" for words in tally(report))
    return (
        f'<header class="{report.verdict}">{_icon(_ICON[report.verdict])}'
        f"<div><h1>{_SAID[report.verdict]}</h1><p>{_MEANS[report.verdict]}</p>"
        f'<ul class="tally">{pills}</ul></div></header>'
    )


def _tone(words: str) -> str:
    for severity in Severity:
        if f" {severity.value}" in words:
            return severity.value
    return "ok" if "passed" in words else "error" if "crashed" in words else ""


def _without(snapshot: Snapshot, names: set[str]) -> Snapshot:
    return msgspec.structs.replace(snapshot, **dict.fromkeys(names, NOT_ASKED))


def _facts(title: str, snapshot: Snapshot, kind: str = "short") -> Iterator[str]:
    lines = "".join(
        f"<dt>{text(label)}</dt><dd>{text(said)}</dd>" for label, said in summary(snapshot)
    )
    if lines:
        yield f'<h2>{title}</h2>\n<section><dl class="{kind}">{lines}</dl></section>'


def _findings(findings: tuple[Finding, ...]) -> Iterator[str]:
    if findings:
        yield f"<h2>Finding{'s' if len(findings) > 1 else ''}</h2>"
        yield from map(_finding, findings)


def _finding(finding: Finding) -> str:
    severity = (finding.severity or NOTE).value
    title = f"<h3>{text(finding.title)}</h3>" if finding.title else ""
    about = f'<span class="pill about">{text(finding.subject)}</span>' if finding.subject else ""
    return (
        f'<article class="{severity}"><div class="what">{_pill(severity, severity)}'
        f'<span class="code"><b>{text(finding.code)}</b> {text(finding.name)}</span>{about}</div>'
        f"{title}<p>{text(finding.message)}</p>"
        f"{_fix(finding.remedy)}{_evidence(finding)}{_links(finding)}</article>"
    )


def _fix(remedy: Remedy | None) -> str:
    if remedy is None:
        return ""
    note = SAFETY[remedy.safety]
    needs = f"<small>{text(note)}</small>" if note else ""
    lines = "".join(f"<code>{text(command)}</code>" for command in remedy.commands)
    commands = f'<pre title="A click selects the whole command">{lines}</pre>' if lines else ""
    return f'<p class="label">Fix{needs}</p><p>{_linked(remedy.text)}</p>{commands}'


def _evidence(finding: Finding) -> str:
    if not finding.evidence:
        return ""
    rows = "".join(
        f"<tr><td><code>{text(one.what)}</code></td><td><code>{text(one.value)}</code></td>"
        f'<td class="from"><code>{text(one.source)}</code></td></tr>'
        for one in finding.evidence
    )
    return (
        '<p class="label">Evidence</p><table><thead><tr><th>Fact</th><th>Value</th>'
        f"<th>Read from</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _links(finding: Finding) -> str:
    items = "".join(f"<li>{_link(link, _short(link))}</li>" for link in links(finding))
    return f'<ul class="links">{items}</ul>' if items else ""


def _short(link: str) -> str:
    """ "docs.nvidia.com … minor-version-compatibility" """
    host, _, path = link.removeprefix("https://").removeprefix("www.").partition("/")
    last = path.rstrip("/").rpartition("/")[2].removesuffix(".html")
    return f"{host} … {last}" if last else host


def _link(address: str, words: str) -> str:
    return f'<a href="{text(address)}" rel="noreferrer noopener">{text(words)}</a>'


def _linked(words: str) -> str:
    """Text in which web addresses can be followed."""
    return "".join(
        _link(part, part) if address else text(part) for part, address in addresses(words)
    )


def _others(report: Report) -> Iterator[str]:
    """What is not a finding, folded; open where it is the reason of the verdict."""
    crashed = [(f"{one.code} {one.name}", one.error) for one in report.crashed]
    yield from _folded("Crashed", "a defect of envcheck: please report it", _held(crashed), True)
    held = [(", ".join(names), why) for why, names in reasons(report).items()]
    count = len({skip.code for skip in report.skipped})
    unsure = report.verdict == "unknown"
    yield from _folded("Could not be judged", f"{count}", _held(held), unsure)
    ignored = [
        (
            f"{one.finding.code} {one.finding.name} [{one.finding.subject}]",
            f"{one.reason} (until {one.until}, {one.where}). {one.finding.message}",
        )
        for one in report.ignored
    ]
    yield from _folded("Ignored by policy", f"{len(ignored)}", _held(ignored))
    for title, ran in (("Passed", report.passed), ("Not applicable here", report.not_applicable)):
        items = "".join(
            f'<li class="code"><b>{text(one.code)}</b> {text(one.name)}</li>' for one in ran
        )
        content = f'<ul class="checks">{items}</ul>' if items else ""
        yield from _folded(title, f"{len(ran)}", content)


def _held(rows: list[tuple[str, str]]) -> str:
    items = "".join(
        f'<li><span class="code">{text(names)}</span><p>{text(why)}</p></li>' for names, why in rows
    )
    return f'<ul class="held">{items}</ul>' if items else ""


def _folded(title: str, count: str, content: str, opened: bool = False) -> Iterator[str]:
    if content:
        start = "<details open>" if opened else "<details>"
        yield (
            f"{start}<summary>{title}<span>{count}</span></summary>"
            f'<div class="inside">{content}</div></details>'
        )


def _footer(report: Report) -> str:
    said = [report.tool, f"exit code {report.exit_code}"]
    if report.snapshot.taken:
        said.insert(1, report.snapshot.taken)
    if "total" in report.durations:
        said.append(f"{report.durations['total']:.2f} s")
    if report.findings:
        said.append(f"envcheck explain {report.findings[0].code} tells more")
    return f"<footer>{text(' · '.join(said))}</footer>"
