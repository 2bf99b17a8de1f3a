"""A fleet as one self-contained HTML page: findings and kinds to open, machines to search."""

from collections import Counter
from collections.abc import Iterator

from envcheck.finding import Remedy, Severity
from envcheck.fleet.model import Drift, Fleet, Group, Machine, Problem
from envcheck.fleet.nodeset import fold
from envcheck.render.fleet import counted, outlier, tally
from envcheck.render.page import page, text
from envcheck.render.style import Style
from envcheck.render.words import clip, mend

HOSTS = 20_000  # characters of folded host names
ROWS = 500  # facts of one kind, or of the drift
_EVERYTHING = Style(verbose=False)

_STYLE = """
.bar{display:block;width:100%;height:10px;border-radius:5px;margin:.5em 0}
.fit{fill:var(--mem)}.unknown{fill:var(--soft)}.unfit{fill:var(--bad)}
details{background:var(--card);border:1px solid var(--rule);border-radius:8px;margin:0 0 8px;
padding:0 14px}
summary{cursor:pointer;padding:10px 0;overflow-wrap:anywhere}
details details{border:0;padding:0}
summary b{font-weight:600}summary .n{float:right;color:var(--soft);margin-left:1em}
details>:not(summary){margin:0 0 12px}
.error{color:var(--bad)}.warning{color:var(--watts)}.note{color:var(--link)}
.hosts{color:var(--soft);overflow-wrap:anywhere;font-size:.92em}
pre{overflow-x:auto;background:var(--page);border:1px solid var(--rule);border-radius:6px;
padding:8px 10px;font:13px/1.5 ui-monospace,Menlo,Consolas,monospace}
ul{padding-left:1.2em}li{margin:.25em 0;overflow-wrap:anywhere}
.search{position:sticky;top:0;background:var(--page);padding:8px 0;z-index:1}
input{width:100%;font:inherit;padding:10px 12px;border:1px solid var(--rule);border-radius:8px;
background:var(--card);color:var(--ink)}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:5px 10px 5px 0;border-top:1px solid var(--rule);
overflow-wrap:anywhere;vertical-align:top}
th{color:var(--soft);font-weight:400}
tbody{content-visibility:auto}
td.fit{color:var(--mem)}td.unfit{color:var(--bad)}td.unknown{color:var(--soft)}
[hidden]{display:none}
@media (max-width:600px){.kind{display:none}}
"""
# Hides the rows that do not hold every word searched for. Without it all rows are there.
_SCRIPT = """
const box=document.querySelector("input"),count=document.querySelector("#count");
const rows=[...document.querySelectorAll("tbody tr")].map(r=>[r,r.textContent.toLowerCase()]);
const find=()=>{const words=box.value.toLowerCase().split(/\\s+/).filter(Boolean);let n=0;
for(const[r,t]of rows){const on=words.every(w=>t.includes(w));r.hidden=!on;n+=on}
count.textContent=words.length?n+" of "+rows.length:rows.length;
if(words.length)document.querySelector("#machines").open=true};
let wait;box.addEventListener("input",()=>{clearTimeout(wait);wait=setTimeout(find,120)});
box.parentElement.hidden=false;
"""


def render_page(fleet: Fleet) -> str:
    """The whole page."""
    body = [
        f"<h1>{text(tally(fleet))}</h1>",
        _bar(Counter(fleet.verdicts)),
        '<div class="search" hidden><input type="search" autocomplete="off"'
        ' placeholder="Search machines: name, kind, verdict, code" aria-label="Search machines">'
        "</div>",
        _machines(fleet),
    ]
    if fleet.problems:
        body += ["<h2>Findings</h2>", *map(_problem, fleet.problems)]
    body += ["<h2>Kinds of machine</h2>", *map(_group, fleet.groups)]
    if fleet.drift is not None:
        body += ["<h2>Drift from the golden snapshot</h2>", _drift(fleet.drift)]
    if fleet.unread:
        body += ["<h2>Not judged</h2>", _unread(fleet)]
    return page("Fleet", f"<main>{''.join(body)}</main>", _STYLE, _SCRIPT)


def _bar(verdicts: Counter[str]) -> str:
    total, place, parts = sum(verdicts.values()), 0.0, []
    for verdict in ("unfit", "unknown", "fit"):
        width = 100 * verdicts[verdict] / total if total else 0
        if width:
            parts.append(
                f'<rect class="{verdict}" x="{place:.2f}%" width="{width:.2f}%" height="10"/>'
            )
        place += width
    said = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.items())
    return f'<svg class="bar" role="img" aria-label="{text(said)}">{"".join(parts)}</svg>'


def _problem(problem: Problem) -> str:
    severity = problem.severity.value
    return (
        f'<details><summary><span class="n">{counted(len(problem.hosts))}</span>'
        f'<b class="{severity}">{text(problem.code)}</b> <b>{text(problem.name)}</b>'
        f" <small>{severity}</small></summary>"
        f"<p>{text(problem.message)}</p>{_remedy(problem.remedy)}"
        f'<p class="hosts">{text(clip(fold(problem.hosts), HOSTS))}</p></details>'
    )


def _remedy(remedy: Remedy | None) -> str:
    if remedy is None:
        return ""
    commands = "\n".join(text(command) for command in remedy.commands)
    return f"<p>Fix: {text(mend(remedy))}</p>" + (f"<pre>{commands}</pre>" if commands else "")


def _group(group: Group) -> str:
    verdicts = Counter(group.verdicts)
    rows = "".join(f"<li>{text(outlier(row, _EVERYTHING))}</li>" for row in group.outliers[:ROWS])
    most = len(group.outliers) - ROWS
    rows += f"<li>and {most} more</li>" if most > 0 else ""
    odd = f"{counted(len(group.outliers), 'outlier')}" if group.outliers else "all alike"
    return (
        f"<details{' open' if group.outliers else ''}>"
        f'<summary><span class="n">{odd}</span><b>{len(group.hosts)}</b> of {text(group.kind)}'
        f"</summary>{_bar(verdicts)}<ul>{rows}</ul>"
        f"<details><summary><small>{counted(len(group.hosts))}</small></summary>"
        f'<p class="hosts">{text(clip(fold(group.hosts), HOSTS))}</p></details></details>'
    )


def _drift(rows: tuple[Drift, ...]) -> str:
    if not rows:
        return "<p>None.</p>"
    return "".join(
        f'<details><summary><span class="n">{counted(sum(len(o.hosts) for o in row.odd))}</span>'
        f"<b>{text(row.path)}</b> <small>golden: {text(clip(row.golden, 200))}</small></summary>"
        "<ul>"
        + "".join(
            f'<li>{text(clip(odd.value, 200))}<br><span class="hosts">'
            f"{text(clip(fold(odd.hosts), HOSTS))}</span></li>"
            for odd in row.odd
        )
        + "</ul></details>"
        for row in rows[:ROWS]
    ) + (f"<p>and {len(rows) - ROWS} more</p>" if len(rows) > ROWS else "")


def _unread(fleet: Fleet) -> str:
    rows = "".join(
        f"<li><b>{text(one.host)}</b> {'unreachable' if one.unreachable else 'unreadable'}:"
        f" {text(clip(one.why, 300))}</li>"
        for one in fleet.unread
    )
    return f"<details open><summary>{counted(len(fleet.unread))}</summary><ul>{rows}</ul></details>"


def _machines(fleet: Fleet) -> str:
    rows = "".join(_rows(fleet.machines))
    return (
        f'<details id="machines"><summary><span class="n" id="count">{len(fleet.machines)}</span>'
        "<b>Machines</b></summary><table><thead><tr><th>machine<th>verdict"
        f'<th>findings<th class="kind">kind</thead><tbody>{rows}</tbody></table></details>'
    )


def _rows(machines: tuple[Machine, ...]) -> Iterator[str]:
    for machine in machines:
        codes = dict.fromkeys((said.code, said.severity) for said in machine.findings)
        said = " ".join(f'<span class="{_word(s)}">{text(c)}</span>' for c, s in codes)
        yield (
            f'<tr><td>{text(machine.host)}<td class="{machine.verdict}">{machine.verdict}'
            f'<td>{said}<td class="kind">{text(machine.kind)}'
        )


def _word(severity: Severity) -> str:
    return severity.value
