"""Real ELF files of the machine that runs the tests."""

import shutil
import subprocess
import sys
from pathlib import Path


def _mapped() -> list[Path]:
    """Shared libraries of this very process: they are there on every Linux."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return sorted({Path(line.split(maxsplit=5)[5]) for line in lines if ".so" in line})


def _libstdcxx() -> list[Path]:
    compiler = shutil.which("cc")
    if not compiler:
        return []
    command = [compiler, "-print-file-name=libstdc++.so.6"]
    path = Path(subprocess.run(command, capture_output=True, text=True).stdout.strip())
    return [path.resolve()] if path.is_absolute() and path.is_file() else []


LIBC = next(path for path in _mapped() if path.name.startswith(("libc.so", "libc-")))
LIBSTDCXX = _libstdcxx()  # empty where there is no compiler
SYSTEM_FILES = list(
    dict.fromkeys([Path(sys.executable).resolve(), LIBC, *LIBSTDCXX, *_mapped()[:4]])
)
