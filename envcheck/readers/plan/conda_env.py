"""environment.yml, and conda's way to ask for packages.

https://docs.conda.io/projects/conda/en/stable/user-guide/concepts/pkg-specs.html
"""

import re

from envcheck.readers.plan.draft import Asked, Draft, Read, plain
from envcheck.readers.plan.requirements import (
    Indexes,
    pairs,
    read_requirements,
    requirement,
    words,
)
from envcheck.readers.plan.yaml_lines import parse

_SPEC = re.compile(
    r"(?:[\w./-]+::)?([A-Za-z0-9_][\w.-]*)\s*(?:(==?|>=|<=|!=|~=|>|<)\s*([^\s=]+))?(?:\s*=\s*(\S+))?"
)
_SPACED = re.compile(r"(?:[\w./-]+::)?([A-Za-z0-9_][\w.-]*)\s+([\d.*]+)(?:\s+(\S+))?")
NAMES = {"pytorch": "torch", "pytorch-gpu": "torch", "pytorch-cpu": "torch"}


def read_environment(text: str, name: str, read: Read, draft: Draft) -> None:
    """Every package of an environment file, conda's and pip's.

    Raises:
        PlanError: not such a file.
    """
    draft.files.append(name)
    root = parse(text, name)
    later = []
    dependencies = root.get("dependencies")
    for item in dependencies.items if dependencies else []:
        if item.text:
            conda_spec(item.text, f"{name}:{item.line}", draft)
        elif pip := item.get("pip"):
            later += pip.items
    here = Indexes()
    for item in later:
        for option, value in pairs(words(item.text, name)) if item.text.startswith("-") else []:
            where = f"{name}:{item.line}"
            if option in ("-i", "--index-url"):
                here = Indexes(here.extra, value)
            elif option in ("--extra-index-url", "-f", "--find-links"):
                here = Indexes((*here.extra, value), here.instead)
            elif option in ("-r", "--requirement"):
                included = read(value)
                if included is None:
                    draft.skip(where, item.text)
                else:
                    read_requirements(included, value, read, draft, here)
            else:
                draft.skip(where, item.text)
    for item in later:
        if item.text and not item.text.startswith("-"):
            requirement(item.text, f"{name}:{item.line}", here, draft, "pip")


def conda_spec(text: str, where: str, draft: Draft) -> None:
    """One package as conda names it: `pytorch=2.4`, `python>=3.9,<3.12`, `pytorch=2.4=*cuda*`."""
    text = text.strip().strip("\"'")
    if not text:
        return
    spaced = _SPACED.fullmatch(text)
    if spaced:
        name, specifier, build = spaced[1], _fuzzy("=", spaced[2]), spaced[3] or ""
    else:
        match = _SPEC.fullmatch(re.sub(r"\s*,\s*", ",", text))
        if match is None:
            draft.skip(where, text)
            return
        name, build = match[1], match[4] or ""
        specifier = _fuzzy(match[2], match[3]) if match[2] else ""
    name = plain(name)
    if name == "python" and specifier:
        version = re.search(r"\d+\.\d+(?:\.\d+)?", specifier)
        if version:
            draft.python = (version[0], where)
        return
    draft.ask(Asked(NAMES.get(name, name), specifier, where, "conda", build=build))


def _fuzzy(operator: str, version: str) -> str:
    """conda's `=2.4` means any 2.4: PEP 440's `==2.4.*`."""
    if operator == "=":
        return f"=={version}" if version.endswith("*") else f"=={version}.*"
    return f"{operator}{version}"
