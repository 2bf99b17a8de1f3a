"""Environments with real wheels, made once and kept in ENVCHECK_TEST_CACHE."""

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("ENVCHECK_TEST_CACHE", Path.home() / ".cache/envcheck-tests"))

# Resolved from PyPI on Linux x86_64, these are the CUDA 12.1 builds: some 3 GB of wheels.
CUDA_121 = ("torch==2.4.0", "torchvision==0.19.0", "numpy<2")
CPU = ("torch==2.13.0", "numpy")
# pytorchvideo's own requirements pull in decoders and torchvision; its models need only these.
VIDEO = (*CPU, "av")
VIDEO_NO_DEPS = (
    "pytorchvideo==0.1.5", "fvcore", "iopath", "portalocker", "termcolor", "tabulate", "tqdm",
)  # fmt: skip

MakeEnv = Callable[..., Path]


@pytest.fixture(scope="session")
def make_env() -> MakeEnv:
    """A venv with these requirements; a half-made one is never left under its final name."""

    def make(*requirements: str, no_deps: tuple[str, ...] = ()) -> Path:
        version = sys.version_info[:2]
        wanted = (version, requirements, no_deps) if no_deps else (version, requirements)
        key = hashlib.sha256(repr(wanted).encode()).hexdigest()[:12]
        CACHE.mkdir(parents=True, exist_ok=True)
        env = CACHE / f"venv-{key}"
        with (CACHE / f"venv-{key}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (env / ".complete").exists():
                subprocess.run([sys.executable, "-m", "venv", "--clear", env], check=True)
                pip = [str(env / "bin/python"), "-m", "pip", "install", "--quiet"]
                subprocess.run([*pip, "--no-cache-dir", *requirements], check=True)
                if no_deps:
                    subprocess.run([*pip, "--no-cache-dir", "--no-deps", *no_deps], check=True)
                (env / ".complete").touch()
        return env

    return make


@pytest.fixture(scope="session")
def cuda_env(make_env: MakeEnv) -> Path:
    return make_env(*CUDA_121)


@pytest.fixture(scope="session")
def cpu_env(make_env: MakeEnv) -> Path:
    return make_env(*CPU)


@pytest.fixture(scope="session")
def video_env(make_env: MakeEnv) -> Path:
    """The lightest environment that builds pytorchvideo's models: no torchvision."""
    return make_env(*VIDEO, no_deps=VIDEO_NO_DEPS)
