"""The packaged rows against the wheels themselves, on the index pip is configured with."""

import re
from pathlib import Path

import pytest
from packaging.utils import parse_wheel_filename

from envcheck.index import IndexFile, Web, files_of, read_pip_config
from envcheck.kb import load
from envcheck.kb.harvest import harvest, metadata, opened
from envcheck.kb.metadata import requirements
from tests.harvest.test_harvest import Silent

pytestmark = pytest.mark.real


@pytest.mark.parametrize("release", ["1.13.1", "2.4.0", "2.8.0", "2.15.0"])
def test_a_wheel_says_today_what_its_row_says(release: str, tmp_path: Path) -> None:
    (packaged,) = [
        row for row in load().builds.of(release) if row.default and row.platform == "linux-x86_64"
    ]
    monitor = Silent()
    (result,) = harvest(f"torch=={release}", monitor, platforms=["linux-x86_64"], folder=tmp_path)
    assert result.build is not None, result.reason
    assert monitor.bytes < 15_000_000
    for name in ("wheel", "sha256", "cuda", "sass", "ptx", "cudnn", "nccl", "triton", "glibc"):
        assert getattr(result.build, name) == getattr(packaged, name), name


@pytest.mark.parametrize("package", ["torchvision", "torchaudio"])
def test_companions_ask_for_the_torch_they_are_paired_with(package: str) -> None:
    config = read_pip_config()
    web = Web(config)
    wheels: dict[str, IndexFile] = {}
    for file in files_of(package, config, web):
        if re.search(r"manylinux.*x86_64\.whl$", file.name):
            wheels[str(parse_wheel_filename(file.name)[1])] = file
    pairs = [p for p in load().torch.pairs if p.package == package and p.kind == "measured"]
    assert len(pairs) > 20
    for pair in pairs:
        file = wheels[pair.version]
        with opened(file, web, warn=pytest.fail) as wheel:
            needs = requirements(metadata(file, wheel, web), "linux-x86_64", "3.11")
        assert [str(need.specifier) for need in needs if need.name == "torch"] == [pair.torch]
