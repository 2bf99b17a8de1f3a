"""Shell commands that install: pip, uv, conda and its like, apt's Python.

A command that installs what cannot be told from its words is noted as not read.
"""

import re

from envcheck.readers.plan.conda_env import conda_spec, read_environment
from envcheck.readers.plan.draft import Draft, PlanError, Read
from envcheck.readers.plan.requirements import (
    Indexes,
    pairs,
    read_requirements,
    requirement,
    words,
)

_SPLIT = re.compile(r"&&|\|\||;|\n|(?<!\|)\|(?!\|)|(?<!&)&(?!&)")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_PYTHON = re.compile(r"(?:.*/)?python(\d(?:\.\d+)?)?")
_PIP = re.compile(r"(?:.*/)?pip(\d(?:\.\d+)?)?")
_CONDA = re.compile(r"(?:.*/)?(conda|mamba|micromamba|pixi)")
_APT_PYTHON = re.compile(r"python(3\.\d{1,2})")
_PIPED = re.compile(r"\b(?:curl|wget)\b[^\n|;&]*\|\s*(?:sudo\s+)?(?:\S*/)?(?:ba|z|da)?sh\b")
# Options of pip that take no value; every other one takes one.
_FLAGS = {
    "--upgrade", "-U", "--no-cache-dir", "--no-deps", "--pre", "--user", "--force-reinstall",
    "--no-build-isolation", "--break-system-packages", "--quiet", "-q", "--verbose", "-v",
    "--ignore-installed", "-I", "--prefer-binary", "--require-hashes", "--no-input", "--system",
    "--disable-pip-version-check", "--no-compile", "--no-warn-script-location", "-y", "--yes",
    "--no-index", "--root-user-action", "--exact", "--strict", "--compile", "-qq",
    "--compile-bytecode",
}  # fmt: skip
_CONDA_FLAGS = {"-y", "--yes", "-q", "--quiet", "--override-channels", "--force-reinstall", "-v",
                "--no-deps", "--freeze-installed", "--update-all", "--all"}  # fmt: skip


def read_commands(text: str, where: str, read: Read, draft: Draft) -> None:
    """Every command of a shell line that installs packages."""
    for match in _PIPED.finditer(text):
        draft.skip(where, match[0])
    for part in _SPLIT.split(_without_quoted_ends(text)):
        try:
            _command(words(part, where), where, read, draft)
        except PlanError:  # a split inside a quotation: nothing that installs looks like that
            if re.search(r"\b(?:pip3?|conda|mamba|uv)\s+.*install", part):
                draft.skip(where, part)


def _command(found: list[str], where: str, read: Read, draft: Draft) -> None:
    while found and (_ASSIGNMENT.fullmatch(found[0]) or found[0] in ("sudo", "-E", "exec", "time")):
        found = found[1:]
    if not found:
        return
    if (match := _PYTHON.fullmatch(found[0])) and found[1:3] == ["-m", "pip"]:
        found = ["pip", *found[3:]]
    if found[0].rpartition("/")[2] == "uv":
        _uv(found[1:], where, read, draft)
    elif _PIP.fullmatch(found[0]) and "install" in found[1:4]:
        _pip(found[found.index("install") + 1 :], where, read, draft, "pip")
    elif match := _CONDA.fullmatch(found[0]):
        _conda(found[1:], where, read, draft)
    elif found[0] in ("apt-get", "apt") and "install" in found:
        for word in found[found.index("install") + 1 :]:
            if match := _APT_PYTHON.match(word):
                draft.python = (match[1], where)
    elif found[0] == "poetry" and "install" in found:
        draft.skip(where, " ".join(found))


def _uv(found: list[str], where: str, read: Read, draft: Draft) -> None:
    if found[:2] == ["pip", "install"]:
        _pip(found[2:], where, read, draft, "uv")
    elif found[:2] == ["pip", "sync"]:
        _pip([word for name in found[2:] for word in ("-r", name)], where, read, draft, "uv")
    elif found[:1] == ["sync"]:
        from envcheck.readers.plan.locks import read_uv_lock

        text = read("uv.lock")
        if text is None:
            draft.skip(where, "uv sync")
        else:
            read_uv_lock(text, "uv.lock", draft)
    elif found[:1] == ["add"]:
        _pip(found[1:], where, read, draft, "uv")


def _pip(found: list[str], where: str, read: Read, draft: Draft, installer: str) -> None:
    indexes, files, wanted = Indexes(), [], []
    for option, value in pairs(_unflagged(found, _FLAGS)):
        if option in ("-i", "--index-url", "--default-index"):
            indexes = Indexes(indexes.extra, value)
        elif option in ("--extra-index-url", "-f", "--find-links", "--index"):
            indexes = Indexes((*indexes.extra, value), indexes.instead)
        elif option == "--torch-backend":
            indexes = Indexes((*indexes.extra, f"torch-backend/{value}"), indexes.instead)
        elif option in ("-r", "--requirement", "--requirements"):
            files.append(value)
        elif option in ("-e", "--editable"):
            draft.skip(where, f"-e {value}")
        elif not option:
            wanted.append(value)
    for name in files:
        text = _file(name, read)
        if text is None:
            draft.skip(where, f"-r {name}")
        else:
            read_requirements(text[1], text[0], read, draft, indexes, installer)
    for text_ in wanted:
        if text_ in (".", "./") or text_.startswith(("./", "/", "../", "git+", ".[")):
            draft.skip(where, text_)
        else:
            requirement(text_, where, indexes, draft, installer)


def _conda(found: list[str], where: str, read: Read, draft: Draft) -> None:
    verbs = [place for place, word in enumerate(found) if word in ("install", "create", "update")]
    if not verbs:
        return
    specs = []
    for option, value in pairs(_unflagged(found[verbs[0] + 1 :], _CONDA_FLAGS)):
        if option in ("-f", "--file"):
            text = _file(value, read)
            if text is None:
                draft.skip(where, f"-f {value}")
            elif text[0].endswith((".yml", ".yaml")):
                read_environment(text[1], text[0], read, draft)
            else:
                for number, line in enumerate(text[1].splitlines(), 1):
                    conda_spec(line.partition("#")[0], f"{text[0]}:{number}", draft)
        elif not option:
            specs.append(value)
    for spec in specs:
        conda_spec(spec, where, draft)


def _file(name: str, read: Read) -> tuple[str, str] | None:
    """A file that a command names by its place in the image, found beside the plan."""
    name = name.lstrip("/")
    while name:
        text = read(name)
        if text is not None:
            return name, text
        name = name.partition("/")[2]
    return None


def _unflagged(found: list[str], flags: set[str]) -> list[str]:
    return [word for word in found if word not in flags]


def _without_quoted_ends(text: str) -> str:
    """`bash -c "…"` as what it runs."""
    match = re.fullmatch(r"\s*(?:/bin/)?(?:ba)?sh\s+-\w*c\s+(['\"])(.*)\1\s*", text, re.DOTALL)
    return match[2] if match else text
