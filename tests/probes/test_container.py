"""Containers, WSL and Jetson, told by the marks they leave."""

from pathlib import Path

import pytest

from envcheck.facts import NOT_ASKED, Container, Missing
from envcheck.probes.container import read_container
from tests.roots import DIRECTORY, ELF, HOSTILE, Content, Files, host_of

KERNEL: Files = {"proc/sys/kernel/osrelease": "6.8.0-45-generic\n"}
LIBRARIES = "usr/lib/x86_64-linux-gnu"


def container(base: Path, files: Files, **environ: str) -> Container:
    return read_container(host_of(base, {**KERNEL, **files}, environ))


def test_bare_metal(tmp_path: Path) -> None:
    fact = container(
        tmp_path,
        {
            "proc/1/cgroup": "0::/init.scope\n",
            "proc/1/environ": "HOME=/\0TERM=linux\0",
            "proc/mounts": "/dev/sda2 / ext4 rw 0 0\n",
            "sys/firmware/devicetree/base/model": "Raspberry Pi 5\0",
        },
        PATH="/bin",
    )
    assert fact.runtime is None
    assert fact.wsl == 0
    assert fact.jetson is None
    assert fact.visible_devices is None
    assert fact.driver_capabilities is None
    assert fact.video_libraries is False


@pytest.mark.parametrize(
    ("runtime", "files", "source"),
    [
        ("docker", {".dockerenv": ""}, "/.dockerenv"),
        ("podman", {"run/.containerenv": 'engine="podman"\n'}, "/run/.containerenv"),
        ("apptainer", {".singularity.d": DIRECTORY}, "/.singularity.d"),
        (
            "kubernetes",
            {".dockerenv": "", "var/run/secrets/kubernetes.io/serviceaccount/token": ""},
            "/var/run/secrets/kubernetes.io",
        ),
        ("systemd-nspawn", {"run/systemd/container": "systemd-nspawn"}, "/run/systemd/container"),
        ("lxc", {"proc/1/environ": "PATH=/bin\0container=lxc\0"}, "/proc/1/environ"),
        ("lxc", {"proc/1/environ": "container=lxc\0A=b"}, "/proc/1/environ"),
        ("docker", {"proc/1/cgroup": "12:pids:/docker/0123abc\n0::/\n"}, "/proc/1/cgroup"),
        (
            "kubernetes",
            {"proc/1/cgroup": "0::/kubepods.slice/cri-containerd-0a.scope\n"},
            "/proc/1/cgroup",
        ),
        ("containerd", {"proc/1/cgroup": "0::/system.slice/containerd.service/x\n"}, ""),
        ("podman", {"proc/1/cgroup": "0::/machine.slice/libpod-0a.scope\n"}, "/proc/1/cgroup"),
        (
            "docker",
            {"proc/mounts": "overlay / overlay rw,lowerdir=/var/lib/docker/overlay2/l/X 0 0\n"},
            "/proc/mounts",
        ),
        (
            "podman",
            {
                "proc/mounts": "proc /proc proc rw 0 0\nfuse-overlayfs / fuse.fuse-overlayfs "
                "rw,lowerdir=/home/u/.local/share/containers/storage/overlay/l/X 0 0\n"
            },
            "/proc/mounts",
        ),
    ],
)
def test_runtimes(tmp_path: Path, runtime: str, files: dict[str, Content], source: str) -> None:
    fact = container(tmp_path, files)
    assert fact.runtime == runtime
    assert source in fact.source("runtime")


def test_variables_tell_a_runtime(tmp_path: Path) -> None:
    assert container(tmp_path, {}, KUBERNETES_SERVICE_HOST="10.0.0.1").runtime == "kubernetes"
    assert container(tmp_path, {}, SINGULARITY_CONTAINER="/a.sif").runtime == "apptainer"


def test_what_looks_like_a_container_and_is_none(tmp_path: Path) -> None:
    fact = container(
        tmp_path,
        {
            "proc/mounts": "/cow / overlay rw,lowerdir=/minimal.squashfs,upperdir=/cow/upper 0 0\n"
            "overlay /var/lib/docker/overlay2/a overlay rw,lowerdir=/var/lib/docker/x 0 0\n",
            "run/systemd/container": "wsl",
            "proc/1/environ": "notcontainer=lxc\0",
        },
    )
    assert fact.runtime is None


@pytest.mark.parametrize(
    ("release", "wsl"),
    [
        ("4.4.0-19041-Microsoft", 1),
        ("5.15.153.1-microsoft-standard-WSL2", 2),
        ("4.19.104-microsoft-standard", 2),
        ("5.15.0-1061-azure", 0),
        ("4.4.0-210-generic", 0),
    ],
)
def test_wsl_by_its_kernel(tmp_path: Path, release: str, wsl: int) -> None:
    fact = container(tmp_path, {"proc/sys/kernel/osrelease": release})
    assert fact.wsl == wsl
    assert fact.source("wsl") == "/proc/sys/kernel/osrelease"


def test_wsl_with_a_kernel_of_ones_own(tmp_path: Path) -> None:
    fact = container(tmp_path, {"dev/dxg": "", "usr/lib/wsl/lib/libcuda.so.1": ELF})
    assert fact.wsl == 2


def test_a_container_in_wsl_is_both(tmp_path: Path) -> None:
    files = {"proc/sys/kernel/osrelease": "5.15.1-microsoft-standard-WSL2", ".dockerenv": ""}
    fact = container(tmp_path, files)
    assert (fact.runtime, fact.wsl) == ("docker", 2)


def test_jetson(tmp_path: Path) -> None:
    text = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64\n"
    fact = container(tmp_path / "host", {"etc/nv_tegra_release": text})
    assert fact.jetson == "36.4.3"
    assert fact.source("jetson") == "/etc/nv_tegra_release"
    model = "NVIDIA Jetson AGX Orin Developer Kit\0"
    inside = container(tmp_path / "container", {"proc/device-tree/model": model})
    assert inside.jetson == "unknown"
    tegra = {"sys/firmware/devicetree/base/compatible": "nvidia,p3737\0nvidia,tegra234\0"}
    assert container(tmp_path / "board", tegra).jetson == "unknown"


def test_what_the_nvidia_runtime_was_asked_for(tmp_path: Path) -> None:
    fact = container(
        tmp_path,
        {},
        NVIDIA_VISIBLE_DEVICES="all",
        NVIDIA_DRIVER_CAPABILITIES="compute,utility",
    )
    assert fact.visible_devices == "all"
    assert fact.driver_capabilities == "compute,utility"


def test_video_needs_both_libraries(tmp_path: Path) -> None:
    one: Files = {f"{LIBRARIES}/libnvcuvid.so.1": ELF}
    assert container(tmp_path / "one", one).video_libraries is False
    both = {**one, f"{LIBRARIES}/libnvidia-encode.so.1": ELF}
    assert container(tmp_path / "both", both).video_libraries is True


def test_an_image_tells_what_its_files_tell(tmp_path: Path) -> None:
    fact = read_container(host_of(tmp_path, {"etc/os-release": "ID=debian\n"}))
    for field in ("runtime", "wsl", "jetson", "visible_devices", "video_libraries"):
        assert getattr(fact, field) == NOT_ASKED, field
    exported = read_container(host_of(tmp_path, {".dockerenv": ""}))
    assert exported.runtime == "docker"
    configured = read_container(host_of(tmp_path, {}, {"NVIDIA_VISIBLE_DEVICES": "all"}))
    assert configured.visible_devices == "all"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_files_are_no_container(tmp_path: Path, hostile: str) -> None:
    content = HOSTILE[hostile]
    fact = container(
        tmp_path,
        {
            "proc/1/cgroup": content,
            "proc/1/environ": content,
            "proc/mounts": content,
            "run/systemd/container": content,
            "proc/device-tree/model": content,
            f"{LIBRARIES}/libnvcuvid.so.1": content,
            f"{LIBRARIES}/libnvidia-encode.so.1": content,
        },
    )
    assert fact.runtime is None
    assert fact.jetson is None
    assert fact.video_libraries is False
    assert not isinstance(fact.wsl, Missing)
