"""Builds the simulated NVIDIA driver library and describes the GPUs it shows. See README.md."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE / ".cache"
FLEET_8 = HERE / "fleet8.json"  # eight H100: six busy, one with short bursts, one idle


class NoCompiler(Exception):
    """This machine has no C compiler or no make: the driver library cannot be built."""


def build_stub(cache: Path = CACHE, hide: Sequence[str] = ()) -> Path:
    """The folder that holds libnvidia-ml.so.1, built once per `cache` and set of hidden functions.

    `hide` names NVML functions that the library shall lack, as an older driver's does.

    Raises:
        NoCompiler: see there.
    """
    digest = hashlib.sha256(repr((sorted(hide), os.uname().machine)).encode())
    for source in sorted(path for path in HERE.iterdir() if path.suffix in {".c", ".h"}):
        digest.update(source.read_bytes())
    folder = cache / digest.hexdigest()[:16]
    if (folder / "libnvidia-ml.so.1").exists():
        return folder
    if not shutil.which("gcc") or not shutil.which("make"):
        raise NoCompiler("the simulated NVIDIA driver needs gcc and make")
    cache.mkdir(parents=True, exist_ok=True)
    built = Path(tempfile.mkdtemp(dir=cache))
    command = ["make", "-s", "-C", str(HERE), f"OUT={built}", f"HIDE={' '.join(hide)}", "CC=gcc"]
    subprocess.run(command, check=True)
    try:
        built.rename(folder)
    except OSError:  # another test process was quicker
        shutil.rmtree(built)
    return folder


def fleet(
    folder: Path,
    gpus: int | Sequence[Mapping[str, object]] = 1,
    *,
    library: Path | None = None,
    **settings: object,
) -> dict[str, str]:
    """The environment of a process that sees these GPUs (a number, or one description each).

    Writes fleet.json into `folder`. `settings` are the other keys of the fleet JSON; `library`
    is a folder from `build_stub`, the plain build by default.
    """
    listed = [{"count": gpus}] if isinstance(gpus, int) else list(gpus)
    path = folder / "fleet.json"
    path.write_text(json.dumps({"gpus": listed, **settings}), encoding="utf-8")
    return {
        **os.environ,
        "LD_LIBRARY_PATH": str(library or build_stub()),
        "NVMLSTUB_FLEET": str(path),
    }
