"""What stands between this process and the machine: a container, WSL, Jetson's own Linux.

Must not know drivers; it only looks for the marks each runtime leaves.
"""

import re

from envcheck.facts import NOT_ASKED, Container, Missing
from envcheck.probes.host import Host
from envcheck.probes.kernel import RELEASE, kernel_release
from envcheck.probes.libraries import find_library, library_folders

# A file or folder that one runtime puts into its containers.
MARKS = {
    "/var/run/secrets/kubernetes.io": "kubernetes",
    "/.dockerenv": "docker",
    "/run/.containerenv": "podman",
    "/.singularity.d": "apptainer",
}
VARIABLES = {
    "KUBERNETES_SERVICE_HOST": "kubernetes",
    "APPTAINER_CONTAINER": "apptainer",
    "SINGULARITY_CONTAINER": "apptainer",
}
# Words in the cgroup of process 1, and in the folders an overlay root is made of.
CGROUPS = {
    "kubepods": "kubernetes",
    "docker": "docker",
    "libpod": "podman",
    "containerd": "containerd",
    "lxc": "lxc",
}
LAYERS = {
    "/docker/": "docker",
    "/containers/storage/": "podman",
    "containerd": "containerd",
}
TOLD = {
    "/run/systemd/container": r"\A([a-z][a-z0-9-]{1,30})\s*\Z",
    "/proc/1/environ": r"(?:\A|\0)container=([a-z][a-z0-9-]{1,30})(?:\0|\Z)",
}
VIDEO = ("libnvcuvid.so.1", "libnvidia-encode.so.1")
L4T = "/etc/nv_tegra_release"
DEVICE_TREES = ("/proc/device-tree", "/sys/firmware/devicetree/base")

Seen = tuple[str, str]  # what it is, and where that was read


def read_container(host: Host) -> Container:
    """The container around this process; for a root that brings no /proc only what files tell."""
    kernel = kernel_release(host)
    running = kernel != NOT_ASKED
    runtime, runtime_source = _runtime(host, running) or (None, "no mark of a container runtime")
    wsl, wsl_source = _wsl(host, kernel) if running else (NOT_ASKED, "")
    jetson, jetson_source = _jetson(host) or (None, "no L4T release, no Tegra device tree")
    video = not any(
        isinstance(find_library(host, name, library_folders(host)), Missing) for name in VIDEO
    )
    asked = host.live or bool(host.environ)
    return Container(
        runtime=runtime if runtime or running else NOT_ASKED,
        wsl=wsl,
        jetson=jetson if jetson or running else NOT_ASKED,
        visible_devices=host.environ.get("NVIDIA_VISIBLE_DEVICES") if asked else NOT_ASKED,
        driver_capabilities=host.environ.get("NVIDIA_DRIVER_CAPABILITIES") if asked else NOT_ASKED,
        video_libraries=video if video or running else NOT_ASKED,  # they come in when it starts
        sources={
            "runtime": runtime_source,
            "wsl": wsl_source,
            "jetson": jetson_source,
            "visible_devices": "NVIDIA_VISIBLE_DEVICES",
            "driver_capabilities": "NVIDIA_DRIVER_CAPABILITIES",
            "video_libraries": f"{' and '.join(VIDEO)} in the system's library folders",
        },
    )


def _runtime(host: Host, running: bool) -> Seen | None:
    for variable, name in VARIABLES.items():
        if host.environ.get(variable):
            return name, variable
    for path, name in MARKS.items():
        if host.exists(path):
            return name, path
    return (_told(host) or _from_cgroup(host) or _from_layers(host)) if running else None


def _told(host: Host) -> Seen | None:
    """What the container manager itself says: https://systemd.io/CONTAINER_INTERFACE/"""
    for path, pattern in TOLD.items():
        text = host.read(path, 1 << 16)
        said = None if isinstance(text, Missing) else re.search(pattern, text)
        if said and said.group(1) != "wsl":
            return said.group(1), path
    return None


def _from_cgroup(host: Host) -> Seen | None:
    path = "/proc/1/cgroup"
    text = host.read(path, 1 << 16)
    if isinstance(text, Missing):
        return None
    for word, name in CGROUPS.items():
        if re.search(rf"(?m)^\d+:[^:\n]*:.*{word}", text):
            return name, path
    return None


def _from_layers(host: Host) -> Seen | None:
    """A live CD's root is an overlay, too: only a runtime's own layers count."""
    path = "/proc/mounts"
    text = host.read(path)
    if isinstance(text, Missing):
        return None
    root = re.search(r"(?m)^\S+ / \S*overlay\S* (\S+)", text)
    for word, name in LAYERS.items():
        if root and word in root.group(1):
            return name, path
    return None


def _wsl(host: Host, kernel: str | Missing) -> tuple[int, str]:
    """WSL 1 has no Linux kernel: it calls itself 4.4 and "Microsoft" with a capital letter."""
    release = "" if isinstance(kernel, Missing) else kernel
    if re.match(r"4\.4\..*-Microsoft$", release):
        return 1, RELEASE
    if "microsoft" in release.lower():
        return 2, RELEASE
    if host.exists("/dev/dxg") and host.is_dir("/usr/lib/wsl/lib"):  # a kernel built by the user
        return 2, "/dev/dxg and /usr/lib/wsl/lib"
    return 0, RELEASE


def _jetson(host: Host) -> Seen | None:
    """The L4T release; "unknown" on a Jetson whose release cannot be read (in a container)."""
    text = host.read(L4T, 1 << 12)
    if not isinstance(text, Missing):
        release = re.search(r"# R(\d+) \(release\), REVISION: ([\d.]+)", text)
        return (f"{release.group(1)}.{release.group(2)}" if release else "unknown"), L4T
    for folder in DEVICE_TREES:
        for file in ("model", "compatible"):
            words = host.read(f"{folder}/{file}", 1 << 12)
            if not isinstance(words, Missing) and re.search(r"Jetson|nvidia,tegra", words):
                return "unknown", f"{folder}/{file}"
    return None
