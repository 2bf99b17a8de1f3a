"""What `compat` found: as text, JSON, and as files for pip, conda and Ansible. Must not judge."""

from collections.abc import Callable

import msgspec

from envcheck.render.style import Style, plain
from envcheck.resolve.install import Install
from envcheck.resolve.whatif import Answer, Found, Row

ROWS = 10  # builds a text shows unless all are wanted
_COLOURS = {"runs": "green", "no": "red", "unknown": "yellow"}


def text(found: Found, style: Style) -> str:
    """The best build and its commands, or why there is none; then the builds, the best first."""
    answer = found.answer
    lines = _best(answer.best, answer, style) if answer.best else _none(found, style)
    shown = answer.builds
    if not style.verbose:
        shown = tuple(row for row in shown if row.verdict == "runs" or not answer.best)[:ROWS]
    lines += ["", *_table(shown, answer.best, style)]
    rest = answer.builds[len(shown) :]
    if rest:
        runs = sum(row.verdict == "runs" for row in rest)
        lines.append(
            style.paint(f"{len(rest)} more, {runs} of which run; --all shows them.", "dim")
        )
    return "\n".join(lines) + "\n"


def json(found: Found, style: Style) -> str:
    return msgspec.json.format(msgspec.json.encode(found.answer), indent=2).decode() + "\n"


def requirements(found: Found, style: Style) -> str:
    """A requirements file for pip and uv."""
    if found.wheels is None:
        return ""
    index = [" ".join(found.wheels.index)] if found.wheels.index else []
    return "\n".join((f"# {_title(found)}", *index, *found.wheels.requirements)) + "\n"


def versions(found: Found, style: Style) -> str:
    """Pinned lines only."""
    return "".join(f"{pin}\n" for pin in found.wheels.torch) if found.wheels else ""


def environment(found: Found, style: Style) -> str:
    """A conda environment; with pip in it where no conda channel has the build."""
    if found.wheels is None:
        return ""
    machine = found.answer.request
    python = [f"python={machine.python.rstrip('t')}"] if machine.python else []
    if found.conda is not None:
        return _environment(found, found.conda.channels, (*python, *found.conda.specs), ())
    pip = (*([" ".join(found.wheels.index)] if found.wheels.index else []),)
    inside = (*pip, *found.wheels.requirements)
    return _environment(found, ("conda-forge",), (*python, "pip"), inside)


def ansible(found: Found, style: Style) -> str:
    """A task for a playbook. `torch_virtualenv` names the environment; unset: Ansible's Python."""
    if found.wheels is None:
        return ""
    lines = [
        f"- name: Install {_title(found)}",
        "  ansible.builtin.pip:",
        "    name:",
        *(f'      - "{requirement}"' for requirement in found.wheels.requirements),
    ]
    if found.wheels.index:
        lines.append(f'    extra_args: "{" ".join(found.wheels.index)}"')
    lines.append('    virtualenv: "{{ torch_virtualenv | default(omit) }}"')
    return "\n".join(lines) + "\n"


FORMATS: dict[str, Callable[[Found, Style], str]] = {
    "text": text,
    "json": json,
    "requirements": requirements,
    "environment.yml": environment,
    "ansible": ansible,
    "versions": versions,
}


def advice(found: Found, style: Style) -> str:
    """Why nothing runs and what would help, for stderr beside a format that cannot say it."""
    return "\n".join(_none(found, style)) + "\n"


def _best(best: Row, answer: Answer, style: Style) -> list[str]:
    lines = [
        style.paint(f"torch {best.torch} for CUDA {best.cuda}", "bold")
        + f" runs on {_machine(answer)}.",
        "",
        *_commands(best.install, style),
        "",
    ]
    for reason in best.reasons:
        lines += style.wrap(reason, f"  {style.mark('note')} ", "    ")
    return lines


def _commands(install: Install, style: Style) -> list[str]:
    conda = install.conda or "no conda channel has this build"
    rows = (("pip", install.pip), ("uv", install.uv), ("conda", conda))
    lines = [f"  {style.paint(f'{name:6}', 'dim')}{command}" for name, command in rows]
    if install.conda:
        lines[-1] += style.paint("   (mamba takes the same)", "dim")
    return lines


def _none(found: Found, style: Style) -> list[str]:
    lines = style.wrap(f"No torch build is known to run on {_machine(found.answer)}.", "")
    lines += [""]
    for sentence in found.exclusions:
        lines += style.wrap(f"{sentence}.", f"  {style.mark('note')} ", "    ")
    unsure = [row for row in found.answer.builds if row.verdict == "unknown"]
    if unsure:
        what = f"torch {unsure[0].torch} for CUDA {unsure[0].cuda} is in doubt"
        lines += style.wrap(f"{what}: {unsure[0].reasons[0]}.", f"  {style.mark('note')} ", "    ")
    if found.remedies:
        lines += ["", "What would help, any one of:"]
        for remedy in found.remedies:
            lines += style.wrap(f"{remedy}.", "  - ", "    ")
    elif not unsure:
        lines += [
            "",
            *style.wrap("No change of driver or Python would help: build from source.", ""),
        ]
    return lines


def _table(rows: tuple[Row, ...], best: Row | None, style: Style) -> list[str]:
    """One build a line; what the best build's reasons say already is not said again."""
    told = set(best.reasons) if best else set()
    lines = [style.paint(f"{'torch':9}{'CUDA':7}{'code':10}", "dim")]
    for row in rows:
        code = row.how if row.verdict == "runs" else row.verdict
        head = f"{row.torch:9}{row.cuda:7}"
        said = [reason for reason in row.reasons if reason not in told]
        why = style.wrap("; ".join(said), " " * 26) or [""]
        cut = " ..." if len(why) > 1 and not style.verbose else ""
        verdict = style.paint(f"{code:10}", _COLOURS[row.verdict])
        lines.append(f"{head}{verdict}{why[0].strip()}{cut}".rstrip())
        lines += why[1:] if style.verbose else []
    return lines


def _machine(answer: Answer) -> str:
    machine = answer.request
    parts = [", ".join(str(card) for card in dict.fromkeys(machine.gpus)) or "any GPU"]
    parts += [f"driver {machine.driver}"] if machine.driver else []
    parts += [f"Python {machine.python}"] if machine.python else []
    parts += [f"glibc {machine.glibc}"] if machine.glibc else []
    return plain(f"{', '.join(parts)}, {machine.platform}")


def _title(found: Found) -> str:
    best = found.answer.best
    assert best is not None
    return f"torch {best.torch} for CUDA {best.cuda}, for {_machine(found.answer)}"


def _environment(
    found: Found, channels: tuple[str, ...], specs: tuple[str, ...], pip: tuple[str, ...]
) -> str:
    lines = [
        f"# {_title(found)}",
        "name: torch",
        "channels:",
        *(f"  - {name}" for name in channels),
    ]
    lines += ["dependencies:", *(f'  - "{spec}"' for spec in specs)]
    if pip:
        lines += ["  - pip:", *(f'      - "{line}"' for line in pip)]
    return "\n".join(lines) + "\n"
