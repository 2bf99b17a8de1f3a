"""Remedies tried on the Snapshot: which to take, in which order, and which would break something.

Pure: a remedy says what it does to the Snapshot, and the rules judge the result.
"""

from collections.abc import Iterable, Sequence

from envcheck.facts import Snapshot
from envcheck.facts.paths import PathError, replace
from envcheck.finding import ERROR, NOTE, WARNING, Finding, Remedy, Severity
from envcheck.judge import judge
from envcheck.kb import Knowledge
from envcheck.mending import FixPlan, How, Refused, Step
from envcheck.rules.base import Rule

_WEIGHT = {ERROR: 100, WARNING: 10, NOTE: 1}
_EASE: dict[How, int] = {"run": 0, "shell": 1, "root": 2, "reboot": 3, "manual": 4}
_MOST = 50  # steps of one plan


def plan(
    snapshot: Snapshot, kb: Knowledge, rules: Sequence[Rule], codes: Iterable[str] = ()
) -> FixPlan:
    """The remedies for these findings (all, when none is named), those that solve most first."""
    wanted = set(codes)
    subject_of = {rule.code: rule.subject for rule in rules}
    paper, steps, refused = snapshot, [], []
    handled: set[tuple[str, str]] = set()
    found = _findings(paper, kb, rules)
    there = _keys(found)  # a note that a step brings on paper is nothing to mend here
    for _ in range(_MOST):
        open_ = [
            finding
            for finding in found
            if (not wanted or finding.code in wanted) and _key(finding) in there - handled
        ]
        best: tuple[tuple[int, int], Step, Snapshot] | None = None
        for remedy in _distinct(open_):
            own = [finding for finding in open_ if finding.remedy == remedy]
            after = _applied(paper, remedy)
            then = _findings(after, kb, rules) if remedy.effects else found
            broken = _new(found, then)
            if broken:
                refused.append(Refused(remedy, own[0].code, broken))
                handled |= {_key(finding) for finding in own}
                continue
            gone = [f for f in found if _key(f) in there - _keys(then)] if remedy.effects else own
            solved = list({_key(finding): finding for finding in (*own, *gone)}.values())
            step = _step(remedy, solved, subject_of)
            rank = (-sum(_WEIGHT[f.severity or NOTE] for f in solved), _EASE[step.how])
            if best is None or rank < best[0]:
                best = (rank, step, after)
        if best is None:
            break
        _, step, paper = best
        steps.append(step)
        handled |= {_key(finding) for finding in found if finding.code in step.solves}
        found = _findings(paper, kb, rules)
    left = tuple(
        finding
        for finding in _findings(snapshot, kb, rules)
        if finding.remedy is None and (not wanted or finding.code in wanted)
        if not any(finding.code in step.solves for step in steps)
    )
    return FixPlan(steps=tuple(steps), refused=tuple(refused), left=left)


def how(remedy: Remedy) -> How:
    """Who carries a remedy out."""
    if not remedy.commands:
        return remedy.safety if remedy.safety in ("root", "reboot") else "manual"
    if remedy.safety == "safe":
        return "run" if all(map(is_installer, remedy.commands)) else "shell"
    return remedy.safety


def is_installer(command: str) -> bool:
    """Whether a command is one of pip, uv or conda, and nothing else runs beside it."""
    import shlex

    if any(sign in command for sign in (";", "&", "|", "`", "$(", "\n", "<", ">")) and not _quoted(
        command
    ):
        return False
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    while words and "=" in words[0] and words[0].partition("=")[0].isidentifier():
        words = words[1:]
    if len(words) < 2:
        return False
    program = words[0].rpartition("/")[2]
    if program.startswith("python"):
        return words[1:3] == ["-m", "pip"]
    return program in ("pip", "pip3", "conda", "mamba", "micromamba") or (
        program == "uv" and words[1] == "pip"
    )


def _quoted(command: str) -> bool:
    """Whether the shell's signs in a command stand within quotes: "numpy<2"."""
    import re

    bare = re.sub(r"'[^']*'|\"[^\"$`]*\"", "", command)
    return not any(sign in bare for sign in (";", "&", "|", "`", "$(", "\n", "<", ">"))


def _step(remedy: Remedy, solved: list[Finding], subject_of: dict[str, str]) -> Step:
    ordered = sorted(solved, key=lambda f: (-(f.severity or NOTE).rank, f.code))
    return Step(
        remedy=remedy,
        how=how(remedy),
        solves=tuple(dict.fromkeys(finding.code for finding in ordered)),
        names=tuple(dict.fromkeys(finding.name for finding in ordered)),
        subjects=tuple(dict.fromkeys(subject_of.get(finding.code, "") for finding in ordered)),
        tried=bool(remedy.effects),
    )


def _applied(snapshot: Snapshot, remedy: Remedy) -> Snapshot:
    """The Snapshot after the remedy; an effect on what this machine has not is none."""
    for effect in remedy.effects:
        try:
            snapshot = replace(snapshot, effect.path, effect.value)
        except (PathError, TypeError):
            continue
    return snapshot


def _findings(snapshot: Snapshot, kb: Knowledge, rules: Sequence[Rule]) -> list[Finding]:
    return list(judge(snapshot, kb, rules).findings)


def _distinct(findings: list[Finding]) -> list[Remedy]:
    remedies: list[Remedy] = []
    for finding in findings:
        if finding.remedy is not None and finding.remedy not in remedies:
            remedies.append(finding.remedy)
    return remedies


def _new(before: list[Finding], after: list[Finding]) -> tuple[str, ...]:
    """Errors and warnings that were not there, or were less serious."""
    rank: dict[str, int] = {}
    for finding in before:
        rank[finding.code] = max(rank.get(finding.code, -1), _severity(finding).rank)
    worse = [
        finding
        for finding in after
        if _severity(finding) >= WARNING and _severity(finding).rank > rank.get(finding.code, -1)
    ]
    return tuple(dict.fromkeys(f"{finding.code} {finding.name}" for finding in worse))


def _severity(finding: Finding) -> Severity:
    return finding.severity or NOTE


def _key(finding: Finding) -> tuple[str, str]:
    return finding.code, finding.subject


def _keys(findings: list[Finding]) -> set[tuple[str, str]]:
    return {_key(finding) for finding in findings}
