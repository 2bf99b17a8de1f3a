"""TOML files that name packages: pyproject.toml, uv.lock, pylock.toml.

https://packaging.python.org/en/latest/specifications/pylock-toml/
"""

import re
import sys
from typing import Any

from envcheck.readers.plan.draft import Asked, Draft, PlanError, Read, plain
from envcheck.readers.plan.requirements import Indexes, requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_pyproject(text: str, name: str, read: Read, draft: Draft) -> None:
    """What a project needs; of its lock, where it has one, the versions.

    Raises:
        PlanError: not TOML.
    """
    draft.files.append(name)
    root = _toml(text, name)
    project = _table(root, "project")
    wanted = project.get("requires-python")
    if isinstance(wanted, str) and (version := re.search(r"[>=~]=?\s*(3\.\d+)", wanted)):
        draft.python = (version[1], f"{name}:{_line(text, 'requires-python')}")
    lock = read("uv.lock")
    if lock is not None:
        read_uv_lock(lock, "uv.lock", draft)
        return
    indexes, sources = _uv_indexes(root)
    dependencies = project.get("dependencies")
    for one in dependencies if isinstance(dependencies, list) else []:
        if isinstance(one, str):
            where = f"{name}:{_line(text, one)}"
            index = sources.get(plain(re.split(r"[\s\[=<>!~;@]", one)[0]))
            here = Indexes(instead=index) if index else Indexes(indexes)
            requirement(one, where, here, draft, "uv" if "uv" in _table(root, "tool") else "pip")
    if "poetry" in _table(root, "tool"):
        draft.skip(name, "dependencies of [tool.poetry]: export them with `poetry export`")


def read_uv_lock(text: str, name: str, draft: Draft) -> None:
    """Every package of uv's lock file, with the index it comes from.

    Raises:
        PlanError: not such a file.
    """
    draft.files.append(name)
    root, places = _toml(text, name), _places(text)
    for row in _rows(root, "package"):
        source = row.get("source")
        if isinstance(source, dict) and ("virtual" in source or "editable" in source):
            continue
        index = source.get("registry", "") if isinstance(source, dict) else ""
        where = f"{name}:{places.get(str(row.get('name')), 1)}"
        _locked(row, where, draft, "uv", index if isinstance(index, str) else "")


def read_pylock(text: str, name: str, draft: Draft) -> None:
    """Every package of a pylock.toml.

    Raises:
        PlanError: not such a file.
    """
    draft.files.append(name)
    places = _places(text)
    for row in _rows(_toml(text, name), "packages"):
        index = row.get("index", "")
        where = f"{name}:{places.get(str(row.get('name')), 1)}"
        _locked(row, where, draft, "pip", index if isinstance(index, str) else "")


def _locked(row: dict[str, Any], where: str, draft: Draft, installer: str, index: str) -> None:
    package, version = row.get("name"), row.get("version")
    if not isinstance(package, str) or not isinstance(version, str):
        return
    marker = row.get("marker", "")
    if isinstance(marker, str) and re.search(r"sys_platform\s*==\s*['\"](?:win32|darwin)", marker):
        return
    indexes = (index,) if index else ()
    urls = " ".join(
        str(wheel.get("url", "")) for wheel in _rows(row, "wheels") if isinstance(wheel, dict)
    )
    draft.ask(
        Asked(
            plain(package), f"=={version}", where, installer, indexes, not index, urls, locked=True
        )
    )


def _uv_indexes(root: dict[str, Any]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Indexes that hold for all, and the one of each package that names its own."""
    uv = _table(_table(root, "tool"), "uv")
    urls: dict[str, str] = {}
    everywhere = []
    for row in _rows(uv, "index"):
        url = row.get("url")
        if isinstance(url, str):
            urls[str(row.get("name", ""))] = url
            if not row.get("explicit"):
                everywhere.append(url)
    named = {}
    for package, source in _table(uv, "sources").items():
        for one in source if isinstance(source, list) else [source]:
            if isinstance(one, dict) and isinstance(one.get("index"), str):
                marker = str(one.get("marker", ""))
                if not re.search(r"win32|darwin|!=\s*'linux'", marker) and one["index"] in urls:
                    named[plain(package)] = urls[one["index"]]
    return tuple(everywhere), named


def _toml(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise PlanError(f"{name}: {error}") from error


def _table(root: dict[str, Any], name: str) -> dict[str, Any]:
    value = root.get(name)
    return value if isinstance(value, dict) else {}


def _rows(root: dict[str, Any], name: str) -> list[dict[str, Any]]:
    value = root.get(name)
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _places(text: str) -> dict[str, int]:
    """The line of each package's name in a lock file."""
    found: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith('name = "'):
            found.setdefault(line[8:].partition('"')[0], number)
    return found


def _line(text: str, words: str) -> int:
    """The line on which these words first stand."""
    place = text.find(words)
    return text.count("\n", 0, place) + 1 if place >= 0 else 1
