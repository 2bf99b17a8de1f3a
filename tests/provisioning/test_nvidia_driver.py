"""The driver: installed, upgraded, rolled back, kept, and what a failure leaves."""

import json
from pathlib import Path

import pytest

from tests.provisioning.conftest import MakeRoot
from tests.provisioning.nvidia import (
    DISTRO,
    GTX_1080_TI,
    PERSISTENCED,
    debian_driver,
    load,
    machine,
    os_release,
    secure_boot,
    ubuntu_driver,
)
from tests.provisioning.repository import Deb, Key, Server
from tests.provisioning.scenario import Root, Run

pytestmark = pytest.mark.provisioning

OLD, NEW = "580.95.05", "580.126.20"


def record(root: Root) -> dict[str, object]:
    text = root.read("/etc/ansible/facts.d/nvidia_driver.fact")
    return dict(json.loads(text))


@pytest.mark.parametrize(
    ("release", "version"),
    [("bookworm", NEW), ("trixie", "595.91.07")],
    ids=["debian12", "debian13"],
)
def test_bare_machine(
    release: str, version: str, scenario: MakeRoot, server: Server, key: Key
) -> None:
    debs = [deb for one in (OLD, NEW, "595.91.07") for deb in debian_driver(one)]
    root = machine(scenario(release), server, key, debs, distro=DISTRO[release]).root
    before = root.packages()

    check = root.play("provision.yml", tags="driver", facts=False, check=True)
    assert not check.failed, check.output
    assert check.changed
    assert root.packages() == before
    assert not root.exists("/etc/apt/sources.list.d/nvidia-cuda.sources")

    run = root.play("provision.yml", tags="driver", facts=False)
    assert not run.failed, run.output
    there = root.packages()
    assert there["nvidia-open"] == there["libnvidia-ml1"] == f"{version}-1"
    assert there["dkms"] == "1:3.2.2-1"
    assert "linux-headers-6.1.0-40-amd64" in there
    assert {"nvidia-open", "libcuda1", "nvidia-persistenced"} <= set(root.held())
    assert root.enabled("nvidia-persistenced")
    assert "blacklist nouveau" in root.read("/etc/modprobe.d/nvidia-driver-nouveau.conf")
    assert "nvidia-uvm" in root.read("/etc/modules-load.d/nvidia-driver.conf")
    assert record(root)["version"] == version
    assert not root.exists("/etc/apt/trusted.gpg")

    # Check mode once more on one of them: it runs the same tasks as the run that changes nothing.
    for mode in (True, False) if release == "bookworm" else (False,):
        again = root.play("provision.yml", tags="driver", facts=False, check=mode)
        assert (again.failed, again.changed) == (False, []), again.output


def provision(root: Root, **vars: object) -> Run:
    """The driver's part of provision.yml, which must succeed."""
    run = root.play("provision.yml", tags="driver", facts=False, vars=vars)
    assert not run.failed, run.output
    return run


def test_kept_upgraded_rolled_back(scenario: MakeRoot, server: Server, key: Key) -> None:
    box = machine(scenario(), server, key, debian_driver(OLD), gpus=(GTX_1080_TI,))
    root = box.root
    nothing = root.play("rollback.yml")
    assert nothing.failed
    assert "No earlier driver is on record" in nothing.message

    provision(root)
    assert root.packages()["cuda-drivers"] == f"{OLD}-1"  # Pascal: the proprietary module
    box.nvidia.publish(debian_driver(NEW))

    assert provision(root).changed == []  # a newer one is there, and nobody asked for it
    root.run("apt-get", "--yes", "dist-upgrade")  # what happens overnight
    assert root.packages()["libcuda1"] == f"{OLD}-1"

    provision(root, nvidia_driver_upgrade=True)
    there = root.packages()
    assert there["cuda-drivers"] == there["libnvidia-ml1"] == there["libcuda1"] == f"{NEW}-1"
    assert record(root)["previous"] == {"branch": 580, "version": OLD, "modules": "proprietary"}

    load(root, NEW)
    root.write("/dev/nvidia0", "")
    with root.start("sh", "-c", "exec 9</dev/nvidia0; echo ready; exec cat"):
        busy = root.play("rollback.yml")
        assert busy.failed
        assert f"in use by cat, and driver {NEW} would become {OLD}." in busy.message

    back = root.play("rollback.yml")
    assert not back.failed, back.output
    there = root.packages()
    assert there["cuda-drivers"] == there["libnvidia-ml1"] == there["libcuda1"] == f"{OLD}-1"
    assert OLD in root.read("/etc/apt/preferences.d/nvidia-driver")
    assert {"cuda-drivers", "libnvidia-ml1"} <= set(root.held())
    assert provision(root).changed == []


def test_nvswitch_machine(scenario: MakeRoot, server: Server, key: Key) -> None:
    """The newest version that driver and Fabric Manager have in common, not the newest driver."""
    debs = [*debian_driver(OLD), *debian_driver(NEW, parts=["driver"])]
    box = machine(scenario(), server, key, debs, switches=4)
    root = box.root
    provision(root)
    there = root.packages()
    unit = ("nvidia-open", "nvidia-fabricmanager", "libnvidia-nscq", "libcuda1")
    assert {there[name] for name in unit} == {f"{OLD}-1"}
    assert root.enabled("nvidia-fabricmanager")

    good = root.play("provision.yml", tags="verify_driver", facts=False)
    assert not good.failed, good.output

    wanted = root.play(
        "provision.yml", tags="driver", facts=False, vars={"nvidia_driver_version": NEW}
    )
    assert wanted.failed
    assert f"there is no nvidia-fabricmanager and no libnvidia-nscq in version {NEW}" in (
        wanted.message
    )
    assert root.packages() == there

    box.nvidia.publish(debian_driver(NEW, parts=["fabric"]))
    root.run("apt-get", "update")
    forced = ("--yes", "--allow-change-held-packages", "--allow-downgrades")
    root.run("apt-get", "install", *forced, f"nvidia-fabricmanager={NEW}-1")
    broken = root.play("provision.yml", tags="verify_driver", facts=False)
    assert broken.failed
    assert "DRV009 fabric_manager_version_mismatch" in broken.message

    provision(root)
    assert root.packages()["nvidia-fabricmanager"] == f"{OLD}-1"
    assert not root.play("provision.yml", tags="verify_driver", facts=False).failed


def test_branch_that_is_gone(scenario: MakeRoot, server: Server, key: Key) -> None:
    box = machine(scenario(), server, key, debian_driver(NEW))
    root, before = box.root, box.root.packages()
    gone = root.play(
        "provision.yml", tags="driver", facts=False, vars={"nvidia_driver_branch": 555}
    )
    assert gone.failed
    assert "Driver branch 555 is not there" in gone.message
    assert "past its end of life; left the package archives" in gone.message
    assert root.packages() == before

    box.nvidia.publish(debian_driver("555.42.06"))
    provision(root, nvidia_driver_branch=555)  # a mirror that has kept it
    assert root.packages()["nvidia-open"] == "555.42.06-1"


def test_repository_that_apt_must_not_trust(
    scenario: MakeRoot, server: Server, key: Key, tmp_path: Path
) -> None:
    box = machine(scenario(), server, key, debian_driver(NEW))
    root, before = box.root, box.root.packages()
    box.nvidia.publish((), key=Key(tmp_path / "other"))
    unsigned = root.play("provision.yml", tags="driver", facts=False)
    assert unsigned.failed
    assert "apt does not accept http://127.0.0.1" in unsigned.message
    assert "NO_PUBKEY" in unsigned.message
    assert not root.exists("/etc/apt/sources.list.d/nvidia-cuda.sources")

    box.nvidia.publish(())
    lists = box.nvidia.folder / "Packages"
    lists.write_text(lists.read_text().replace(NEW, "580.126.99"))
    tampered = root.play("provision.yml", tags="driver", facts=False)
    assert tampered.failed
    assert "File has unexpected size" in tampered.message or "Hash Sum" in tampered.message

    box.nvidia.publish(())
    wrong = {"nvidia_driver_keyring_sha256": "0" * 64}
    root.file("/var/cache/nvidia-driver/cuda-keyring_1.1-1_all.deb").unlink()
    keyring = root.play("provision.yml", tags="driver", facts=False, vars=wrong)
    assert keyring.failed
    assert "checksum" in keyring.message
    assert root.packages() == before


def test_full_disk(scenario: MakeRoot, server: Server, key: Key) -> None:
    """Refused beforehand; and where apt runs into it all the same, a later run mends it."""
    ballast = Deb("libnvidia-ballast", f"{NEW}-1", files={"/opt/ballast": "x" * (40 << 20)})
    debs = [deb for deb in debian_driver(NEW) if deb.name != "nvidia-open"]
    meta = {"Depends": "nvidia-driver-cuda, libnvidia-ballast"}
    debs += [Deb("nvidia-open", f"{NEW}-1", meta), ballast]
    root = machine(scenario(megabytes=70), server, key, debs).root
    refused = root.play("provision.yml", tags="driver", facts=False)
    assert refused.failed
    assert "disk: Only" in refused.message
    assert refused.changed == []

    small = {"preflight_disk": {"/": 1}}
    full = root.play("provision.yml", tags="driver", facts=False, vars=small)
    assert full.failed
    assert "enough free space" in full.message or "No space left" in full.message, full.message

    root.resize(1024)
    provision(root)
    assert root.packages()["libnvidia-ballast"] == f"{NEW}-1"


def test_interrupted_run(scenario: MakeRoot, server: Server, key: Key) -> None:
    """dpkg dies between unpacking and configuring; the next run finishes the work."""
    fragile = {"postinst": "test -e /etc/power"}
    debs = [deb for deb in debian_driver(NEW) if deb.name != "libnvidia-ml1"]
    root = machine(
        scenario(), server, key, [*debs, Deb("libnvidia-ml1", f"{NEW}-1", scripts=fragile)]
    ).root
    assert root.play("provision.yml", tags="driver", facts=False).failed
    assert "libnvidia-ml1" not in root.packages()
    root.write("/etc/power", "")
    again = provision(root)
    assert any("interrupted run" in task for task in again.changed)
    assert root.packages()["nvidia-open"] == f"{NEW}-1"
    assert provision(root).changed == []


SHIM = """#!/bin/sh
echo 2 > /etc/boots
mkdir -p /proc/driver/nvidia
test -e /etc/module-fails || echo "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64 \
 $(dpkg-query -W -f '${Version}' nvidia-open | cut -d- -f1)  Release" > /proc/driver/nvidia/version
"""


def test_restart(scenario: MakeRoot, server: Server, key: Key) -> None:
    root = machine(scenario(), server, key, debian_driver(NEW)).root
    load(root, OLD)
    root.write("/etc/boots", "1\n")
    root.write("/usr/local/sbin/restart", SHIM, 0o755)
    restart = {
        "nvidia_driver_reboot": True,
        "nvidia_driver_reboot_command": "/usr/local/sbin/restart",
        "nvidia_driver_boot_time_command": "cat /etc/boots",
    }
    root.vars |= restart
    without = root.play("provision.yml", tags="driver", facts=False, check=True)
    assert (without.failed, root.read("/etc/boots")) == (False, "1\n"), without.output

    root.write("/etc/module-fails", "")
    root.file("/proc/driver/nvidia/version").unlink()
    failed = root.play("provision.yml", tags="driver", facts=False)
    assert failed.failed
    assert root.read("/etc/boots") == "2\n"
    assert "DRV001 driver_not_loaded: the machine was restarted" in failed.message

    root.file("/etc/module-fails").unlink()
    root.write("/etc/boots", "1\n")
    restarted = provision(root)  # the driver is there, and was never loaded
    assert any("Ask for a restart" in task for task in restarted.changed)
    assert root.read("/etc/boots") == "2\n"

    root.write("/etc/boots", "1\n")
    assert provision(root).changed == []
    assert root.read("/etc/boots") == "1\n"  # nothing was changed: no restart


def test_purge(scenario: MakeRoot, server: Server, key: Key) -> None:
    """Left-overs of another driver go, and CUDA's where asked for; the wanted driver stays."""
    box = machine(scenario(), server, key, debian_driver(NEW))
    root = box.root
    box.archive.publish([Deb("libnvidia-old", "470.256.02-1"), Deb("cuda-12-1", "12.1.0-1")])
    root.run("apt-get", "update")
    root.run("apt-get", "install", "--yes", "libnvidia-old", "cuda-12-1")
    provision(root)
    assert {"libnvidia-old", "cuda-12-1"} <= set(root.packages())
    provision(root, nvidia_driver_purge=True, nvidia_driver_purge_cuda=["cuda-*"])
    there = root.packages()
    assert not {"libnvidia-old", "cuda-12-1"} & set(there)
    assert there["nvidia-open"] == f"{NEW}-1"


UBUNTU_DRIVERS = """#!/bin/sh
test "$*" = "install --gpgpu nvidia:580-server" || exit 2
apt-get install --yes nvidia-headless-no-dkms-580-server-open
"""


def test_ubuntu_by_name(scenario: MakeRoot, server: Server, key: Key) -> None:
    """NVIDIA's Ubuntu packages have the branch in their names, so branches replace one another."""
    debs = [*ubuntu_driver("570.211.01"), *ubuntu_driver(NEW)]
    box = machine(scenario(), server, key, debs, distro="ubuntu2404", switches=1)
    root = box.root
    os_release(root, "ubuntu", "24.04", "Ubuntu 24.04 LTS")
    provision(root, nvidia_driver_branch=570)
    assert root.packages()["nvidia-fabricmanager-570"] == "570.211.01-1"
    provision(root)
    there = root.packages()
    assert there["nvidia-open-580"] == f"{NEW}-0ubuntu1"
    assert there["nvidia-fabricmanager"] == f"{NEW}-1"
    assert "nvidia-driver-570-open" not in there
    assert record(root)["previous"] == {
        "branch": 570,
        "version": "570.211.01",
        "modules": "open",
    }
    back = root.play("rollback.yml")
    assert not back.failed, back.output
    assert root.packages()["nvidia-driver-570-open"] == "570.211.01-0ubuntu1"


def test_ubuntu_2204(scenario: MakeRoot, server: Server, key: Key) -> None:
    """The archive's own packages, where NVIDIA's repository is not wanted."""
    box = machine(scenario(), server, key, [], distro="ubuntu2204")
    root = box.root
    full = f"{NEW}-0ubuntu0.22.04.1"
    server_packages = [
        Deb("nvidia-driver-580-server-open", full, {"Depends": "nvidia-compute-utils-580-server"}),
        Deb("nvidia-compute-utils-580-server", full, files=PERSISTENCED),
        Deb("nvidia-modprobe", "580.1", files={"/usr/bin/nvidia-modprobe": ""}),
        Deb("linux-modules-nvidia-580-server-open-amd64", "6.1.0-40.44"),
    ]
    box.archive.publish(server_packages)
    os_release(root, "ubuntu", "22.04", "Ubuntu 22.04 LTS")
    secure_boot(root)
    provision(root, nvidia_driver_origin="distribution")
    assert "linux-modules-nvidia-580-server-open-amd64" in root.packages()
    assert root.packages()["nvidia-driver-580-server-open"] == full
    assert not root.exists("/etc/apt/sources.list.d/nvidia-cuda.sources")


def test_ubuntu_drivers(scenario: MakeRoot, server: Server, key: Key) -> None:
    box = machine(scenario(), server, key, [], distro="ubuntu2404")
    root = box.root
    tool = Deb("ubuntu-drivers-common", "1", files={"/usr/bin/ubuntu-drivers": UBUNTU_DRIVERS})
    full = f"{NEW}-0ubuntu0.24.04.1"
    box.archive.publish([tool, Deb("nvidia-headless-no-dkms-580-server-open", full)])
    box.archive.publish(
        deb for deb in ubuntu_driver(NEW) if "modprobe" in deb.name or "persi" in deb.name
    )
    os_release(root, "ubuntu", "24.04", "Ubuntu 24.04 LTS")
    origin = {"nvidia_driver_origin": "ubuntu-drivers"}
    provision(root, **origin)
    assert root.packages()["nvidia-headless-no-dkms-580-server-open"] == full
    assert "nvidia-headless-no-dkms-580-server-open" in root.held()
    assert not root.exists("/etc/apt/sources.list.d/nvidia-cuda.sources")
    assert provision(root, **origin).changed == []
