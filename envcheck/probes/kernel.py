"""The running kernel, which a mere root file system does not have. Must not know drivers."""

import re

from envcheck.facts import NOT_ASKED, Missing, Why, failed
from envcheck.probes.host import Host

RELEASE = "/proc/sys/kernel/osrelease"


def kernel_release(host: Host) -> str | Missing:
    """`uname -r`; NOT_ASKED for a root that brings no /proc: nothing runs there.

    What /proc, /sys and /dev say can be asked only where this is known.
    """
    text = host.read(RELEASE, 256)
    if isinstance(text, Missing):
        return NOT_ASKED if text.why is Why.ABSENT and not host.live else text
    release = text.strip()
    if not re.fullmatch(r"[\w.+~-]{1,64}", release, re.ASCII):  # it becomes part of paths
        return failed(f"{RELEASE} holds no kernel release: {release[:40]!r}")
    return release
