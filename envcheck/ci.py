"""What GitHub Actions is given beside the text: annotations and the job's summary.

Must not know how a machine is judged.
"""

import os
import re
import stat
from collections.abc import Mapping

from envcheck.render import render
from envcheck.render.style import Style
from envcheck.report import Report

SUMMARY = "GITHUB_STEP_SUMMARY"
LIMIT = 1 << 20  # bytes of a step's summary; of a larger one GitHub shows nothing
PEOPLE = ("text", "concise", "nagios")  # the formats whose lines are not escaped for a runner
# The runner obeys a line that begins with `::`, and the older `##[` anywhere in a line:
# https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
_COMMAND = re.compile(r"^(?=[^\S\n]*::)|(?<=##)(?=\[)", re.MULTILINE)


def in_actions(environ: Mapping[str, str]) -> bool:
    """Whether this process is a step of GitHub Actions."""
    return environ.get("GITHUB_ACTIONS") == "true"


def for_actions(report: Report, fmt: str, text: str) -> str:
    """The text of this format as a runner may be given it; below the one for people, annotations.

    No line of a report becomes a command of its own, whatever a machine's files hold.
    """
    if fmt in PEOPLE:
        text = _COMMAND.sub("\\\\", text)
    return text + render(report, "github", Style()) if fmt == "text" else text


def write_summary(report: Report, environ: Mapping[str, str]) -> str:
    """Append the report to the job's summary; what prevented it, or nothing."""
    path = environ.get(SUMMARY)
    if not path:
        return ""
    data = render(report, "markdown", Style()).encode("utf-8", "replace")
    try:
        # without O_NONBLOCK, opening a pipe nobody reads would wait for ever
        number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o644)
        with open(number, "ab", buffering=0) as stream:
            found = os.fstat(number)
            if not stat.S_ISREG(found.st_mode):
                return f"{SUMMARY}: {path} is no file"
            if found.st_size + len(data) > LIMIT:
                return f"{SUMMARY}: no room for {len(data)} bytes, GitHub takes {LIMIT}"
            stream.write(b"\n" * (found.st_size > 0) + data)
    except OSError as error:
        return f"{SUMMARY}: {path}: {error.strerror or error}"
    return ""
