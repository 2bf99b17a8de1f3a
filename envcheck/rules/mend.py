"""Remedies for the driver's kernel side: commands for Debian and Ubuntu, words elsewhere. Pure."""

import re
import shlex

from envcheck.facts import Container, Driver, Host, Missing, or_none
from envcheck.finding import Effect, Remedy

APT = ("debian", "ubuntu")
# Where DKMS keeps the key it signs with: Ubuntu's, then upstream's and Debian's.
DKMS_KEYS = ("/var/lib/shim-signed/mok/MOK.der", "/var/lib/dkms/mok.pub")
START_FABRIC_MANAGER = (
    "sudo systemctl enable nvidia-fabricmanager",
    "sudo systemctl restart nvidia-fabricmanager",
)


def by_apt(host: Host | Missing) -> bool:
    """Whether this is a system for which apt commands can be printed."""
    return not isinstance(host, Missing) and or_none(host.os_id) in APT


def on_host(remedy: Remedy, container: Container | Missing) -> Remedy:
    """The remedy in words where the driver is somebody else's: no command of it would work here."""
    if isinstance(container, Missing):
        return remedy
    if or_none(container.runtime):
        return Remedy(f"On the host of this container: {remedy.text}", (), "manual", remedy.effects)
    if or_none(container.wsl):
        return Remedy(
            "Change the driver in Windows; WSL uses that one.", (), "manual", remedy.effects
        )
    return remedy


def kernel(host: Host | Missing) -> str:
    """The running kernel's release as a shell writes it."""
    release = None if isinstance(host, Missing) else or_none(host.kernel)
    return shlex.quote(release) if release else "$(uname -r)"


def in_force(driver: Driver) -> tuple[Effect, ...]:
    """What a Snapshot says once the installed driver is loaded; nothing when none is known."""
    builds = or_none(driver.dkms) or ()
    version = or_none(driver.library_version) or next((build.version for build in builds), None)
    if version is None:
        return ()
    return (
        Effect("driver.version", version),
        Effect("driver.module_version", version),
        Effect("driver.nvml", "ok"),
    )


def load_module(driver: Driver) -> Remedy:
    """The installed, built module loaded by hand, and the kernel's reason when that fails."""
    return Remedy(
        text="Load the installed module; when that fails, the kernel log says why.",
        commands=("sudo modprobe nvidia", "sudo dmesg | grep -iE 'nvrm|nvidia' | tail -n 20"),
        safety="root",
        effects=in_force(driver),
    )


def without_nouveau(host: Host | Missing, driver: Driver) -> Remedy:
    """nouveau kept from loading, in the initramfs too, where the driver itself is built."""
    text = "Keep nouveau from loading, also in the initramfs, and reboot."
    effects = (Effect("driver.nouveau_loaded", False), *in_force(driver))
    if not by_apt(host):
        return Remedy(text, safety="reboot", effects=effects)
    return Remedy(
        text=text,
        commands=(
            r"printf 'blacklist nouveau\noptions nouveau modeset=0\n'"
            " | sudo tee /etc/modprobe.d/blacklist-nouveau.conf",
            "sudo update-initramfs -u -k all",
            "sudo reboot",
        ),
        safety="reboot",
        effects=effects,
    )


def with_headers(host: Host | Missing, driver: Driver) -> Remedy:
    """The running kernel's headers, then what DKMS could not build."""
    return Remedy(
        text="Install the headers of the running kernel and let DKMS build the module. When the"
        " archive no longer has them, install the newest kernel with its headers and reboot.",
        commands=(
            "sudo apt-get update",
            f"sudo apt-get install -y linux-headers-{kernel(host)}",
            "sudo dkms autoinstall",
            "sudo modprobe nvidia",
        )
        if by_apt(host)
        else (),
        safety="root",
        effects=(
            Effect("driver.headers", True),
            Effect("driver.module_built", True),
            *in_force(driver),
        ),
    )


def built_by_dkms(driver: Driver) -> Remedy:
    """The module built for the running kernel from the sources DKMS has."""
    return Remedy(
        text="Let DKMS build and install the module for the running kernel. When the build fails,"
        " the make.log it names says why: often the kernel is newer than this driver knows.",
        commands=("sudo dkms autoinstall", "sudo modprobe nvidia"),
        safety="root",
        effects=(Effect("driver.module_built", True), *in_force(driver)),
    )


def signed(host: Host | Missing, driver: Driver) -> Remedy:
    """A module that DKMS built unsigned, built once more now that there is a key, and the key."""
    enrol = trusted(host, driver)
    new_key = not isinstance(host, Missing) and host.os_id == "ubuntu"
    return Remedy(
        text=f"Build the module once more, which signs it. {enrol.text}",
        commands=(
            # Ubuntu's DKMS signs with shim's key; others make a key of their own when they build.
            *(("sudo update-secureboot-policy --new-key",) if new_key else ()),
            "for tree in /var/lib/dkms/nvidia*/[0-9]*; do driver=${tree#/var/lib/dkms/};"
            " sudo dkms remove $driver -k $(uname -r); sudo dkms install $driver -k $(uname -r);"
            " done",
            *enrol.commands,
        ),
        safety="reboot",
        effects=(Effect("driver.module_signed", True), *enrol.effects),
    )


def trusted(host: Host | Missing, driver: Driver) -> Remedy:
    """The key DKMS signs with enrolled in the firmware, which asks at the next boot."""
    return Remedy(
        text="Enrol the key DKMS signs with: choose a password, reboot, and in the blue MOK screen"
        ' pick "Enroll MOK" and type it.',
        commands=(
            *(("sudo apt-get install -y mokutil",) if by_apt(host) else ()),
            f"for key in {' '.join(DKMS_KEYS)}; do"
            " if sudo test -f $key; then sudo mokutil --import $key; fi; done",
            "sudo reboot",
        ),
        safety="reboot",
        effects=in_force(driver),
    )


def fabric_manager(host: Host | Missing, driver: Driver) -> Remedy:
    """Fabric Manager of exactly the driver's version, started now and at every boot."""
    version = or_none(driver.version)
    if version is None or not re.fullmatch(r"[\d.]+", version):
        return Remedy("Install Fabric Manager of exactly the driver's version, and start it.")
    install = "sudo apt-get install -y --allow-downgrades"
    branch = version.partition(".")[0]
    return Remedy(
        text=f"Install Fabric Manager {version}, the driver's version, and start it. Where the"
        " archive has only a newer one, update the driver to that version instead.",
        commands=(
            "sudo apt-get update",
            # Newer packages no longer have the branch in their name.
            f"{install} 'nvidia-fabricmanager={version}-*'"
            f" || {install} 'nvidia-fabricmanager-{branch}={version}-*'",
            *START_FABRIC_MANAGER,
        )
        if by_apt(host)
        else (),
        safety="root",
        effects=(
            Effect("driver.fabric_manager.version", version),
            Effect("driver.fabric_manager.running", True),
        ),
    )


def start_fabric_manager() -> Remedy:
    """The installed service started now and at every boot."""
    return Remedy(
        text="Start the service, now and at every boot; when it stops again, its log says why:"
        " `journalctl -u nvidia-fabricmanager`.",
        commands=START_FABRIC_MANAGER,
        safety="root",
        effects=(Effect("driver.fabric_manager.running", True),),
    )


def make_device_nodes(host: Host | Missing) -> Remedy:
    """The nodes made now by root, and by nvidia-modprobe from here on."""
    install = ("sudo apt-get install -y nvidia-modprobe",) if by_apt(host) else ()
    return Remedy(
        text="Install nvidia-modprobe, which makes the device files on first use, or let root use"
        " the GPU once after each boot.",
        commands=(*install, "sudo nvidia-smi"),
        safety="root",
        effects=(Effect("driver.nvml", "ok"),),
    )


def join_video_group() -> Remedy:
    """Access by the group that distributions give the nodes to."""
    return Remedy(
        text="Join the group that owns the device files (`ls -l /dev/nvidia*` names it, mostly"
        " video) and log in again.",
        commands=('sudo usermod -aG video "$(id -un)"',),
        safety="root",
    )


def restart_container() -> Remedy:
    """Device access of a container is set once, when it starts."""
    return Remedy(
        "Start the container again with the GPU. When it loses it again after a while, give Docker"
        " the device files themselves (`--device /dev/nvidiactl` …) or use cgroupfs as its cgroup"
        " driver."
    )
