"""Packages that only some commands need: the command that installs one where envcheck runs."""

import shlex
import sys


def install(*packages: str) -> str:
    """What to paste; by the package's own name, since envcheck is on no index."""
    return f"{shlex.quote(sys.executable)} -m pip install {' '.join(packages)}"
