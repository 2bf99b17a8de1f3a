"""Files that are written whole or not at all."""

import contextlib
import os
import tempfile
from pathlib import Path

from envcheck.errors import UsageError


def write_whole(file: str, text: str, *, private: bool = False) -> None:
    """The text into a file that others see complete or not at all.

    Args:
        private: only the owner may read it.

    Raises:
        UsageError: it cannot be written.
    """
    target = Path(file)
    if target.exists() and not target.is_file():  # /dev/stdout, a fifo: nothing to replace
        _straight(target, text)
        return
    target = Path(os.path.realpath(file))  # a link stays one
    name = ""
    try:
        number, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with open(number, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o600 if private else 0o666 & ~mask)
        Path(name).replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        if isinstance(error, OSError):
            raise UsageError(f"{file}: {error.strerror or error}") from error
        raise


def _straight(target: Path, text: str) -> None:
    try:
        with target.open("w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
    except OSError as error:
        raise UsageError(f"{target}: {error.strerror or error}") from error
