"""A plan on disk: which kind of file it is, and the files beside it."""

import posixpath
import sys
from pathlib import Path

from envcheck.errors import UsageError
from envcheck.facts import Snapshot
from envcheck.kb import Knowledge
from envcheck.kb.builds import Platform
from envcheck.readers.plan.draft import Draft, PlanError, Read

LIMIT = 20 << 20  # bytes of one file; lock files have some 2 MB
KINDS = (
    "a Dockerfile, compose.yaml, requirements.txt, environment.yml, pyproject.toml, uv.lock or"
    " pylock.toml"
)


class NothingInstalled(UsageError):
    """The plan can be read, and there is nothing in it to judge."""


def read_plan(
    file: str, kb: Knowledge, *, platform: Platform, python: str | None, part: str = ""
) -> Snapshot:
    """What a plan would install.

    Args:
        part: a Dockerfile's stage or a compose file's service.

    Raises:
        NothingInstalled: a plan of tools' settings only, say.
        UsageError: unreadable, or no such kind of plan.
    """
    from envcheck.readers.plan.resolve import snapshot

    draft = _draft(file, part)
    if not draft.asked and draft.image is None:
        noted = f"; not read: {draft.not_read[0]}" if draft.not_read else ""
        raise NothingInstalled(f"{file}: nothing in it is installed{noted}")
    return snapshot(draft, kb, platform, python)


def _draft(file: str, part: str) -> Draft:
    text = _text(file)
    name = "stdin" if file == "-" else posixpath.basename(file)
    folder = Path() if file == "-" else Path(file).parent
    read = _beside(folder)
    lower = name.lower()
    draft = Draft()
    if _is_dockerfile(lower, text):
        from envcheck.readers.plan.dockerfile import read_dockerfile

        return read_dockerfile(text, name, read, part)
    if lower.endswith((".yml", ".yaml")):
        from envcheck.readers.plan.yaml_lines import parse

        if parse(text, name).get("services") is not None:
            from envcheck.readers.plan.compose import read_compose

            return read_compose(text, name, read, part)
        from envcheck.readers.plan.conda_env import read_environment

        read_environment(text, name, read, draft)
    elif lower.endswith((".toml", ".lock")):
        from envcheck.readers.plan import locks

        if lower.startswith("pylock"):
            locks.read_pylock(text, name, draft)
        elif lower.endswith(".lock"):
            locks.read_uv_lock(text, name, draft)
        else:
            locks.read_pyproject(text, name, read, draft)
    elif lower.endswith((".txt", ".in", ".pip")) or file == "-":
        from envcheck.readers.plan.requirements import read_requirements

        read_requirements(text, name, read, draft)
    else:
        raise UsageError(f"{file}: what kind of plan is it? Its name should be that of {KINDS}")
    if part:
        raise UsageError(f"{file}: has no stages or services: leave out --part")
    return draft


def _is_dockerfile(name: str, text: str) -> bool:
    if "dockerfile" in name or "containerfile" in name:
        return True
    first = next((line for line in text.splitlines() if line.strip() and line[0] != "#"), "")
    return not name.endswith(
        (".txt", ".yml", ".yaml", ".toml", ".lock")
    ) and first.upper().startswith(("FROM ", "ARG "))


def _beside(folder: Path) -> Read:
    """Reads files below the plan's folder, and nothing above it."""

    def read(name: str) -> str | None:
        path = folder / name
        try:
            if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
                return None
        except (OSError, ValueError):
            return None
        return _text(str(path))

    return read


def _text(file: str) -> str:
    name = "stdin" if file == "-" else file
    try:
        if file == "-":
            data = sys.stdin.buffer.read(LIMIT + 1)
        elif not Path(file).is_file() and Path(file).exists():
            raise UsageError(f"{file}: not a file: give it {KINDS}")
        else:
            with open(file, "rb") as stream:
                data = stream.read(LIMIT + 1)
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror or error}") from error
    if len(data) > LIMIT:
        raise PlanError(f"{name}: larger than {LIMIT >> 20} MiB, no such file is")
    text = data.decode("utf-8-sig", "replace")
    if "\x00" in text or text.count("\ufffd") * 5 > len(text):
        raise PlanError(f"{name} is binary: a plan is text")
    return text
