"""The driver: installed, upgraded, rolled back, kept, and what a failure leaves."""

import json

import pytest

from tests.provisioning.conftest import MakeRoot
from tests.provisioning.nvidia import DISTRO, debian_driver, machine
from tests.provisioning.repository import Key, Server
from tests.provisioning.scenario import Root

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

    check = root.play("provision.yml", tags="driver", check=True)
    assert not check.failed, check.output
    assert check.changed
    assert root.packages() == before
    assert not root.exists("/etc/apt/sources.list.d/nvidia-cuda.sources")

    run = root.play("provision.yml", tags="driver")
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

    for again in (
        root.play("provision.yml", tags="driver", check=check) for check in (True, False)
    ):
        assert (again.failed, again.changed) == (False, []), again.output
