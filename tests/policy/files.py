"""Policies for tests: written as files, read as one."""

import datetime
from pathlib import Path

from envcheck.facts import Policy
from envcheck.policy.read import read_policy
from envcheck.rules import codes_of

TODAY = datetime.date(2026, 11, 21)


def written(folder: Path, **files: str) -> None:
    """Files NAME.toml with these texts."""
    for name, text in files.items():
        folder.joinpath(f"{name}.toml").write_text(text, encoding="utf-8")


def read(folder: Path, name: str = "own", *require: str) -> Policy:
    """The policy of NAME.toml and expressions, on TODAY."""
    return read_policy(str(folder / f"{name}.toml"), require, codes_of=codes_of, today=TODAY)


def policy(text: str, folder: Path, *require: str) -> Policy:
    """The policy of one file with this text."""
    written(folder, own=text)
    return read(folder, "own", *require)


def places(said: str) -> set[str]:
    """`file:line` of every place a message names, without folders."""
    words = (word.strip(",:;") for word in said.replace(": ", " ").split())
    return {Path(word).name for word in words if ".toml:" in word}
