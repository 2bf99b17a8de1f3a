"""What would mend a machine, and what was done, for people and for programs."""

from collections.abc import Iterator

import msgspec

from envcheck.mending import Done, Outline, Step
from envcheck.render.style import Style, plain

_HOW = {
    "run": "safe: `envcheck fix --yes` runs it",
    "shell": "for your own shell",
    "root": "needs root",
    "reboot": "needs root and a reboot",
    "manual": "by hand",
}


def render_outline(outline: Outline, style: Style) -> str:
    """The steps in their order, those that are not offered, and what is left."""
    plan = outline.plan
    if not plan.steps and not plan.refused and not plan.left:
        return "Nothing to mend.\n"
    lines: list[str] = []
    for number, step in enumerate(plan.steps, 1):
        lines += [*_step(number, step, style), ""]
    for refused in plan.refused:
        said = f"Not offered for {refused.code}: {refused.remedy.text} It would bring"
        lines += [*style.wrap(f"{said} {', '.join(refused.breaks)}.", "", "  "), ""]
    for finding in plan.left:
        said = f"No remedy is known for {finding.code} {finding.name}: {finding.message}"
        lines += [*style.wrap(said, "", "  "), ""]
    if outline.ansible:
        lines += ["What needs root, by Ansible:", f"      {plain(outline.ansible)}", ""]
    safe = any(step.how == "run" for step in plan.steps)
    hint = " `envcheck fix --yes` runs the safe steps." if safe else ""
    return "\n".join([*lines, f"Nothing was changed.{hint}"]) + "\n"


def render_done(done: Done, style: Style) -> str:
    """What ran, the judgement afterwards, and the way back."""
    if not done.before:
        return "There is no safe step to run; `envcheck fix` shows the others.\n"
    lines: list[str] = []
    for ran in done.ran:
        mark = style.mark("ok") if ran.code == 0 else style.mark("error")
        note = "" if ran.code == 0 else f"  (exit code {ran.code})"
        lines.append(f"{mark} {plain(ran.command)}{note}")
    if done.interrupted:
        lines += ["", "Interrupted: the steps after that were not run."]
    elif any(ran.code for ran in done.ran):
        lines += ["", "A command failed: the steps after it were not run."]
    found = dict.fromkeys(f"{finding.code} {finding.name}" for finding in done.report.findings)
    lines += [
        "",
        *style.wrap(f"Now {done.report.verdict}; found: {', '.join(found) or 'nothing'}", ""),
    ]
    if done.undo:
        lines += ["", "To take it back:", *(f"      {plain(command)}" for command in done.undo)]
    else:
        lines += ["", "No package was changed."]
    lines += ["", f"The machine as it was: {plain(done.before)}"]
    return "\n".join(lines) + "\n"


def render_json(said: Outline | Done) -> str:
    """The whole as one object."""
    return msgspec.json.format(msgspec.json.encode(said), indent=2).decode() + "\n"


def _step(number: int, step: Step, style: Style) -> Iterator[str]:
    solves = ", ".join(
        f"{code} {name}" for code, name in zip(step.solves, step.names, strict=False)
    )
    for line in style.wrap(f"{number}. {step.remedy.text}", "", "   "):
        yield style.paint(line, "bold")
    paper = "" if step.tried else "; not tried on paper"
    yield from style.wrap(f"solves {solves} ({_HOW[step.how]}{paper})", "   ")
    for command in step.remedy.commands:
        yield f"      {plain(command)}"
