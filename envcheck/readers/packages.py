"""Lists of packages as pasted text: `pip list`, `pip freeze`, `conda list`, and torch's own list.

Must not know which packages matter.
"""

import re

from envcheck.facts import Distribution

MOST = 5000  # packages of one paste
_VERSION = r"v?\d[\w.!]{0,40}(?:[+-][\w.]{1,60})?"
_NAME = r"[A-Za-z][\w.-]{0,80}"
_PIP_FREEZE = re.compile(rf"({_NAME})(?:\[[\w,-]{{1,60}}\])?\s?={{2,3}}\s?({_VERSION})")
_PIP_LIST = re.compile(rf"({_NAME})\s+({_VERSION})(?:\s+\S{{1,200}})?(?:\s+(?:pip|uv))?")
_CONDA = re.compile(rf"({_NAME})\s+({_VERSION})\s+(\w[\w.]{{0,80}})(?:\s+\S{{1,80}})?")
_TABLE = re.compile(r"Package\s+Version")
_LISTED = re.compile(rf"\[(pip3?|uv)\]\s+({_NAME})={{2}}({_VERSION})")
_LISTED_CONDA = re.compile(rf"\[conda\]\s+({_NAME})\s+({_VERSION})\s+(\w[\w.]{{0,80}})")


def of_report(text: str) -> tuple[Distribution, ...]:
    """The `[pip3]` and `[conda]` lines of torch's report."""
    found = [
        Distribution(_plain(name), version, installer="uv" if tool == "uv" else "pip")
        for tool, name, version in _LISTED.findall(text)
    ]
    for name, version, build in _LISTED_CONDA.findall(text):
        dist = _conda(name, version, build)
        twin = next((place for place, one in enumerate(found) if _same(one, dist)), None)
        if twin is None:
            found.append(dist)
        elif dist.installer == "conda":
            found[twin] = dist  # pip lists what conda installed, too
    return tuple(found[:MOST])


def lists(text: str) -> tuple[Distribution, ...]:
    """The packages of a list as pip or conda prints it, wherever it stands in the text."""
    found: list[Distribution] = []
    conda = table = False
    for line in text.split("\n"):
        if len(found) >= MOST:
            break
        if line.startswith(("# packages in environment", "# Name")):
            conda, table = True, False
        elif line.startswith("Package") and _TABLE.match(line):
            conda, table = False, True
        elif not line or len(line) > 400:
            table = table and not line
        elif conda and (match := _CONDA.fullmatch(line)):
            found.append(_conda(match[1], match[2], match[3]))
        elif (table and (match := _PIP_LIST.fullmatch(line))) or (
            "==" in line and (match := _PIP_FREEZE.fullmatch(line))
        ):
            found.append(Distribution(_plain(match[1]), match[2], installer="pip"))
    return tuple(found)


def _conda(name: str, version: str, build: str) -> Distribution:
    """A line of `conda list`; packages of pip stand there as build `pypi_0`."""
    if build.startswith("pypi"):
        return Distribution(_plain(name), version, installer="pip")
    name = {"pytorch": "torch"}.get(_plain(name), _plain(name))
    return Distribution(name, version, installer="conda", build=build)


def _same(one: Distribution, other: Distribution) -> bool:
    """Whether two lists show one package; its local version part stands in one list only."""
    if one.name != other.name:
        return False
    public, theirs = (dist.version.partition("+")[0] for dist in (one, other))
    return public == theirs or other.installer == "pip"


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
