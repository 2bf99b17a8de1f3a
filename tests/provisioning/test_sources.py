"""Roles detectron2, pytorchvideo and slowfast: cloned, patched, built in an environment."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.provisioning import sources
from tests.provisioning.channel import PackageIndex
from tests.provisioning.repository import Key, Server
from tests.provisioning.scenario import Root, make_root, unmount
from tests.provisioning.stack import NVCC, refusals

pytestmark = pytest.mark.provisioning

PYTHON = "/opt/envs/slowfast/bin/python"
PLAY = """
- hosts: gpu_machines
  gather_facts: false
  roles: [detectron2, pytorchvideo, slowfast]
"""


@pytest.fixture(scope="module")
def prepared(
    private_mounts: None, tmp_path_factory: pytest.TempPathFactory, server: Server, key: Key
) -> Iterator[Path]:
    """A root with git, an environment with torch, and nvcc."""
    with sources.root_with_git(tmp_path_factory.mktemp("prepared"), key) as root:
        index = PackageIndex(server, "simple-sources")
        sources.add_torch_modules(index)
        root.run("python3", "-m", "venv", "/opt/envs/slowfast")
        packages = ("setuptools", "wheel", "torch", "torchvision", "numpy")
        root.run(PYTHON, "-m", "pip", "install", "-q", "--index-url", index.url, *packages)
        root.write("/usr/local/cuda-12.1/bin/nvcc", NVCC, 0o755)
        profile = "CUDA_HOME=/usr/local/cuda-12.1\nCUDAHOSTCXX=/usr/bin/g++-12\n"
        root.write("/etc/profile.d/cuda_toolkit.sh", profile)
        yield root.path


@pytest.fixture(scope="module")
def upstream(server: Server, tmp_path_factory: pytest.TempPathFactory) -> sources.Upstreams:
    return sources.publish(server, tmp_path_factory.mktemp("sources"))


@pytest.fixture
def machine(
    prepared: Path, tmp_path: Path, key: Key, upstream: sources.Upstreams
) -> Iterator[Root]:
    root = make_root(prepared, tmp_path, megabytes=1024, archive=False, key=key)
    root.vars.update(upstream.vars)
    yield root
    unmount(root)


def play(*roles: str) -> str:
    return PLAY.replace("detectron2, pytorchvideo, slowfast", ", ".join(roles))


def test_all_three(machine: Root, upstream: sources.Upstreams) -> None:
    checked = machine.play(PLAY, check=True)
    assert not checked.failed, checked.output
    assert "source_package : Build with the torch that is there, and install" in checked.changed
    assert not machine.exists("/opt/src")

    first = machine.play(PLAY)
    assert not first.failed, first.output
    code = "import torch, detectron2._C as c; print(c.ARCHES); from slowfast.datasets import utils"
    config = "type('C', (), {'NUM_GPUS': 1, 'MULTIGRID': type('M', (), {'SHORT_CYCLE': True})})"
    code += f"; print(type(utils.create_sampler([], True, {config})).__name__)"
    assert machine.run(PYTHON, "-c", code).stdout.split() == [
        "8.0;8.6;8.9;9.0+PTX",
        "RandomSampler",
    ]
    assert "pillow" in machine.read("/opt/src/SlowFast/setup.py")
    assert "demo_net" in machine.read("/opt/src/SlowFast/tools/run_net.py")

    again = machine.play(PLAY)
    assert (again.failed, again.changed) == (False, []), again.output

    later = {"slowfast_commit": upstream.later, "detectron2_compute_capabilities": ["9.0"]}
    moved = machine.play(play("detectron2", "slowfast"), vars=later)
    assert not moved.failed, moved.output
    assert "vision.fair" not in machine.read("/opt/src/SlowFast/tools/run_net.py")
    arches = machine.run(PYTHON, "-c", "import detectron2._C as c; print(c.ARCHES)").stdout
    assert arches.strip() == "9.0"


def test_somebodys_changes_are_kept(machine: Root) -> None:
    assert not machine.play(play("pytorchvideo")).failed
    file = "/opt/src/pytorchvideo/pytorchvideo/__init__.py"
    machine.write(file, "mine = 1\n")
    refused = machine.play(play("pytorchvideo"))
    assert refused.failed
    assert "Somebody changed files of /opt/src/pytorchvideo" in refused.message
    assert machine.read(file) == "mine = 1\n"
    thrown = machine.play(play("pytorchvideo"), vars={"pytorchvideo_discard_changes": True})
    assert not thrown.failed, thrown.output
    assert machine.read(file) == ""


def test_interrupted(machine: Root) -> None:
    assert not machine.play(play("pytorchvideo", "slowfast")).failed
    machine.write("/opt/src/SlowFast/setup.py", "half")
    machine.write("/opt/src/SlowFast.incomplete", "")
    machine.run(PYTHON, "-m", "pip", "uninstall", "-qy", "slowfast")
    resumed = machine.play(play("slowfast"))
    assert not resumed.failed, resumed.output
    assert "pillow" in machine.read("/opt/src/SlowFast/setup.py")
    assert machine.run(PYTHON, "-c", "import slowfast").returncode == 0


def test_verify_catches(machine: Root, upstream: sources.Upstreams) -> None:
    released = machine.play(play("pytorchvideo"), vars={"pytorchvideo_commit": upstream.old})
    assert "No module named 'pytorchvideo.losses'" in released.message
    assert "pytorchvideo is installed and does not work" in released.message

    cpu = {"detectron2_commit": upstream.cpu}
    assert "compiled without CUDA" in machine.play(play("detectron2"), vars=cpu).message

    assert not machine.play(play("pytorchvideo")).failed
    unpatched = machine.play(play("slowfast"), vars={"slowfast_patches": []})
    assert "No module named 'torch._six'" in unpatched.message


def test_refused(machine: Root, upstream: sources.Upstreams) -> None:
    whole = {
        "source_package_name": "pytorchvideo",
        "source_package_repository": upstream.vars["pytorchvideo_repository"],
        "source_package_commit": upstream.vars["pytorchvideo_commit"],
        "source_package_python": PYTHON,
    }
    patch = {"name": "x", "path": "setup.py", "marker": "setup", "why": "", "source": ""}
    misfit = machine.work / "misfit.patch"
    misfit.write_text("--- a/setup.py\n+++ b/setup.py\n@@ -1,1 +1,1 @@\n-no such line\n+other\n")
    cases: list[tuple[dict[str, Any], str]] = [
        ({**whole, "source_package_commit": "main"}, "a commit of 40 digits"),
        ({**whole, "source_package_commit": "0" * 40}, "0000"),
        ({**whole, "source_package_repository": "pytorchvideo"}, "needs a repository"),
        ({**whole, "source_package_python": "/opt/none/bin/python"}, "does not run: make the"),
        ({**whole, "source_package_patches": [patch]}, "missing required arguments: file"),
        ({**whole, "source_package_patches": [{**patch, "file": str(misfit)}]}, "x does not fit"),
        ({**whole, "source_package_environment": "FORCE_CUDA"}, "dict"),
    ]
    run, said = refusals(machine, "source_package", [case for case, _ in cases])
    assert len(said) == len(cases), run.output
    for (case, wanted), message in zip(cases, said, strict=True):
        assert wanted in message, case
    run, said = refusals(
        machine,
        "detectron2",
        [
            {"detectron2_compute_capabilities": ["12.0"]},
            {"detectron2_cuda_home": "/usr/local/cuda-9.9"},
        ],
    )
    assert "CUD003 nvcc_too_old_for_gpu" in said[0]
    assert "CUD005 nvcc_missing" in said[1]
