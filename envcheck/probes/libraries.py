"""Where the system keeps its shared libraries. Must not know a process's own search path."""

import posixpath
import re

from envcheck.facts import Missing, absent
from envcheck.probes.host import Host

CONFIG = "/etc/ld.so.conf"
CONFIG_FILES = 64  # enough for any real machine; a file may include itself
TRUSTED = (
    "/lib/*-linux-gnu",
    "/usr/lib/*-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
)
# Folders for another word size, which a 64-bit process never loads from.
FOREIGN = re.compile(r"/(i[3-6]86-|lib32|libx32|arm-linux|x86_64-linux-gnux32)")
ELF64 = b"\x7fELF\x02"


def library_folders(host: Host) -> tuple[str, ...]:
    """Folders of /etc/ld.so.conf, then the loader's trusted ones, as ldconfig would take them."""
    folders = _configured(host)
    for pattern in TRUSTED:
        folders += host.glob(pattern)
    return tuple(dict.fromkeys(f for f in folders if not FOREIGN.search(f) and host.is_dir(f)))


def find_library(host: Host, name: str, folders: tuple[str, ...]) -> str | Missing:
    """The first 64-bit library of that name, links followed ("/usr/lib64/libcuda.so.535.54.03")."""
    for folder in folders:
        path = f"{folder}/{name}"
        if host.read_bytes(path, len(ELF64)) == ELF64:
            return host.realpath(path)
    return absent(f"no {name} in the system's library folders")


def _configured(host: Host) -> list[str]:
    folders: list[str] = []
    files, done = [CONFIG], 0
    while files and done < CONFIG_FILES:
        file = files.pop(0)
        done += 1
        text = host.read(file, 1 << 16)
        included: list[str] = []
        for line in [] if isinstance(text, Missing) else text.splitlines():
            words = line.partition("#")[0].replace(",", " ").split()
            if words[:1] == ["include"]:
                for pattern in words[1:]:
                    included += host.glob(posixpath.join(posixpath.dirname(file), pattern))
            elif words[:1] != ["hwcap"]:
                folders += [word.partition("=")[0] for word in words if word.startswith("/")]
        files = included + files
    return folders
