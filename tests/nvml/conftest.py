"""The simulated driver for the tests of `envcheck.nvml`."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from envcheck.nvml.client import reap
from tests.nvmlstub import NoCompiler, build_stub, fleet

Fleet = Callable[..., dict[str, str]]


@pytest.fixture(scope="session")
def stub_library() -> Path:
    try:
        return build_stub()
    except NoCompiler as error:
        pytest.skip(str(error))


@pytest.fixture
def simulated(stub_library: Path, tmp_path: Path) -> Iterator[Fleet]:
    """`tests.nvmlstub.fleet` in this test's folder; afterwards no worker may be left over."""
    before = set(psutil.Process().children())
    yield lambda gpus=1, **settings: fleet(tmp_path, gpus, **settings)
    _, left = psutil.wait_procs(set(psutil.Process().children()) - before, timeout=5)
    reap()
    assert not left, f"left over: {left}"
