"""Extensions compiled here, against one torch and beside others; the dynamic linker is the judge.

What envcheck says of a file without loading it must be what importing it shows.
"""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real

SOURCE = """
#include <torch/extension.h>

torch::Tensor twice(torch::Tensor x) {
  TORCH_CHECK(x.dim() > 0, "needs a dimension, not ", x.dim());
  return x + x;
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) { m.def("twice", &twice); }
"""
USE = "import torch, tiny._C; print(tiny._C.twice(torch.ones(2)).tolist())"
NAME = f"_C{sysconfig.get_config_var('EXT_SUFFIX')}"

Build = Callable[[Path, bool], Path]


def site(env: Path) -> Path:
    return next(env.glob("lib/python3.*/site-packages"))


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Compiles the extension against an environment's torch, with its own or the other C++ ABI."""
    built: dict[tuple[Path, bool], Path] = {}

    def make(env: Path, same_abi: bool) -> Path:
        if (env, same_abi) in built:
            return built[env, same_abi]
        if shutil.which("g++") is None:
            pytest.skip("no g++ here")
        folder = tmp_path_factory.mktemp("tiny")
        (folder / "tiny.cpp").write_text(SOURCE)
        package = site(env) / "torch"
        config = (package / "share/cmake/Torch/TorchConfig.cmake").read_text()
        stated = re.search(r"_GLIBCXX_USE_CXX11_ABI=([01])", config)
        abi = (stated[1] if stated else "1") == "1"
        include = (package / "include", package / "include/torch/csrc/api/include")
        subprocess.run(
            [
                *("g++", "-O0", "-shared", "-fPIC", "-std=c++20", "tiny.cpp", "-o", NAME),
                f"-D_GLIBCXX_USE_CXX11_ABI={int(abi is same_abi)}",
                "-DTORCH_EXTENSION_NAME=_C",
                *(f"-I{path}" for path in (*include, sysconfig.get_path("include"))),
                *(f"-L{package}/lib", "-ltorch", "-ltorch_cpu", "-ltorch_python", "-lc10"),
            ],
            cwd=folder,
            check=True,
        )
        built[env, same_abi] = folder / NAME
        return folder / NAME

    return make


def beside(tmp_path: Path, env: Path, *packages: Path) -> Path:
    """An environment that sees all of `env`, and before it these packages' folders or files."""
    overlay = tmp_path / "overlay"
    here = overlay / site(env).relative_to(env)
    here.mkdir(parents=True)
    (overlay / "bin").mkdir()
    (overlay / "bin/python").symlink_to(env / "bin/python")
    shutil.copy(env / "pyvenv.cfg", overlay)
    (here / "all.pth").write_text(f"{site(env)}\n")
    for package in packages:
        (here / package.name).symlink_to(package)
    return overlay


def with_tiny(tmp_path: Path, env: Path, library: Path) -> Path:
    """The environment with the extension installed as package `tiny`."""
    package, info = tmp_path / "tiny", tmp_path / "tiny-1.0.dist-info"
    package.mkdir()
    info.mkdir()
    (package / "__init__.py").touch()
    shutil.copy(library, package / NAME)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
    (info / "RECORD").write_text(f"tiny/__init__.py,,\ntiny/{NAME},,\n")
    return beside(tmp_path, env, package, info)


def envcheck(*arguments: str | Path) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-m", "envcheck", *map(str, arguments), "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode in (0, 1), ran.stderr
    said: dict[str, Any] = json.loads(ran.stdout)
    return said


def findings(env: Path) -> list[dict[str, Any]]:
    """What the checks of extensions find there."""
    report = envcheck("doctor", "--python", env, "--select", "EXT")
    assert report["crashed"] == []
    return list(report["findings"])


def missing(env: Path) -> set[str]:
    """Mangled names that inspect says the environment's torch does not define."""
    (target,) = envcheck("inspect", "tiny", "--python", env)["targets"]
    return {symbol["name"] for symbol in target["binaries"][0]["torch"]["missing"]}


def used(env: Path, code: str = USE) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [env / "bin/python", "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )


def named(error: str) -> str:
    match = re.search(r"undefined symbol: (\w+)", error)
    assert match, error
    return match[1]


def test_silent_beside_its_own_torch(cpu_env: Path, build: Build, tmp_path: Path) -> None:
    env = with_tiny(tmp_path, cpu_env, build(cpu_env, True))
    assert used(env).stdout.splitlines()[-1] == "[2.0, 2.0]"
    assert findings(env) == [] and missing(env) == set()


def test_compiled_for_another_torch(
    cpu_env: Path, cuda_env: Path, build: Build, tmp_path: Path
) -> None:
    env = with_tiny(tmp_path, cuda_env, build(cpu_env, True))
    lost = missing(env)
    assert named(used(env).stderr) in lost
    (finding,) = findings(env)
    assert finding["name"] == "extension_built_for_other_torch"
    assert finding["evidence"][0]["what"] == "missing symbol"
    assert f"{len(lost)} of the " in finding["message"]
    command = finding["remedy"]["commands"][-1]
    assert "--no-build-isolation" in command and "tiny==1.0" in command


def test_compiled_with_the_other_cxx_abi(cpu_env: Path, build: Build, tmp_path: Path) -> None:
    env = with_tiny(tmp_path, cpu_env, build(cpu_env, False))
    lost = missing(env)
    assert named(used(env).stderr) in lost
    assert all("Ss" in name for name in lost)
    (finding,) = findings(env)
    assert finding["name"] == "cxx11_abi_mismatch"
    assert "std::string const&" in finding["message"]


def test_torchvision_beside_its_own_torch_and_another(
    cuda_env: Path, cpu_env: Path, tmp_path: Path
) -> None:
    assert findings(cuda_env) == []
    packages = list(site(cuda_env).glob("torchvision*"))
    assert {path.suffix for path in packages} == {"", ".libs", ".dist-info"}
    env = beside(tmp_path, cpu_env, *packages)
    (finding,) = findings(env)
    assert finding["name"] == "extension_built_for_other_torch"
    assert "torchvision 0.19.0" in finding["message"]
    loads = f"import torch; torch.ops.load_library({str(site(env) / 'torchvision/_C.so')!r})"
    assert "cannot open shared object file" in used(env, loads).stderr  # libc10_cuda.so
