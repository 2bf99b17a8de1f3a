"""A fleet for people, as text and as Markdown: findings, kinds, outliers, drift, the unread."""

from collections.abc import Iterable, Iterator

from envcheck.finding import Severity
from envcheck.fleet.model import Drift, Fleet, Group, Odd, Outlier, Problem
from envcheck.fleet.nodeset import fold
from envcheck.render.markdown import block, code, inline
from envcheck.render.style import Style, plain
from envcheck.render.words import clip, mend

MOST = 15  # outliers of a kind, facts that drifted, machines not read: unless asked for all
VALUES = 5  # odd values of one fact
HOSTS = 120  # characters of host names
EVERYTHING = 1 << 30


def counted(number: int, what: str = "machine") -> str:
    """ "1 machine", "200 machines"."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def tally(fleet: Fleet) -> str:
    """How many machines are fit, unfit, unknown, unreachable, and files unreadable."""
    unreachable = sum(one.unreachable for one in fleet.unread)
    counts = {
        **{verdict: fleet.verdicts.get(verdict, 0) for verdict in ("unfit", "unknown", "fit")},
        "unreachable": unreachable,
        "unreadable": len(fleet.unread) - unreachable,
    }
    said = ", ".join(f"{number} {word}" for word, number in counts.items() if number)
    return f"{counted(len(fleet.machines) + len(fleet.unread))}: {said}"


def render_text(fleet: Fleet, style: Style) -> str:
    """For a terminal; `style.verbose` shows every outlier and every host."""
    lines = [style.paint(plain(tally(fleet)), "bold")]
    for problem in fleet.problems:
        lines += ["", *_problem(problem, style)]
    for group in fleet.groups:
        lines += ["", *_group(group, style)]
    if fleet.drift is not None:
        lines += ["", style.paint("Drift from the golden snapshot", "bold")]
        most = EVERYTHING if style.verbose else MOST
        for row in fleet.drift[:most]:
            lines += style.wrap(f"{row.path}: {row.golden}; {_odd(row.odd, style)}", "  ", "    ")
        lines += _more(len(fleet.drift) - most, style)
        lines += [] if fleet.drift else ["  none"]
    if fleet.unread:
        lines += ["", style.paint("Not judged", "bold")]
        most = EVERYTHING if style.verbose else MOST
        for one in fleet.unread[:most]:
            word = "unreachable" if one.unreachable else f"{one.source} unreadable"
            lines += style.wrap(f"{one.host}: {word}: {clip(one.why, 300)}", "  ", "    ")
        lines += _more(len(fleet.unread) - most, style)
    return "\n".join(lines) + "\n"


def render_markdown(fleet: Fleet, style: Style) -> str:
    """To paste into an issue; foreign text stays text."""
    lines = [f"## {inline(tally(fleet))}", ""]
    if fleet.problems:
        lines += ["| | finding | machines | which |", "|---|---|---|---|"]
        lines += [
            f"| {problem.severity.value} | {code(problem.code)} {inline(problem.name)} "
            f"| {len(problem.hosts)} | {inline(clip(fold(problem.hosts), HOSTS))} |"
            for problem in fleet.problems
        ]
        lines.append("")
    for problem in fleet.problems:
        lines += [f"**{code(problem.code)} {inline(problem.name)}**: {inline(problem.message)}", ""]
        if problem.remedy is not None:
            lines += [f"Fix: {inline(mend(problem.remedy))}", ""]
            lines += [block(problem.remedy.commands), ""] if problem.remedy.commands else []
    for group in fleet.groups:
        lines += [f"### {inline(f'{len(group.hosts)} of {group.kind}')}", "", _verdicts(group), ""]
        lines += _markdown_rows(group.outliers, style)
    if fleet.drift is not None:
        lines += ["### Drift from the golden snapshot", "", *_markdown_rows(fleet.drift, style)]
    if fleet.unread:
        lines += ["### Not judged", ""]
        lines += [f"- {inline(f'{one.host}: {clip(one.why, 300)}')}" for one in fleet.unread]
    return "\n".join(lines).rstrip("\n") + "\n"


def hosts(names: Iterable[str], style: Style) -> str:
    """Names folded; cut unless everything is asked for."""
    return fold(names) if style.verbose else clip(fold(names), HOSTS)


def outlier(row: Outlier, style: Style) -> str:
    """ "3 of 200 have 535.104, the others 550.54: n[1-3]"."""
    odd = sum(len(one.hosts) for one in row.odd)
    total, common = row.share + odd, clip(row.common, 80)
    have = "has" if odd == 1 else "have"
    if len(row.odd) == 1:
        value = clip(row.odd[0].value, 80)
        which = hosts(row.odd[0].hosts, style)
        return f"{row.path}: {odd} of {total} {have} {value}, the others {common}: {which}"
    return f"{row.path}: {odd} of {total} {have} not {common} but {_odd(row.odd, style)}"


def _problem(problem: Problem, style: Style) -> Iterator[str]:
    mark = style.severity(problem.severity)
    head = f"{problem.code} {problem.name}"
    yield f"{mark} {style.paint(head, 'bold')}  {counted(len(problem.hosts))}"
    yield from style.wrap(hosts(problem.hosts, style), "    ")
    yield from style.wrap(problem.message, "    ")
    if problem.remedy is not None:
        yield from style.wrap(f"Fix: {mend(problem.remedy)}", "    ", "      ")
        for command in problem.remedy.commands:
            yield f"      {plain(command)}"


def _group(group: Group, style: Style) -> Iterator[str]:
    head = f"{len(group.hosts)} of {group.kind}"
    yield f"{style.paint(plain(head), 'bold')}  {_verdicts(group)}"
    most = EVERYTHING if style.verbose else MOST
    for row in group.outliers[:most]:
        yield from style.wrap(outlier(row, style), "    ", "      ")
    yield from _more(len(group.outliers) - most, style, "    ")


def _verdicts(group: Group) -> str:
    return ", ".join(
        f"{group.verdicts[verdict]} {verdict}"
        for verdict in ("unfit", "unknown", "fit")
        if group.verdicts.get(verdict)
    )


def _odd(odd: tuple[Odd, ...], style: Style) -> str:
    shown = odd if style.verbose else odd[:VALUES]
    parts = [f"{clip(one.value, 80)} on {hosts(one.hosts, style)}" for one in shown]
    return "; ".join(parts) + ("; …" if len(shown) < len(odd) else "")


def _markdown_rows(rows: Iterable[Outlier | Drift], style: Style) -> list[str]:
    lines = []
    for row in rows:
        said = (
            outlier(row, style)
            if isinstance(row, Outlier)
            else f"{row.path}: {row.golden}; {_odd(row.odd, style)}"
        )
        lines.append(f"- {inline(said)}")
    return [*lines[:MOST], *([f"- and {len(lines) - MOST} more"] if len(lines) > MOST else []), ""]


def _more(number: int, style: Style, indent: str = "  ") -> list[str]:
    return [style.paint(f"{indent}and {number} more: --verbose", "dim")] if number > 0 else []


def worst(severities: Iterable[Severity]) -> Severity | None:
    """The worst of them; None where there are none."""
    return max(severities, key=lambda severity: severity.rank, default=None)
