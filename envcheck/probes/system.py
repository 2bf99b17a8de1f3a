"""The operating system, its limits, and the environment variables that matter.

Must not know GPUs, drivers or Python packages.
"""

import os
import re
import sys

from envcheck.binaries import BinaryError
from envcheck.binaries.source import FileSource
from envcheck.facts import NOT_ASKED, Environment, Missing, absent, failed
from envcheck.facts import Host as HostFact
from envcheck.probes.disk import read_disks
from envcheck.probes.host import Host
from envcheck.probes.interpreter import Interpreter
from envcheck.probes.kernel import RELEASE, kernel_release
from envcheck.probes.libraries import find_library, library_folders

LIBC_LIMIT = 8 << 20  # a libc.so.6 has 2 MB
OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
PLATFORMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
# ELF e_machine: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
MACHINES = {0x3E: "x86_64", 0xB7: "aarch64", 0xF3: "riscv64", 0x15: "ppc64le"}
PROGRAMS = ("/bin/sh", "/usr/bin/env", "/bin/busybox", "/sbin/init")
EFI = "/sys/firmware/efi"
EFI_GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
SHIM = "605dab50-e046-4300-abb6-3dd810dd8b23"
# Variables that change what CUDA, the loader or torch do.
RELEVANT = re.compile(
    r"(?:CUDA|CUDNN_|NCCL_|NVCC_|NVIDIA_|PYTORCH_|TORCH_|TRITON_)\w*"
    r"|CC|CXX|FORCE_CUDA|USE_CUDA|MAX_JOBS|TCNN_CUDA_ARCHITECTURES|DETECTRON2_ENV_MODULE"
    r"|LD_LIBRARY_PATH|LD_PRELOAD|PYTHONPATH|PYTHONHOME|PYTHONNOUSERSITE"
    r"|CONDA_PREFIX|CONDA_DEFAULT_ENV|CONDA_OVERRIDE_CUDA|VIRTUAL_ENV"
    r"|KMP_DUPLICATE_LIB_OK|MKL_THREADING_LAYER|OMP_NUM_THREADS"
)
SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH", re.IGNORECASE)  # NVIDIA_API_KEY
UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def read_host(
    host: Host, interpreter: Interpreter | Missing = NOT_ASKED, disks: tuple[str, ...] = ()
) -> HostFact:
    """The operating system; `interpreter` only says whose disk to look at besides / and /tmp, and
    `disks` are more folders to look at.

    What only a running kernel can say is NOT_ASKED for a root that brings no /proc.
    """
    kernel = kernel_release(host)
    running = kernel != NOT_ASKED
    release, release_file = _os_release(host)
    folders = library_folders(host)
    libc = find_library(host, "libc.so.6", folders)
    libstdcxx = find_library(host, "libstdc++.so.6", folders)
    arch, arch_source = _arch(host, libc)
    glibc, glibc_source = _glibc(host, libc)
    glibcxx, glibcxx_source = _glibcxx(host, libstdcxx)
    return HostFact(
        os_id=release.get("ID") or absent(f"no ID in {release_file}"),
        os_version=release.get("VERSION_ID") or absent(f"no VERSION_ID in {release_file}"),
        os_name=release.get("PRETTY_NAME") or absent(f"no PRETTY_NAME in {release_file}"),
        kernel=kernel,
        arch=arch,
        platform=PLATFORMS.get(sys.platform, sys.platform) if host.live else "linux",
        glibc=glibc,
        glibcxx=glibcxx,
        libstdcxx_path=libstdcxx,
        secure_boot=_secure_boot(host) if running else NOT_ASKED,
        cpu_count=_cpu_count(host) if running else NOT_ASKED,
        memory_bytes=_memory(host) if running else NOT_ASKED,
        shm_bytes=_shm(host) if running else NOT_ASKED,
        memlock_bytes=_memlock(host) if running else NOT_ASKED,
        disks=read_disks(host, interpreter, disks),
        sources={
            "*": release_file,
            "kernel": RELEASE,
            "arch": arch_source,
            "platform": "sys.platform" if host.live else "a root with files of Linux",
            "glibc": glibc_source,
            "glibcxx": glibcxx_source,
            "libstdcxx_path": "library folders of /etc/ld.so.conf",
            "secure_boot": f"{EFI}/efivars",
            "cpu_count": "/sys/devices/system/cpu/online",
            "memory_bytes": "/proc/meminfo",
            "shm_bytes": "statvfs /dev/shm" if host.live else "/proc/mounts",
            "memlock_bytes": "/proc/self/limits",
            "disks": "statvfs",
        },
    )


def _os_release(host: Host) -> tuple[dict[str, str], str]:
    """The assignments of os-release and the file they stand in (os-release(5))."""
    for path in OS_RELEASE:
        text = host.read(path, 1 << 16)
        if not isinstance(text, Missing):
            pairs = re.findall(r"(?m)^([A-Z][A-Z0-9_]*)=([^\x00-\x1f]{0,200})$", text)
            return {key: value.strip().strip("\"'") for key, value in pairs}, path
    return {}, OS_RELEASE[0]


def _arch(host: Host, libc: str | Missing) -> tuple[str | Missing, str]:
    if host.live:
        return os.uname().machine, "uname -m"
    for path in (*PROGRAMS, *((libc,) if isinstance(libc, str) else ())):
        head = host.read_bytes(path, 20)
        if not isinstance(head, Missing) and head.startswith(b"\x7fELF") and len(head) == 20:
            order = "big" if head[5] == 2 else "little"
            machine = int.from_bytes(head[18:20], order)  # type: ignore[arg-type]
            return MACHINES.get(machine) or failed(f"{path}: ELF machine {machine}"), path
    return absent("no program found that would tell"), ""


def _glibc(host: Host, libc: str | Missing) -> tuple[str | Missing, str]:
    """The version in glibc's banner, which `ldd --version` and running libc.so.6 print."""
    if isinstance(libc, str):
        data = host.read_bytes(libc, LIBC_LIMIT)
        if isinstance(data, Missing):
            return data, libc
        banner = re.search(rb" release version (\d+\.\d+)", data)
        return (banner.group(1).decode() if banner else failed(f"{libc}: no banner")), libc
    musl = host.glob("/lib/ld-musl-*.so.1")
    if musl:
        return absent(f"musl instead of glibc ({musl[0]})"), musl[0]
    if host.live:  # a system without the usual library folders (NixOS)
        try:
            words = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
        except (ValueError, OSError):
            words = []
        if words[:1] == ["glibc"] and len(words) == 2:
            return words[1], "confstr(CS_GNU_LIBC_VERSION)"
    return libc, ""


def _glibcxx(host: Host, libstdcxx: str | Missing) -> tuple[str | Missing, str]:
    """libstdc++.so.6.0.N is the library whose newest symbols are GLIBCXX_3.4.N.

    https://gcc.gnu.org/onlinedocs/libstdc++/manual/abi.html
    A copy without that number in its name is asked for the versions it defines.
    """
    if isinstance(libstdcxx, Missing):
        return libstdcxx, ""
    name = re.search(r"\.so\.6\.0\.(\d{1,3})$", libstdcxx)
    if name:
        return f"3.4.{name.group(1)}", libstdcxx
    from envcheck.binaries.elf import read_elf
    from envcheck.binaries.versions import newest, provided_versions

    try:
        with FileSource(host.locate(libstdcxx)) as source:
            version = newest(provided_versions(read_elf(source)), "GLIBCXX")
    except (BinaryError, OSError) as error:
        return failed(f"{libstdcxx}: {error}"), libstdcxx
    return version or failed(f"{libstdcxx} defines no GLIBCXX version"), libstdcxx


def _secure_boot(host: Host) -> bool | Missing:
    """Whether this boot enforces signatures, by the kernel's own rule.

    Secure Boot counts as off in the firmware's setup mode and when shim's owner switched
    validation off: https://github.com/torvalds/linux/blob/v6.12/drivers/firmware/efi/libstub/secureboot.c
    """
    if not host.exists(EFI):
        shown = host.names("/sys/firmware")
        if isinstance(shown, Missing) or not shown:  # Docker puts an empty folder over it
            return absent("/sys/firmware shows nothing here")
        return False  # started by a BIOS
    variables = host.names(f"{EFI}/efivars")
    if isinstance(variables, Missing) or not variables:
        return absent(f"{EFI}/efivars is not mounted")
    values: dict[str, int] = {}
    for name, owner in (
        ("SecureBoot", EFI_GLOBAL),
        ("SetupMode", EFI_GLOBAL),
        ("MokSBStateRT", SHIM),
    ):
        if f"{name}-{owner}" not in variables:
            continue
        path = f"{EFI}/efivars/{name}-{owner}"
        data = host.read_bytes(path, 16)
        if isinstance(data, Missing):
            return data
        if len(data) != 5:  # 4 bytes of attributes, one of value
            return failed(f"{path}: {len(data)} bytes, not 5")
        values[name] = data[4]
    off = values.get("SetupMode") == 1 or values.get("MokSBStateRT") == 1
    return values.get("SecureBoot") == 1 and not off


def _cpu_count(host: Host) -> int | Missing:
    path = "/sys/devices/system/cpu/online"
    text = host.read(path, 1 << 12)
    if isinstance(text, Missing):
        return text
    count = 0
    for part in text.strip().split(","):  # "0-15,32-47"
        ends = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", part)
        if not ends:
            return failed(f"{path}: {text.strip()[:40]!r} is no list of CPUs")
        count += int(ends.group(2) or ends.group(1)) - int(ends.group(1)) + 1
    return count


def _memory(host: Host) -> int | Missing:
    return _number(host, "/proc/meminfo", r"(?m)^MemTotal:\s+(\d{1,15}) kB", 1 << 10)


def _memlock(host: Host) -> int | Missing:
    """The soft limit in bytes; -1 is unlimited."""
    path = "/proc/self/limits"
    text = host.read(path, 1 << 16)
    if isinstance(text, Missing):
        return text
    if re.search(r"(?m)^Max locked memory\s+unlimited\b", text):
        return -1
    return _number(host, path, r"(?m)^Max locked memory\s+(\d{1,19})\b", 1)


def _shm(host: Host) -> int | Missing:
    if host.live:
        space = host.space("/dev/shm")
        return space if isinstance(space, Missing) else space[0]
    path = "/proc/mounts"
    text = host.read(path)
    if isinstance(text, Missing):
        return text
    size = re.search(r"(?m)^\S+ /dev/shm \S+ (?:\S*,)?size=(\d{1,15})([kmg]?)\b", text)
    if not size:
        return absent(f"{path} states no size of /dev/shm")
    return int(size.group(1)) * UNITS[size.group(2)]


def _number(host: Host, path: str, pattern: str, unit: int) -> int | Missing:
    text = host.read(path, 1 << 16)
    if isinstance(text, Missing):
        return text
    number = re.search(pattern, text)
    return int(number.group(1)) * unit if number else failed(f"{path} does not say")


def read_environment(host: Host) -> Environment:
    """The variables that are set, of those that matter and hold no secret."""
    return Environment(
        variables={
            name: value
            for name, value in sorted(host.environ.items())
            if RELEVANT.fullmatch(name) and not SECRET.search(name)
        },
        sources={"*": "environment"},
    )
