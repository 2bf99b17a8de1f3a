"""Facts about what surrounds the process: container, WSL, Jetson.

Must not know how they are found.
"""

from envcheck.facts.base import NOT_ASKED, Fact, Missing


class Container(Fact, frozen=True, kw_only=True, tag="container"):
    """Whether the kernel is shared with a host that owns the driver."""

    runtime: str | None | Missing = (
        NOT_ASKED  # "docker", "podman", "kubernetes", "lxc" …; None: none
    )
    wsl: int | Missing = NOT_ASKED  # 0: not WSL, else 1 or 2
    jetson: str | None | Missing = NOT_ASKED  # L4T release, e.g. "36.4.3"; None: no Jetson
    visible_devices: str | None | Missing = NOT_ASKED  # NVIDIA_VISIBLE_DEVICES
    driver_capabilities: str | None | Missing = NOT_ASKED  # NVIDIA_DRIVER_CAPABILITIES
    video_libraries: bool | Missing = NOT_ASKED  # libnvcuvid and libnvidia-encode are there
