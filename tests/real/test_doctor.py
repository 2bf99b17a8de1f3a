"""The doctor on real torch wheels: their GPU code, their pins, and what breaks when files go."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real

DOCTOR = [sys.executable, "-m", "envcheck", "doctor", "--format", "json", "--python"]


def doctor(python: Path, *arguments: str) -> dict[str, Any]:
    ran = subprocess.run(
        [*DOCTOR, str(python), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    report: dict[str, Any] = json.loads(ran.stdout)
    assert ran.returncode == report["exit_code"], ran.stderr
    assert report["crashed"] == []
    return report


def test_cuda_build_is_read_from_its_binaries(cuda_env: Path) -> None:
    report = doctor(cuda_env)
    torch = report["snapshot"]["torch"]
    assert torch["version"] == "2.4.0+cu121" and torch["cuda"] == "12.1"
    expected = ["sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"]
    assert torch["sass"] == expected and torch["ptx"] == []
    main = next(lib for lib in torch["libraries"] if lib["name"] == "libtorch_cuda.so")
    assert main["fatbins"] == 337
    assert all(pin["installed"] for pin in torch["pins"]) and len(torch["pins"]) >= 10
    names = {finding["name"] for finding in report["findings"] if finding["severity"] == "error"}
    assert names == set()


def test_every_library_of_a_real_torch_resolves(cuda_env: Path) -> None:
    loader = doctor(cuda_env)["snapshot"]["loader"]
    found = {library["name"]: library for library in loader["libraries"]}
    assert found["libcudnn.so.9"]["via"] == "RPATH"
    assert "/nvidia/cudnn/lib/" in found["libcudnn.so.9"]["path"]
    assert loader["not_found"] == []


def test_cpu_build(cpu_env: Path) -> None:
    torch = doctor(cpu_env)["snapshot"]["torch"]
    assert torch["version"].startswith("2.13.0") and torch["cuda"] is None
    assert torch["broken"] is None and torch["sass"]["why"] == "absent"


def test_doctor_says_what_torch_says(cpu_env: Path) -> None:
    """The torch whose import would answer is the one that was read."""
    code = "import json, torch; print(json.dumps([torch.__version__, torch.__file__]))"
    ran = subprocess.run(
        [cpu_env / "bin/python", "-c", code], capture_output=True, text=True, check=True
    )
    version, file = json.loads(ran.stdout.splitlines()[-1])
    torch = doctor(cpu_env)["snapshot"]["torch"]
    assert torch["version"] == version and file.startswith(torch["path"])


@pytest.mark.parametrize("gone", ["lib/libtorch_cpu.so", "__init__.py", "version.py"])
def test_a_torch_with_a_file_gone_is_broken(cpu_env: Path, tmp_path: Path, gone: str) -> None:
    site = next(cpu_env.glob("lib/python3.*/site-packages"))
    copy = tmp_path / "lib" / site.parent.name / "site-packages"
    copy.mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(cpu_env / "bin/python")
    shutil.copy(cpu_env / "pyvenv.cfg", tmp_path)
    (copy / "torch").mkdir()
    for entry in (site / "torch").iterdir():
        if entry.name == "lib":
            (copy / "torch/lib").mkdir()
            for library in entry.iterdir():
                (copy / "torch/lib" / library.name).symlink_to(library)
        else:
            (copy / "torch" / entry.name).symlink_to(entry)
    (copy / "torch" / gone).unlink()
    report = doctor(tmp_path)
    assert "torch_broken" in {finding["name"] for finding in report["findings"]}
