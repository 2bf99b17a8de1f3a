"""Root file systems of Debian releases, made once and kept between runs. Knows no scenario."""

import fcntl
import os
import shutil
import subprocess
import zlib
from pathlib import Path

# python3-apt: what Ansible's apt modules need; systemd: `systemctl enable` in a chroot.
PACKAGES = "python3-apt,systemd,kmod,ca-certificates,gpgv"
OPTIONS = (
    '--aptopt=Acquire::Languages "none"',
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=force-unsafe-io",
)
RECIPE = zlib.crc32(repr((PACKAGES, OPTIONS)).encode())  # another recipe makes a new root


def base_root(release: str) -> Path:
    """The folder of an unpacked Debian release with apt and Python: "bookworm"."""
    cache = Path(os.environ.get("ENVCHECK_TEST_CACHE") or Path.home() / ".cache/envcheck-tests")
    cache.mkdir(parents=True, exist_ok=True)
    root = cache / f"root-{release}-{RECIPE:08x}"
    with (cache / f"{root.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # pytest-xdist's workers want it at the same moment
        if not root.is_dir():
            _make(release, root)
    return root


def _make(release: str, root: Path) -> None:
    making = root.with_name(f"{root.name}.partial")
    shutil.rmtree(making, ignore_errors=True)
    command = ["mmdebstrap", "--mode=root", "--variant=apt", f"--include={PACKAGES}", *OPTIONS]
    ran = subprocess.run(
        [*command, release, str(making)], capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise RuntimeError(f"mmdebstrap {release}: {ran.stderr[-2000:]}")
    making.rename(root)
