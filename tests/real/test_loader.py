"""The loader probe against the real loader, with a real torch and libraries put in its way."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from envcheck.facts import Loader, Missing, TorchBuild
from envcheck.probes.host import Host
from envcheck.probes.interpreter import Interpreter, read_interpreter
from envcheck.probes.loader import read_loader

pytestmark = pytest.mark.real

# Asks cuDNN for each part, so that it opens them, and prints what the process has mapped.
SCRIPT = """
import ctypes, torch
torch.backends.cudnn.version()
cudnn = ctypes.CDLL("libcudnn.so.9")
for part in ("Adv", "Cnn", "Graph", "Ops"):
    getattr(cudnn, f"cudnn{part}VersionCheck")()
print(*{line.split()[-1] for line in open("/proc/self/maps") if ".so" in line})
"""
IN_THE_WAY = (
    "cuda_runtime/lib/libcudart.so.12",
    "cudnn/lib/libcudnn.so.9",
    "cudnn/lib/libcudnn_adv.so.9",
    "cudnn/lib/libcudnn_cnn.so.9",
    "cudnn/lib/libcudnn_graph.so.9",
    "cudnn/lib/libcudnn_ops.so.9",
    "cufft/lib/libcufft.so.11",
    "nvjitlink/lib/libnvJitLink.so.12",
)


def test_the_probe_says_what_the_loader_does(cuda_env: Path, tmp_path: Path) -> None:
    site = next(cuda_env.glob("lib/python3*/site-packages"))
    for library in IN_THE_WAY:
        shutil.copy(site / "nvidia" / library, tmp_path)
    environ = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path)}
    ran = subprocess.run(
        [cuda_env / "bin/python", "-c", SCRIPT],
        env=environ, check=True, capture_output=True, text=True,
    )  # fmt: skip
    mapped = {path for path in ran.stdout.split() if path.startswith(f"{tmp_path}/")}

    host = Host(environ=environ)
    interpreter = read_interpreter(host, str(cuda_env / "bin/python"))
    assert isinstance(interpreter, Interpreter)
    torch = TorchBuild(version="2.4.0+cu121", path=str(site / "torch"), cuda="12.1")
    loader = read_loader(host, interpreter, torch)
    assert isinstance(loader, Loader) and not isinstance(loader.libraries, Missing)
    assert {library.path for library in loader.shadowed} == mapped
    assert mapped and len(mapped) < len(IN_THE_WAY)
    everything = {library.path for library in loader.libraries}
    cuda = {path for path in ran.stdout.split() if re.search(r"/lib(cu(?!da)|nccl|nv)", path)}
    assert cuda <= everything
