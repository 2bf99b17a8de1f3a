"""The report for people: what was found, each problem with its evidence and mend, the verdict."""

from collections.abc import Iterator

from envcheck.finding import NOTE, Finding
from envcheck.render.questions import questions
from envcheck.render.style import Style, plain
from envcheck.render.summary import summary
from envcheck.render.words import mend, read_at, reasons, tally
from envcheck.report import Report

LABEL = 12  # columns; a longer one would push everything to the right
_VERDICT = {"fit": "green", "unfit": "red", "unknown": "yellow"}


def render(report: Report, style: Style) -> str:
    """The report as text of at most `style.width` columns, ending in a newline."""
    return "\n".join((*_found(report, style), "", *judged(report, style))) + "\n"


def judged(report: Report, style: Style) -> Iterator[str]:
    """The lines below what was found: each finding, what could not be judged, the verdict."""
    for finding in report.findings:
        yield from _finding(finding, style)
        yield ""
    yield from _ignored(report, style)
    yield from _undecided(report, style)
    yield from _open(report, style)
    yield from _last(report, style)


def _found(report: Report, style: Style) -> Iterator[str]:
    rows = list(summary(report.snapshot))
    short = [len(label) for label, _ in rows if len(label) <= LABEL]
    margin = max(short, default=0) + 2
    for label, text in rows:
        lines = style.wrap(text, " " * margin) or [" " * margin]
        if len(label) > LABEL:  # stands on a line of its own
            yield style.paint(plain(label), "bold")
            yield from lines
            continue
        yield style.paint(plain(label).ljust(margin), "bold") + lines[0][margin:]
        yield from lines[1:]


def _finding(finding: Finding, style: Style) -> Iterator[str]:
    severity = finding.severity or NOTE
    head = style.paint(plain(f"{finding.code} {finding.name}"), "bold")
    subject = style.paint(f"[{plain(finding.subject)}]", "dim")
    yield f"{style.severity(severity)} {head} {subject}"
    yield from style.wrap(finding.message, "  ")
    for evidence in finding.evidence:
        for line in style.wrap(read_at(evidence), "    ", "      "):
            yield style.paint(line, "dim")
    remedy = finding.remedy
    if remedy is None:
        return
    yield from style.wrap(f"Fix: {mend(remedy)}", "  ", "       ")
    for command in remedy.commands:  # never wrapped: it must work when pasted
        yield style.paint(f"    {plain(command)}", "bold")


def _ignored(report: Report, style: Style) -> Iterator[str]:
    for one in report.ignored:
        found = one.finding
        head = f"{found.code} {found.name} [{found.subject}] is ignored until {one.until}"
        for line in style.wrap(f"{head}: {one.reason} ({one.where})", "", "  "):
            yield style.paint(line, "dim")
    if report.ignored:
        yield ""


def _undecided(report: Report, style: Style) -> Iterator[str]:
    asked = style.verbose or (report.verdict == "unknown" and report.snapshot.origin != "report")
    shown = asked and report.skipped
    if shown:
        yield style.paint("Could not be judged", "bold")
        for because, names in reasons(report).items():
            yield from style.wrap(f"{', '.join(names)}: {because}", "  ", "    ")
    for crash in report.crashed:
        yield style.paint(
            plain(f"{crash.code} {crash.name} crashed ({crash.error}): a defect of envcheck,")
            + " please report it",
            "red",
        )
    if style.verbose:
        for seconds, name in sorted(((s, n) for n, s in report.durations.items()), reverse=True):
            yield style.paint(f"  {plain(name):12} {seconds * 1000:6.0f} ms", "dim")
    if shown or report.crashed or style.verbose:
        yield ""


def _open(report: Report, style: Style) -> Iterator[str]:
    """What else a pasted report would have to hold."""
    asked = questions(report.snapshot)
    if asked:
        yield style.paint("To know more, run there and paste as well", "bold")
        for what, command in asked:
            yield f"  {command}"
            yield from style.wrap(what, "    ")
        yield ""


def _last(report: Report, style: Style) -> Iterator[str]:
    parts = tally(report)
    if "total" in report.durations:
        parts.append(f"{report.durations['total']:.2f} s")
    first, *others = style.wrap(f"{report.verdict}: {', '.join(parts)}", "", "  ")
    verdict = style.paint(report.verdict, "bold", _VERDICT[report.verdict])
    yield verdict + first.removeprefix(report.verdict)
    yield from others
    if report.findings:
        yield style.paint(f"envcheck explain {plain(report.findings[0].code)} tells more", "dim")
