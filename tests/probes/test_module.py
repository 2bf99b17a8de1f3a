"""Headers and DKMS state, from their own folders."""

from pathlib import Path

from envcheck.facts import Missing, Why
from envcheck.probes.module import headers_installed, read_dkms
from tests.roots import DIRECTORY, ELF, Content, Link, host_of

KERNEL = "6.8.0-45-generic"
MODULES = f"lib/modules/{KERNEL}"


def test_headers_are_there_when_a_module_could_be_compiled(tmp_path: Path) -> None:
    build: dict[str, Content] = {f"{MODULES}/build": Link(f"/usr/src/linux-headers-{KERNEL}")}
    assert headers_installed(host_of(tmp_path / "dangling", build), KERNEL) is False
    ubuntu = {**build, f"usr/src/linux-headers-{KERNEL}/Makefile": ""}
    assert headers_installed(host_of(tmp_path / "ubuntu", ubuntu), KERNEL) is True
    rhel = {**build, f"usr/src/kernels/{KERNEL}/Makefile": ""}
    assert headers_installed(host_of(tmp_path / "rhel", rhel), KERNEL) is True
    empty = {f"{MODULES}/build": DIRECTORY}
    assert headers_installed(host_of(tmp_path / "empty", empty), KERNEL) is False
    hidden = headers_installed(host_of(tmp_path / "container", {}), KERNEL)
    assert isinstance(hidden, Missing)
    assert hidden.why is Why.BLOCKED


def test_dkms_states(tmp_path: Path) -> None:
    tree = "var/lib/dkms/nvidia"
    host = host_of(
        tmp_path,
        {
            f"{tree}/535.104.05/source": Link("/usr/src/nvidia-535.104.05"),
            f"{tree}/550.54.15/{KERNEL}/x86_64/module/nvidia.ko": ELF,
            f"{tree}/550.54.15/6.5.0-1-generic/x86_64/module/nvidia.ko": ELF,
            f"{tree}/kernel-{KERNEL}-x86_64": Link(f"550.54.15/{KERNEL}/x86_64"),
            f"{tree}/kernel-6.5.0-1-generic-x86_64": Link("535.104.05/6.5.0-1-generic/x86_64"),
            "var/lib/dkms/nvidia-current/580.65.06/source": "",
            "var/lib/dkms/nvidia-fs/2.17.5/source": "",
            "var/lib/dkms/zfs/2.1.5/source": "",
        },
    )
    builds = read_dkms(host)
    assert not isinstance(builds, Missing)
    assert {(build.version, build.kernel, build.state) for build in builds} == {
        ("535.104.05", "", "added"),
        ("550.54.15", KERNEL, "installed"),
        ("550.54.15", "6.5.0-1-generic", "built"),
        ("580.65.06", "", "added"),
    }
