"""The binary readers on real CUDA libraries, beside cuobjdump and the real loader."""

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from envcheck.binaries.archflags import read_arch_flags
from envcheck.binaries.elf import read_elf
from envcheck.binaries.fatbin import GpuCode, read_gpu_code
from envcheck.binaries.loader import LibrarySearch, LocalFiles
from envcheck.binaries.source import FileSource
from envcheck.binaries.symbols import SymbolTable
from envcheck.binaries.versions import needed_versions, newest

pytestmark = pytest.mark.real

CUDA_121 = ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90")


def packages(env: Path) -> Path:
    return next(env.glob("lib/python3*/site-packages"))


def gpu_code(path: Path) -> GpuCode:
    with FileSource(path) as source:
        return read_gpu_code(source)


def test_every_fatbin_of_libtorch_cuda(cuda_env: Path) -> None:
    code = gpu_code(packages(cuda_env) / "torch/lib/libtorch_cuda.so")
    assert code == GpuCode(fatbins=337, sass=dict.fromkeys(CUDA_121, 337))
    assert code.full == CUDA_121


def test_the_embedded_list_equals_the_measured_one(cuda_env: Path, cpu_env: Path) -> None:
    with FileSource(packages(cuda_env) / "torch/lib/libtorch_python.so") as source:
        assert read_arch_flags(source) == CUDA_121
    with FileSource(packages(cpu_env) / "torch/lib/libtorch_python.so") as source:
        assert read_arch_flags(source) is None


@pytest.mark.parametrize(
    "name",
    [
        "nvidia/nccl/lib/libnccl.so.2",  # device-linked
        "nvidia/cudnn/lib/libcudnn_engines_runtime_compiled.so.9",  # sm_90a
        "nvidia/cusparse/lib/libcusparse.so.12",
        "torch/lib/libtorch_cuda_linalg.so",
    ],
)
def test_agrees_with_cuobjdump(cuda_env: Path, name: str) -> None:
    (tool,) = packages(cuda_env).glob("triton/**/bin/cuobjdump")
    path = packages(cuda_env) / name
    code = gpu_code(path)
    for option, suffix, prefix, counts in (
        ("--list-elf", "cubin", "sm", code.sass),
        ("--list-ptx", "ptx", "compute", code.ptx),
    ):
        listed = subprocess.run([tool, option, path], capture_output=True, text=True).stdout
        numbers = re.findall(rf"sm_(\d+[af]?)\.{suffix}", listed)
        expected = Counter(f"{prefix}_{number}" for number in numbers)
        if "nccl" in name and prefix == "compute":
            # PTX to be linked anew for GPUs that the linked image has no code for.
            assert (counts, expected) == ({"compute_90": 1}, {})
        else:
            assert counts == expected


def test_finds_what_the_loader_finds(cuda_env: Path) -> None:
    (module,) = packages(cuda_env).glob("torch/_C.*.so")
    listed = subprocess.run(["ldd", module], capture_output=True, text=True, check=True).stdout
    expected = dict(re.findall(r"^\s+(\S+) => (/\S+)", listed, re.MULTILINE))
    assert "libcudnn.so.9" in expected
    found = {f.name: f.path for f in LibrarySearch(LocalFiles()).trace(str(module))}
    for name, path in expected.items():
        place = found[name]
        assert place is not None
        assert Path(place).resolve() == Path(path).resolve()
    absent = {name for name, path in found.items() if path is None}
    assert absent == set(re.findall(r"^\s+(\S+) => not found", listed, re.MULTILINE))


def test_torch_defines_what_torchvision_wants(cuda_env: Path, cpu_env: Path) -> None:
    """And another torch does not: the names changed between the two releases."""
    with FileSource(packages(cuda_env) / "torchvision/_C.so") as source:
        names = SymbolTable(read_elf(source)).undefined().strong
    wanted = [name for name in names if re.match(r"_ZNK?(2at|3c10|5torch)", name)]
    assert len(wanted) > 100
    assert unresolved(wanted, packages(cuda_env)) == []
    assert unresolved(wanted, packages(cpu_env)) != []


def unresolved(names: list[str], site: Path) -> list[str]:
    for path in sorted(site.glob("torch/lib/lib*.so")):
        with FileSource(path) as source:
            names = list(SymbolTable(read_elf(source)).missing(names))
    return names


def test_versions_that_torch_needs(cuda_env: Path) -> None:
    with FileSource(packages(cuda_env) / "torch/lib/libtorch_cuda.so") as source:
        needs = needed_versions(read_elf(source))
    every = [version for versions in needs.values() for version in versions]
    assert newest(every, "GLIBC") == "2.14"  # a manylinux2014 build may need 2.17 at most
    assert newest(every, "GLIBCXX") == "3.4.19"
