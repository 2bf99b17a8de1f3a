"""The harness itself: a package is installed by apt from a signed fixture repository."""

import pytest

from tests.provisioning.conftest import MakeRoot
from tests.provisioning.repository import Deb, Key, Repository, Server

pytestmark = pytest.mark.provisioning

PLAY = """
- hosts: gpu_machines
  tasks:
    - name: Install
      ansible.builtin.apt: {name: "{{ package }}", update_cache: true}
"""


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_transaction(release: str, scenario: MakeRoot, server: Server, key: Key) -> None:
    debs = [
        Deb("tool", "1.0-1", fields={"Depends": "library (= 1.0-1)"}, files={"/usr/bin/tool": ""}),
        Deb("library", "1.0-1", scripts={"postinst": "touch /var/lib/configured"}),
    ]
    repository = Repository(server, f"harness/{release}", key, debs)
    root = scenario(release)
    root.write("/etc/apt/sources.list.d/fixture.list", repository.source)

    first = root.play(PLAY, vars={"package": "tool"})
    assert (first.failed, first.changed) == (False, ["Install"]), first.output
    assert root.packages()["library"] == "1.0-1"
    assert root.exists("/var/lib/configured")

    again = root.play(PLAY, vars={"package": "tool"})
    assert (again.failed, again.changed) == (False, []), again.output

    missing = root.play(PLAY, vars={"package": "absent"})
    assert missing.failed
    assert "No package matching 'absent'" in missing.message


def test_scenarios_do_not_see_each_other(scenario: MakeRoot) -> None:
    one, other = scenario(), scenario()
    one.write("/etc/mark", "here")
    one.write("/proc/sys/kernel/osrelease", "6.1.0-1-amd64\n")
    one.write("/proc/driver/nvidia/version", "NVRM version: 580.95.05\n")
    assert one.run("cat", "/proc/sys/kernel/osrelease").stdout == "6.1.0-1-amd64\n"
    assert one.exists("/proc/driver/nvidia/version")
    assert not other.exists("/etc/mark")
    assert not other.exists("/proc/driver/nvidia/version")
    assert other.run("cat", "/proc/sys/kernel/osrelease").stdout != "6.1.0-1-amd64\n"
