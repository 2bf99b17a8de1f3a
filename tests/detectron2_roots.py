"""Fixture roots with detectron2 as its wheels, clones and editable installs lay it out."""

import json
import struct
from typing import Any

from tests.binaries.build import elf, fatbin
from tests.roots import Content, Link

SITE = "/venv/lib/python3.11/site-packages"
CLONE = "/src/detectron2"
MODULE = "_C.cpython-311-x86_64-linux-gnu.so"
CUDART = "_ZN10detectron218get_cudart_versionEv"
COMMENT = b"GCC: (Ubuntu 11.4.0-1ubuntu1~22.04) 11.4.0\0"
STRING = "_ZN3c106detail14torchCheckFailEPKcS2_jRK"  # a function that takes a std::string
OLD = f"{STRING}Ss"
NEW = f"{STRING}NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
PLAIN = "_ZN2at6Tensor3addEv"
REQUIRES = (
    "Pillow>=7.1",
    "fvcore<0.1.6,>=0.1.5",
    "iopath<0.1.10,>=0.1.7",
    'dataclasses; python_version < "3.7"',
    'shapely; extra == "all"',
)
RIGHT = {
    "Pillow": "10.4.0",
    "fvcore": "0.1.5.post20221221",
    "iopath": "0.1.9",
    "setuptools": "80.9.0",
}


def module(
    *undefined: str, archs: tuple[str, ...] = ("sm_80", "sm_90a"), cuda: int = 12010, **fields: Any
) -> bytes:
    """detectron2/_C.so: CUDA code where `archs` names any, compiled by that CUDA."""
    sections: dict[str, Any] = {".comment": COMMENT}
    needed = ["libc10.so", "libtorch_cpu.so"]
    functions = {}
    if archs:
        sections[".nv_fatbin"] = b"".join(fatbin(*archs) for _ in range(6))
        needed += ["libcudart.so.12", "libc10_cuda.so"]
        functions[CUDART] = b"\xb8" + struct.pack("<I", cuda) + b"\xc3"
    every = {"sections": sections, "needed": needed, "functions": functions, **fields}
    return elf(undefined=undefined or (PLAIN, OLD), **every)


def torch(*, abi: bool = False, version: str = "2.4.0+cu121") -> dict[str, Content]:
    folder = f"{SITE}/torch"
    cuda = f"'{version.rpartition('+cu')[2][:-1]}.{version[-1]}'" if "+cu" in version else "None"
    files: dict[str, Content] = {
        f"{folder}/__init__.py": "",
        f"{folder}/version.py": f"__version__ = '{version}'\ndebug = False\ncuda = {cuda}\n",
        f"{folder}/{MODULE}": elf(),
        f"{folder}/lib/libc10.so": elf(defined=[NEW if abi else OLD]),
        f"{folder}/lib/libtorch_cpu.so": elf(defined=[PLAIN]),
        f"{SITE}/torch-{version}.dist-info/METADATA": f"Name: torch\nVersion: {version}\n",
    }
    if cuda != "None":
        files[f"{folder}/lib/libc10_cuda.so"] = elf()
        code = b"".join(fatbin("sm_80", "sm_90") for _ in range(3))
        files[f"{folder}/lib/libtorch_cuda.so"] = elf(sections={".nv_fatbin": code})
    return files


def packages(**versions: str) -> dict[str, Content]:
    """Metadata of other distributions."""
    return {
        f"{SITE}/{name}-{version}.dist-info/METADATA": f"Name: {name}\nVersion: {version}\n"
        for name, version in versions.items()
    }


def metadata(**more: str) -> dict[str, Content]:
    """detectron2's own, and `more` of its files."""
    lines = "".join(f"Requires-Dist: {line}\n" for line in REQUIRES)
    folder = f"{SITE}/detectron2-0.6.dist-info"
    files: dict[str, Content] = {f"{folder}/{name}": text for name, text in more.items()}
    return {**files, f"{folder}/METADATA": f"Name: detectron2\nVersion: 0.6\n{lines}"}


def package(
    data: bytes | None = None, *, folder: str = SITE, name: str = MODULE
) -> dict[str, Content]:
    """The package below a folder: its `__init__.py` and a compiled module, if any."""
    files: dict[str, Content] = {
        f"{folder}/detectron2/__init__.py": 'from .utils import env\n__version__ = "0.6"\n'
    }
    if data is not None:
        files[f"{folder}/detectron2/{name}"] = data
    return files


def editable() -> dict[str, str]:
    url = {"url": f"file://{CLONE}", "dir_info": {"editable": True}}
    return {"direct_url.json": json.dumps(url), "INSTALLER": "pip\n"}


def machine(*parts: dict[str, Content], **versions: str) -> dict[str, Content]:
    """A whole root: an H100 with its driver, Python 3.11 in /venv, and these parts.

    `versions` are packages in the place of the usual ones; "" leaves one out.
    """
    installed = {name: version for name, version in {**RIGHT, **versions}.items() if version}
    files: dict[str, Content] = {
        "etc/os-release": 'ID=ubuntu\nVERSION_ID="22.04"\nPRETTY_NAME="Ubuntu 22.04.4 LTS"\n',
        "usr/bin/python3.11": "",
        "usr/lib/python3.11/os.py": "",
        "venv/bin/python": Link("/usr/bin/python3.11"),
        "venv/pyvenv.cfg": "home = /usr/bin\nversion = 3.11.4\n",
        "proc/sys/kernel/osrelease": "5.15.0-105-generic\n",
        "sys/bus/pci/devices/0000:3b:00.0/vendor": "0x10de\n",
        "sys/bus/pci/devices/0000:3b:00.0/device": "0x2330\n",
        "sys/bus/pci/devices/0000:3b:00.0/class": "0x030200\n",
        "sys/module/nvidia/version": "580.95.05\n",
        "proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05\n",
        **packages(**installed),
    }
    for part in parts:
        files.update(part)
    return files
