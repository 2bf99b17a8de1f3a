"""Real wheels from the package index that pip is set up with, kept between runs."""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path


def wheelhouse(*requirements: str, python: str = "3.11") -> Path:
    """A folder with these packages and all that they need, for that Python on this architecture."""
    cache = Path(os.environ.get("ENVCHECK_TEST_CACHE") or Path.home() / ".cache/envcheck-tests")
    cache.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(repr((requirements, python)).encode()).hexdigest()[:12]
    folder = cache / f"wheels-{key}"
    with (cache / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            partial = folder.with_name(f"{folder.name}.partial")
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(partial)]
            command += ["--only-binary=:all:", "--python-version", python, *requirements]
            subprocess.run(command, check=True)
            partial.rename(folder)
    return folder
