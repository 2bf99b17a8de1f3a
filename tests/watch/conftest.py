"""The simulated driver, and the command line on it."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from envcheck.watch.sample import Sampler
from tests.nvml.conftest import Fleet, simulated, stub_library

__all__ = ["Command", "Fleet", "Open", "simulated", "stub_library"]

Open = Callable[..., Sampler]
Command = Callable[..., "subprocess.CompletedProcess[str]"]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def opened(simulated: Fleet) -> Iterator[Open]:
    """A started `Sampler` on the described GPUs; ended with the test."""
    samplers: list[Sampler] = []

    def start(
        gpus: object = 1, *, sampler: Mapping[str, Any] = MappingProxyType({}), **settings: object
    ) -> Sampler:
        made = Sampler(env=simulated(gpus, **settings), **sampler)
        samplers.append(made)
        made.open()
        return made

    yield start
    for made in samplers:
        made.close()


@pytest.fixture
def gpu_watch() -> Command:
    """Runs `envcheck gpu-watch ARGUMENTS` in the environment `env`."""

    def run(*arguments: str, env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "envcheck", "gpu-watch", *arguments],
            cwd=ROOT,
            env=dict(env),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
