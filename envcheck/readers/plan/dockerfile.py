"""A Dockerfile: its stages, variables, RUN lines and the images they begin with.

https://docs.docker.com/reference/dockerfile/
"""

import json
import re
from dataclasses import dataclass, field

from envcheck.readers.plan.commands import read_commands
from envcheck.readers.plan.draft import Draft, PlanError, Read
from envcheck.readers.plan.requirements import words

_DIRECTIVE = re.compile(r"#\s*escape\s*=\s*([\\`])\s*", re.IGNORECASE)
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")
_VARIABLE = re.compile(r"\\?\$(?:(\w+)|\{(\w+)(?::?([-+])([^{}]*))?\})")
_FLAGS = re.compile(r"(?:\s*--[\w-]+(?:=\S+)?(?=\s))*\s*")  # before an instruction's own words
_INSTRUCTIONS = (
    *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL"),
    *("MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
)
# What a COPY from another stage may bring Python packages with.
_PACKAGES = re.compile(
    r"site-packages|venv|virtualenv|conda|/usr/local|/opt|^/\s|\s/$|/root/\.local"
)
LINES = 20_000


@dataclass
class Stage:
    """One stage, with what it has from the stage it begins with."""

    name: str
    draft: Draft = field(default_factory=Draft)
    variables: dict[str, str] = field(default_factory=dict)


def read_dockerfile(text: str, name: str, read: Read, target: str = "") -> Draft:
    """What the last stage, or the one called `target`, holds in the end.

    Raises:
        PlanError: not a Dockerfile, or no such stage.
    """
    stages: list[Stage] = []
    globals_: dict[str, str] = {}
    for line, instruction, value, raw in _instructions(text, name):
        where = f"{name}:{line}"
        if instruction == "FROM":
            stages.append(_from(value, where, stages, globals_))
            continue
        if not stages:
            if instruction != "ARG":
                raise PlanError(f"{where}: {instruction} before the first FROM")
            key, _, default = _filled(value, globals_).partition("=")
            globals_[key.strip()] = default.strip().strip("\"'")
            continue
        _line(stages, instruction, value, raw, where, globals_, read)
    if not stages:
        raise PlanError(f"{name}: no FROM in it: not a Dockerfile")
    chosen = stages[-1]
    if target:
        named = [stage for stage in stages if stage.name == target.lower()]
        if not named:
            known = ", ".join(stage.name for stage in stages if stage.name) or "none has a name"
            raise PlanError(f"{name}: no stage is called {target!r}; there are: {known}")
        chosen = named[0]
    chosen.draft.files[:0] = [name]
    return chosen.draft


def _from(value: str, where: str, stages: list[Stage], globals_: dict[str, str]) -> Stage:
    parts = _FLAGS.sub("", _filled(value, globals_), count=1).split()
    if not parts:
        raise PlanError(f"{where}: FROM names no image")
    alias = parts[2].lower() if len(parts) > 2 and parts[1].upper() == "AS" else ""
    parent = _stage(parts[0], stages)
    if parent is None:
        stage = Stage(alias)
        stage.draft.image = (parts[0], where)
        return stage
    inherited = Draft(
        files=list(parent.draft.files),
        asked=list(parent.draft.asked),
        python=parent.draft.python,
        image=parent.draft.image,
        environment=dict(parent.draft.environment),
        not_read=list(parent.draft.not_read),
    )
    return Stage(alias, inherited, dict(parent.variables))


def _stage(name: str, stages: list[Stage]) -> Stage | None:
    if name.isdecimal() and int(name) < len(stages):
        return stages[int(name)]
    return next((stage for stage in reversed(stages) if stage.name == name.lower()), None)


def _line(
    stages: list[Stage],
    instruction: str,
    value: str,
    raw: str,
    where: str,
    globals_: dict[str, str],
    read: Read,
) -> None:
    stage = stages[-1]
    if instruction == "ARG":
        key, equals, default = _filled(value, stage.variables).partition("=")
        key = key.strip()
        stage.variables[key] = default.strip("\"'") if equals else globals_.get(key, "")
    elif instruction == "ENV":
        for key, said in _environment(value):
            filled = _filled(said, stage.variables)
            stage.variables[key] = filled
            stage.draft.environment[key] = (filled, where)
    elif instruction == "RUN":
        command = _shell(_FLAGS.sub("", raw, count=1))
        read_commands(_filled(command, stage.variables), where, read, stage.draft)
    elif instruction in ("COPY", "ADD"):
        match = re.search(r"--from=(\S+)", value)
        other = _stage(match[1], stages[:-1]) if match else None
        if other is not None and _PACKAGES.search(value):
            stage.draft.take(other.draft)
            stage.draft.python = stage.draft.python or other.draft.python


def _shell(command: str) -> str:
    """The exec form `["pip", "install", …]` as a shell line."""
    if command.lstrip().startswith("["):
        try:
            parts = json.loads(command)
        except ValueError:
            return command
        if isinstance(parts, list) and all(isinstance(part, str) for part in parts):
            if parts[:1] and parts[0].endswith("sh") and "-c" in parts:
                return str(parts[-1])
            import shlex

            return shlex.join(parts)
    return command


def _environment(value: str) -> list[tuple[str, str]]:
    """`ENV A=1 B="2 3"` and the old `ENV A 1`."""
    key, equals, _ = value.partition("=")
    if not equals or " " in key.strip():
        key, _, said = value.strip().partition(" ")
        return [(key, said.strip())]
    try:
        parts = words(value, "")
    except PlanError:
        return []
    return [(key, said) for key, _, said in (part.partition("=") for part in parts)]


def _filled(text: str, variables: dict[str, str]) -> str:
    """With variables in their place; an unknown one stays as it is."""

    def fill(match: re.Match[str]) -> str:
        if match[0].startswith("\\"):
            return match[0][1:]
        name = match[1] or match[2]
        known = variables.get(name)
        if match[3] == "-":
            return known or str(match[4])
        if match[3] == "+":
            return str(match[4]) if known else ""
        return match[0] if known is None else known

    return _VARIABLE.sub(fill, text)


def _instructions(text: str, name: str) -> list[tuple[int, str, str, str]]:
    """(line, instruction, its value on one line, its value with a heredoc's lines)."""
    lines = text.splitlines()
    if len(lines) > LINES:
        raise PlanError(f"{name}: more than {LINES} lines, no Dockerfile has so many")
    directive = _DIRECTIVE.fullmatch(lines[0].strip()) if lines else None
    escape = directive[1] if directive else "\\"
    found = []
    place = 0
    while place < len(lines):
        begun = place + 1
        line = lines[place].strip()
        place += 1
        if not line or line.startswith("#"):
            continue
        parts = [line]
        while parts[-1].endswith(escape) and place < len(lines):
            parts[-1] = parts[-1][:-1].rstrip()
            following = lines[place].strip()
            place += 1
            if not following.startswith("#"):
                parts.append(following)
            else:
                parts.append(escape)  # a comment between two lines does not end them
        whole = " ".join(part for part in parts if part not in ("", escape))
        instruction, _, value = whole.partition(" ")
        instruction = instruction.upper()
        if instruction not in _INSTRUCTIONS:
            raise PlanError(
                f"{name}:{begun}: {instruction[:40]!r} is no instruction of a Dockerfile"
            )
        raw = value
        for _, word in _HEREDOC.findall(value) if instruction in ("RUN", "COPY", "ADD") else []:
            body, place = _heredoc(lines, place, word, f"{name}:{begun}")
            raw = f"{_HEREDOC.sub('', raw)}\n{body}"
        found.append((begun, instruction, value.strip(), raw.strip()))
    return found


def _heredoc(lines: list[str], place: int, word: str, where: str) -> tuple[str, int]:
    for end in range(place, len(lines)):
        if lines[end].strip() == word:
            body = re.sub(r"\\\n\s*", " ", "\n".join(lines[place:end]))
            return body, end + 1
    raise PlanError(f"{where}: the text that begins with <<{word} has no end")
