"""requirements.txt as pip reads it: includes, options, markers, addresses.

https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

import posixpath
import re
import shlex
from dataclasses import dataclass
from urllib.parse import unquote

from envcheck.readers.plan.draft import DEEP, Asked, Draft, PlanError, Read, plain

_COMMENT = re.compile(r"(^|\s+)#.*$")
_WHEEL = re.compile(r"([A-Za-z0-9][\w.]*)-(\d[\w.!+]*)(?:-[\w.]+){3,4}\.whl$")
_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*@\s*(\S+)")
_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Indexes:
    """Where pip looks, as options say."""

    extra: tuple[str, ...] = ()
    instead: str = ""  # --index-url

    def urls(self) -> tuple[str, ...]:
        return ((self.instead,) if self.instead else ()) + self.extra

    def over(self, other: "Indexes") -> "Indexes":
        """These, on top of what held before."""
        return Indexes((*other.extra, *self.extra), self.instead or other.instead)


def read_requirements(
    text: str,
    name: str,
    read: Read,
    draft: Draft,
    indexes: Indexes | None = None,
    installer: str = "pip",
    within: tuple[str, ...] = (),
) -> None:
    """Every requirement of a file, and of those it includes.

    Raises:
        PlanError: files include one another in a circle, or too deeply.
    """
    if name in within:
        raise PlanError(f"{' → '.join((*within, name))}: these files include one another")
    if len(within) >= DEEP:
        raise PlanError(f"{name}: more than {DEEP} files that include one another")
    if name not in draft.files:
        draft.files.append(name)
    lines = list(_lines(text))
    here = indexes or Indexes()
    for number, line in lines:  # options hold for the whole file, whatever their place
        if line.startswith("-"):
            here = _options(words(line, f"{name}:{number}")).over(here)
    for number, line in lines:
        where = f"{name}:{number}"
        if not line.startswith("-"):
            requirement(line, where, here, draft, installer)
            continue
        for option, value in pairs(words(line, where)):
            if option in ("-r", "--requirement"):
                _include(value, name, where, read, draft, here, installer, (*within, name))
            elif option in ("-e", "--editable"):
                draft.skip(where, line)


def requirement(text: str, where: str, indexes: Indexes, draft: Draft, installer: str) -> None:
    """One requirement, as pip takes it on a line or on its command line."""
    text = re.split(r"\s--?(?:hash|config-settings|global-option)\b", text)[0].strip()
    bare, _, marker = text.partition(" ;") if " ;" in text else text.partition(";")
    if marker and not _applies(marker, draft):
        return
    bare = bare.strip()
    named = _NAMED.fullmatch(bare)
    address = named[2] if named else bare
    if named or "://" in bare or bare.endswith((".whl", ".tar.gz", ".zip")):
        file = _WHEEL.search(unquote(posixpath.basename(address.partition("#")[0])))
        if file:
            asked = Asked(plain(file[1]), f"=={file[2]}", where, installer, url=unquote(address))
            draft.ask(asked)
        else:
            draft.skip(where, bare)
        return
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        parsed = Requirement(bare)
    except InvalidRequirement:
        draft.skip(where, bare)
        return
    draft.ask(
        Asked(
            plain(parsed.name),
            str(parsed.specifier),
            where,
            installer,
            indexes=indexes.urls(),
            default_index=not indexes.instead,
        )
    )


def words(line: str, where: str) -> list[str]:
    """A line as a shell would split it.

    Raises:
        PlanError: a quotation that is not closed.
    """
    try:
        return shlex.split(line)
    except ValueError as error:
        raise PlanError(f"{where}: {error}".replace("No closing", "no closing")) from error


def pairs(found: list[str]) -> list[tuple[str, str]]:
    """Options with their values: `-r x`, `--requirement=x`, `-rx`."""
    result = []
    rest = iter(found)
    for word in rest:
        name, equals, value = word.partition("=")
        if word.startswith("--"):
            result.append((name, value if equals else next(rest, "")))
        elif word.startswith("-"):
            result.append((word[:2], word[2:] or next(rest, "")))
        else:
            result.append(("", word))
    return result


def _options(found: list[str]) -> Indexes:
    indexes = Indexes()
    for option, value in pairs(found):
        if option in ("-i", "--index-url", "--pypi-url"):
            indexes = Indexes(indexes.extra, value)
        elif option in ("--extra-index-url", "-f", "--find-links"):
            indexes = Indexes((*indexes.extra, value), indexes.instead)
    return indexes


def _include(
    value: str,
    name: str,
    where: str,
    read: Read,
    draft: Draft,
    indexes: Indexes,
    installer: str,
    within: tuple[str, ...],
) -> None:
    path = posixpath.normpath(posixpath.join(posixpath.dirname(name), value))
    text = None if "://" in value else read(path)
    if text is None:
        draft.skip(where, f"-r {value}")
    else:
        read_requirements(text, path, read, draft, indexes, installer, within)


def _lines(text: str) -> "list[tuple[int, str]]":
    """Logical lines with the number of their first: joined at backslashes, without comments."""
    found: list[tuple[int, str]] = []
    begun, parts = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        begun = begun or number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            parts += line[:-1]
            continue
        whole = _VARIABLE.sub("", _COMMENT.sub("", parts + line)).strip()
        if whole:
            found.append((begun, whole))
        begun, parts = 0, ""
    return found


def _applies(marker: str, draft: Draft) -> bool:
    """Whether an environment marker holds for Linux and the plan's Python."""
    from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName

    environment = {
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }
    if draft.python:
        version = draft.python[0]
        environment["python_version"] = ".".join(version.split(".")[:2])
        environment["python_full_version"] = version if version.count(".") > 1 else f"{version}.0"
    try:
        return Marker(marker.strip()).evaluate(environment)
    except (InvalidMarker, UndefinedEnvironmentName):
        return True
