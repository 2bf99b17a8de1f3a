"""A recording as one HTML page that needs nothing else."""

import sys
from pathlib import Path

from envcheck.errors import UsageError
from envcheck.watch.record import Recording
from envcheck.watch.report.page import page
from envcheck.watch.report.timeline import read_timeline


def write(file: Path, target: str) -> None:
    """Writes the page about `file` to `target`, "-" for standard output.

    Raises:
        UsageError: the recording cannot be read or holds nothing, or the page cannot be written.
    """
    text = page(read_timeline(Recording(file), file.name))
    if target == "-":
        sys.stdout.write(text)
        return
    try:
        Path(target).write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"--html {target}: {error.strerror}") from error
