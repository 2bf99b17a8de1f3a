"""Preflight: what is refused, in which words, and that nothing was changed before.

The quick part reads a folder with a local connection; the rest plays on whole roots.
"""

import json
from pathlib import Path

import pytest

from tests.provisioning.conftest import MakeRoot
from tests.provisioning.nvidia import (
    B200,
    GTX_1080_TI,
    H100,
    KERNEL,
    RTX_5090,
    debian_driver,
    load,
    machine,
    os_release,
    pci,
    secure_boot,
)
from tests.provisioning.repository import Deb, Key, Server
from tests.provisioning.scenario import BIN, Root, Run, run_ansible

NEW = "580.126.20"
DEBIAN_12 = ("debian", "12", "Debian GNU/Linux 12 (bookworm)")


def folder(path: Path, *gpus: str, system: tuple[str, str, str] = DEBIAN_12) -> Root:
    """A machine of which there are only the files that preflight reads."""
    root = Root(path / "root", path)
    (root.path / "etc").mkdir(parents=True)
    (root.path / "etc/os-release").touch()
    os_release(root, *system)
    for slot, device in enumerate(gpus):
        pci(root, f"0000:0{slot}:00.0", device, "0x030200")
    return root


def preflight(root: Root, **vars: object) -> Run:
    """Preflight alone, reading the folder."""
    inventory = root.work / "inventory.yml"
    host = {
        "ansible_connection": "local",
        "ansible_become": False,
        "preflight_root": str(root.path),
    }
    host["ansible_python_interpreter"] = str(BIN / "python")
    text = json.dumps({"gpu_machines": {"hosts": {"here": {**host, "preflight_disk": {}}}}})
    inventory.write_text(text, encoding="utf-8")
    command = [str(BIN / "ansible-playbook"), "-i", str(inventory), "provision.yml"]
    command += ["--tags", "preflight", "--extra-vars", json.dumps(vars)]
    return run_ansible(command, root.work, facts=False)


def test_cuda_that_does_not_know_the_gpu(tmp_path: Path) -> None:
    run = preflight(folder(tmp_path, RTX_5090), preflight_cuda_versions=["12.1.1"])
    assert run.failed
    assert run.changed == []
    assert run.message.startswith("Nothing was changed. CUD003 nvcc_too_old_for_gpu: nvcc 12.1.1")
    assert "NVIDIA GeForce RTX 5090 (sm_120): CUDA 12.8 or newer is needed." in run.message


def test_wrong_type_is_refused_by_the_argument_specs(tmp_path: Path) -> None:
    run = preflight(folder(tmp_path, H100), preflight_disk="much")
    assert run.failed
    assert "preflight_disk" in run.message


@pytest.mark.provisioning
@pytest.mark.parametrize(
    ("gpus", "vars", "said"),
    [
        (["dead"], {}, "gpu_unknown: 10de:dead is not a GPU that envcheck knows"),
        (
            [H100],
            {"nvidia_driver_branch": 555},
            "branch_gone: Driver branch 555 is not there for Debian GNU/Linux 12 (bookworm) (past"
            " its end of life; left the package archives): NVIDIA's repository has 580, 590,",
        ),
        (
            [RTX_5090],
            {"nvidia_driver_modules": "proprietary"},
            "DRV012 open_module_required: NVIDIA GeForce RTX 5090 (sm_120): it needs the open",
        ),
        (
            [GTX_1080_TI],
            {"nvidia_driver_branch": 595},
            "DRV010 gpu_dropped_by_driver_branch: NVIDIA GeForce GTX 1080 Ti (sm_61): driver branch"
            " 580 is the last for Pascal (6.1), and this is 595.",
        ),
        (
            [B200],
            {"nvidia_driver_branch": 550, "nvidia_driver_repository_url": "http://127.0.0.1:1"},
            "DRV011 gpu_too_new_for_driver: ",
        ),
        (
            [H100],
            {"preflight_cuda_versions": ["13.0"], "nvidia_driver_version": "575.57.08"},
            "DRV002 driver_too_old: Driver 575 is too old for CUDA 13.0",
        ),
    ],
    ids=["unknown", "gone", "open-only", "dropped", "too-new", "cuda"],
)
def test_refused(tmp_path: Path, gpus: list[str], vars: dict[str, object], said: str) -> None:
    run = preflight(folder(tmp_path, *gpus), **{"preflight_cuda_versions": [], **vars})
    assert run.failed
    assert run.changed == []
    assert said in run.message, run.message


@pytest.mark.provisioning
@pytest.mark.parametrize(
    "system",
    [
        DEBIAN_12,
        ("debian", "13", "Debian GNU/Linux 13 (trixie)"),
        ("ubuntu", "22.04", "Ubuntu 22.04.5 LTS"),
        ("ubuntu", "24.04", "Ubuntu 24.04.3 LTS"),
    ],
    ids=lambda system: system[1],
)
def test_supported_systems_pass(tmp_path: Path, system: tuple[str, str, str]) -> None:
    run = preflight(folder(tmp_path, H100, system=system), preflight_cuda_versions=["12.1.1"])
    assert (run.failed, run.changed) == (False, []), run.output


@pytest.mark.provisioning
def test_other_systems_are_refused(tmp_path: Path) -> None:
    bullseye = ("debian", "11", "Debian GNU/Linux 11 (bullseye)")
    run = preflight(folder(tmp_path, H100, system=bullseye))
    assert run.failed
    assert "system: Debian GNU/Linux 11 (bullseye) is not a system these roles know." in run.message
    assert "debian12, debian13, ubuntu2204, ubuntu2404" in run.message


@pytest.mark.provisioning
def test_no_gpu_leaves_the_driver_out(tmp_path: Path) -> None:
    run = preflight(folder(tmp_path))
    assert not run.failed, run.output
    assert "GPU001 no_gpu_on_this_machine: No NVIDIA GPU was found" in run.output
    image = preflight(
        folder(tmp_path / "image"), preflight_gpus=["12.0"], preflight_cuda_versions=["12.1"]
    )
    assert "CUD003" in image.message


@pytest.mark.provisioning
def test_secure_boot(scenario: MakeRoot, server: Server, key: Key) -> None:
    root = machine(scenario(), server, key, debian_driver(NEW)).root
    secure_boot(root)
    before = root.packages()
    run = root.play("provision.yml", tags="driver")
    assert run.failed
    assert "DRV005 secure_boot_blocks_driver: Secure Boot is on" in run.message
    assert (run.changed, root.packages()) == ([], before)

    warned = root.play("provision.yml", tags="preflight", vars={"preflight_accept": ["DRV005"]})
    assert not warned.failed, warned.output
    assert "Secure Boot is on" in warned.output

    mokutil = '#!/bin/sh\necho "$2 is already enrolled"\nexit 1\n'
    root.write("/usr/bin/mokutil", mokutil, 0o755)
    root.write("/var/lib/dkms/mok.pub", "key")
    enrolled = root.play("provision.yml", tags="preflight")
    assert not enrolled.failed, enrolled.output


@pytest.mark.provisioning
def test_headers_holds_jobs_and_room(scenario: MakeRoot, server: Server, key: Key) -> None:
    box = machine(scenario(), server, key, debian_driver(NEW))
    root = box.root
    box.archive.withdraw("linux-headers*")
    box.archive.publish([Deb("nvidia-settings", "1-1")])
    root.run("apt-get", "update")
    root.run("apt-get", "install", "--yes", "nvidia-settings")
    root.run("apt-mark", "hold", "nvidia-settings")
    root.write("/etc/apt/apt.conf.d/20auto", 'APT::Periodic::Unattended-Upgrade "1";\n')
    load(root, "570.211.01")
    root.write("/dev/nvidia0", "")
    script = "exec 9</dev/nvidia0; echo ready; exec cat"
    with root.start("sh", "-c", script) as job:
        run = root.play("provision.yml", tags="driver", vars={"preflight_disk": {"/usr": 1 << 30}})
        assert run.failed
        assert f"DRV007 kernel_headers_missing: The headers of kernel {KERNEL}" in run.message
        assert "held: On hold by somebody else: nvidia-settings." in run.message
        assert f"gpu_jobs: The GPUs are in use by cat ({job.pid})" in run.message
        assert "disk: Only " in run.message
        assert "unattended-upgrades is on" in run.output
        assert run.changed == []

    root.run("apt-mark", "unhold", "nvidia-settings")
    box.archive.publish([Deb(f"linux-headers-{KERNEL}", "6.1.140-1")])
    root.run("apt-get", "update")
    assert not root.play("provision.yml", tags="preflight").failed
