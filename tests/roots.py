"""Builds fixture roots: a machine's files in a folder. Paths → text, bytes or a special file."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from envcheck.probes.host import Host


class Link(NamedTuple):
    """A symbolic link; absolute targets are meant inside the root."""

    target: str


class Special(NamedTuple):
    kind: str


DIRECTORY = Special("directory")
FIFO = Special("fifo")  # opening it the usual way would block for ever
LOOP = Special("loop")  # a symbolic link to itself
HUGE = Special("huge")  # 2 GB of nothing, taking no disk space

Content = str | bytes | Link | Special
Files = Mapping[str, Content]

# What could stand in place of any file a probe opens.
HOSTILE: Mapping[str, Content] = {
    "not UTF-8": b"\xff\xfe\x80 \xc3( 10de 0x10de\n\x00\x00= :\n" * 20,
    "a directory": DIRECTORY,
    "a link loop": LOOP,
    "a fifo": FIFO,
    "a 2 GB sparse file": HUGE,
    "empty": "",
    "one long line": "9" * (2 << 20),
    "wrong words": 'VERSION 1.2.3 = "x" {"cuda": [1, {"version": {}}]}\n(((\n',
}

ELF = b"\x7fELF\x02\x01\x01" + b"\0" * 9 + b"\x03\0" + b"\x3e\0"  # 64-bit, x86_64; no tables


def pci_device(
    address: str, device: str, *, kind: str = "0x030200", driver: str = "nvidia"
) -> dict[str, Content]:
    """An NVIDIA device in /sys and, where its driver is "nvidia", its minor number in /proc.

    The minor number is the bus number: "0000:03:00.0" is /dev/nvidia3.
    """
    folder = f"sys/bus/pci/devices/{address}"
    files: dict[str, Content] = {
        f"{folder}/vendor": "0x10de\n",
        f"{folder}/device": f"0x{device}\n",
        f"{folder}/class": f"{kind}\n",
        f"{folder}/config": b"\xde\x10" + bytes.fromhex(device)[::-1] + bytes(60),
    }
    if driver:
        files[f"{folder}/driver"] = Link(f"/sys/bus/pci/drivers/{driver}")
        files[f"sys/bus/pci/drivers/{driver}/module"] = ""
    if driver == "nvidia":
        minor = int(address[5:7], 16)
        files[f"dev/nvidia{minor}"] = ""
        files[f"proc/driver/nvidia/gpus/{address}/information"] = (
            f"Model: \t\t NVIDIA\nIRQ:   \t\t 97\nDevice Minor: \t {minor}\n"
        )
    return files


def build_root(base: Path, files: Files) -> str:
    """Makes the files below `base` and returns its path, ready for `Host(root)`."""
    for name, content in files.items():
        path = base / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Link):
            path.symlink_to(content.target)
        elif isinstance(content, str):
            path.write_text(content)
        elif isinstance(content, bytes):
            path.write_bytes(content)
        elif content == DIRECTORY:
            path.mkdir()
        elif content == FIFO:
            os.mkfifo(path)
        elif content == LOOP:
            path.symlink_to(path.name)
        elif content == HUGE:
            with path.open("wb") as file:
                file.truncate(2 << 30)
        else:
            raise ValueError(f"{name}: unknown kind of file: {content}")
    base.mkdir(parents=True, exist_ok=True)
    return str(base)


def host_of(base: Path, files: Files, environ: Mapping[str, str] | None = None) -> Host:
    """A `Host` over a root with these files, and these environment variables."""
    return Host(build_root(base, files), environ)
