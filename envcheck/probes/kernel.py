"""The running kernel, which a mere root file system does not have. Must not know drivers."""

from envcheck.facts import NOT_ASKED, Missing, failed
from envcheck.probes.host import Host

RELEASE = "/proc/sys/kernel/osrelease"


def kernel_release(host: Host) -> str | Missing:
    """`uname -r`; NOT_ASKED for a root that brings no /proc: nothing runs there.

    What /proc, /sys and /dev say can be asked only where this is known.
    """
    text = host.read(RELEASE, 256)
    if isinstance(text, Missing):
        return text if host.live or host.exists(RELEASE) else NOT_ASKED
    return text.strip() or failed(f"{RELEASE} is empty")
