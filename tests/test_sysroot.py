"""`doctor --sysroot`: another root is judged from its files, and nothing in it is ever run."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.binaries.build import elf, fatbin
from tests.roots import Content, Link, build_root

SITE = "venv/lib/python3.11/site-packages"
TRAP = "#!/bin/sh\ntouch /tmp/envcheck-ran-something-in-a-sysroot\n"


def root(base: Path, *architectures: str) -> str:
    code = b"".join(fatbin(*architectures) for _ in range(3))
    files: dict[str, Content] = {
        "etc/os-release": 'ID=ubuntu\nVERSION_ID="22.04"\nPRETTY_NAME="Ubuntu 22.04.4 LTS"\n',
        "usr/bin/python3.11": TRAP,
        "usr/bin/gcc": TRAP,
        "usr/bin/nvcc": TRAP,
        "usr/lib/python3.11/os.py": "",
        "venv/bin/python": Link("/usr/bin/python3.11"),
        "venv/pyvenv.cfg": "home = /usr/bin\nversion = 3.11.4\n",
        f"{SITE}/torch/__init__.py": "",
        f"{SITE}/torch/version.py": "__version__ = '2.8.0+cu126'\ncuda = '12.6'\n",
        f"{SITE}/torch/_C.cpython-311-x86_64-linux-gnu.so": elf(),
        f"{SITE}/torch/lib/libc10.so": elf(),
        f"{SITE}/torch/lib/libtorch_cpu.so": elf(),
        f"{SITE}/torch/lib/libtorch_cuda.so": elf(sections={".nv_fatbin": code}),
        f"{SITE}/torch-2.8.0.dist-info/METADATA": "Name: torch\nVersion: 2.8.0\n",
        # a running machine: its kernel, a V100 on the bus, and the traces of its driver
        "proc/sys/kernel/osrelease": "5.15.0-105-generic\n",
        "sys/bus/pci/devices/0000:3b:00.0/vendor": "0x10de\n",
        "sys/bus/pci/devices/0000:3b:00.0/device": "0x1db1\n",
        "sys/bus/pci/devices/0000:3b:00.0/class": "0x030200\n",
        "sys/module/nvidia/version": "580.95.05\n",
        "proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05\n",
    }
    return build_root(base, files)


def doctor(sysroot: str, *arguments: str) -> dict[str, Any]:
    command = ["doctor", "--sysroot", sysroot, "--python", "/venv", "--format", "json"]
    ran = subprocess.run(
        [sys.executable, "-m", "envcheck", *command, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    report: dict[str, Any] = json.loads(ran.stdout)
    assert report["crashed"] == []
    return report


def test_a_root_is_judged_from_its_files(tmp_path: Path) -> None:
    report = doctor(root(tmp_path, "sm_75", "sm_80"))
    snapshot = report["snapshot"]
    assert snapshot["origin"] == "sysroot"
    assert snapshot["torch"]["sass"] == ["sm_75", "sm_80"]
    (gpu,) = snapshot["gpus"]["devices"]
    assert gpu["sm"] == "7.0" and "PCI" in snapshot["gpus"]["sources"]["sm"]
    assert "arch_not_in_build" in {finding["name"] for finding in report["findings"]}


def test_the_same_root_with_code_for_its_gpu(tmp_path: Path) -> None:
    report = doctor(root(tmp_path, "sm_70", "sm_80"))
    assert "arch_not_in_build" not in {finding["name"] for finding in report["findings"]}


@pytest.mark.parametrize("purpose", ["run", "build"])
def test_nothing_in_the_root_is_run(tmp_path: Path, purpose: str) -> None:
    trace = Path("/tmp/envcheck-ran-something-in-a-sysroot")
    trace.unlink(missing_ok=True)
    doctor(root(tmp_path, "sm_70"), "--for", purpose)
    assert not trace.exists()


def test_a_folder_that_is_there_by_two_names_is_one(tmp_path: Path) -> None:
    """Every venv on 64-bit Linux has lib64 as a link to lib: its torch is no second one."""
    at = root(tmp_path, "sm_70")
    (tmp_path / "venv/lib64").symlink_to("lib")
    assert "mixed_pip_conda" not in {one["name"] for one in doctor(at)["findings"]}
