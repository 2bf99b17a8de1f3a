"""The operating system read from fixture roots, whole, partial and hostile."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from envcheck.facts import NOT_ASKED, Environment, Missing, Why, absent
from envcheck.facts import Host as HostFact
from envcheck.probes.host import Host
from envcheck.probes.interpreter import Interpreter
from envcheck.probes.system import read_environment, read_host
from tests.roots import DIRECTORY, ELF, HOSTILE, Content, Files, Link, host_of

EFIVARS = "sys/firmware/efi/efivars"
SECURE_BOOT = f"{EFIVARS}/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
SETUP_MODE = f"{EFIVARS}/SetupMode-8be4df61-93ca-11d2-aa0d-00e098032b8c"
MOK_STATE = f"{EFIVARS}/MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23"
ON, OFF = b"\x06\0\0\0\x01", b"\x06\0\0\0\0"
BANNER = b"\0GNU C Library (Ubuntu GLIBC 2.35-0ubuntu3.8) stable release version 2.35.\n\0"

UBUNTU: dict[str, Content] = {
    "etc/os-release": Link("../usr/lib/os-release"),
    "usr/lib/os-release": 'PRETTY_NAME="Ubuntu 22.04.4 LTS"\nID=ubuntu\nVERSION_ID="22.04"\n',
    "etc/ld.so.conf": "include /etc/ld.so.conf.d/*.conf\n",
    "etc/ld.so.conf.d/x86_64-linux-gnu.conf": "# multiarch\n/lib/x86_64-linux-gnu\n",
    "lib": Link("usr/lib"),
    "usr/bin/env": ELF,
    "usr/lib/x86_64-linux-gnu/libc.so.6": ELF + BANNER,
    "usr/lib/x86_64-linux-gnu/libstdc++.so.6": Link("libstdc++.so.6.0.30"),
    "usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30": ELF,
    "proc/sys/kernel/osrelease": "5.15.0-105-generic\n",
    "proc/meminfo": "MemTotal:       65536000 kB\nMemFree: 1 kB\n",
    "proc/self/limits": "Limit  Soft Limit\nMax locked memory         8388608    8388608   bytes\n",
    "proc/mounts": "tmpfs /dev/shm tmpfs rw,nosuid,nodev,size=65536k 0 0\n",
    "sys/devices/system/cpu/online": "0-15,32-47\n",
    SECURE_BOOT: ON,
}


def ubuntu(base: Path, changes: Mapping[str, Content | None]) -> HostFact:
    files = {**UBUNTU, **changes}
    return read_host(host_of(base, {n: c for n, c in files.items() if c is not None}))


def test_a_whole_machine(tmp_path: Path) -> None:
    fact = ubuntu(tmp_path, {})
    libstdcxx = "/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30"
    assert fact == HostFact(
        os_id="ubuntu",
        os_version="22.04",
        os_name="Ubuntu 22.04.4 LTS",
        kernel="5.15.0-105-generic",
        arch="x86_64",
        platform="linux",
        glibc="2.35",
        glibcxx="3.4.30",
        libstdcxx_path=libstdcxx,
        secure_boot=True,
        cpu_count=32,
        memory_bytes=65536000 * 1024,
        shm_bytes=64 << 20,
        memlock_bytes=8388608,
        disks=NOT_ASKED,
        sources=fact.sources,
    )
    assert fact.source("glibc") == "/usr/lib/x86_64-linux-gnu/libc.so.6"
    assert fact.source("arch") == "/usr/bin/env"
    assert fact.source("os_id") == "/etc/os-release"


def test_an_image_has_no_running_kernel(tmp_path: Path) -> None:
    files = {name: c for name, c in UBUNTU.items() if not name.startswith(("proc/", "sys/"))}
    fact = read_host(host_of(tmp_path, files))
    assert fact.os_id == "ubuntu"
    assert fact.glibc == "2.35"
    running = ("kernel", "secure_boot", "cpu_count", "memory_bytes", "shm_bytes", "memlock_bytes")
    assert {getattr(fact, field) for field in running} == {NOT_ASKED}


def test_an_empty_root_has_nothing(tmp_path: Path) -> None:
    fact = read_host(host_of(tmp_path, {}))
    assert fact.os_id == absent("no ID in /etc/os-release")
    assert isinstance(fact.arch, Missing)
    assert isinstance(fact.glibc, Missing)
    assert fact.glibc.why is Why.ABSENT


def test_aarch64(tmp_path: Path) -> None:
    arm = ELF[:18] + b"\xb7\0"
    assert read_host(host_of(tmp_path, {"bin/sh": arm})).arch == "aarch64"


def test_musl_is_not_glibc(tmp_path: Path) -> None:
    fact = read_host(host_of(tmp_path, {"lib/ld-musl-x86_64.so.1": ELF}))
    assert fact.glibc == absent("musl instead of glibc (/lib/ld-musl-x86_64.so.1)")


def test_libraries_for_another_word_size_are_passed_over(tmp_path: Path) -> None:
    fact = ubuntu(
        tmp_path,
        {
            "etc/ld.so.conf.d/i386.conf": "/usr/lib/i386-linux-gnu\n",
            "usr/lib/i386-linux-gnu/libc.so.6": ELF + b" release version 2.12",
            "etc/ld.so.conf.d/a.conf": "/opt/lib32bit, /opt/none\n",
            "opt/lib32bit/libc.so.6": b"\x7fELF\x01" + b" release version 2.12",
        },
    )
    assert fact.glibc == "2.35"


def test_the_loaders_configuration_comes_before_the_usual_folders(tmp_path: Path) -> None:
    fact = ubuntu(
        tmp_path,
        {
            "etc/ld.so.conf": "hwcap 1 nosegneg\ninclude ld.so.conf.d/*.conf\n",
            "etc/ld.so.conf.d/a.conf": "include /etc/ld.so.conf\n/opt/gcc/lib64=libc6  # new\n",
            "opt/gcc/lib64/libstdc++.so.6": Link("libstdc++.so.6.0.33"),
            "opt/gcc/lib64/libstdc++.so.6.0.33": ELF,
        },
    )
    assert fact.glibcxx == "3.4.33"
    assert fact.libstdcxx_path == "/opt/gcc/lib64/libstdc++.so.6.0.33"


def test_a_libstdcxx_without_its_number_is_asked_for_its_versions(tmp_path: Path) -> None:
    here = read_host(Host("/"))
    if isinstance(here.libstdcxx_path, Missing):
        pytest.skip("this machine has no libstdc++ to copy")
    copy = Path(here.libstdcxx_path).read_bytes()
    fact = ubuntu(tmp_path, {"usr/lib/x86_64-linux-gnu/libstdc++.so.6": copy})
    assert fact.glibcxx == here.glibcxx
    assert fact.source("glibcxx") == "/usr/lib/x86_64-linux-gnu/libstdc++.so.6"
    cut = ubuntu(tmp_path / "cut", {"usr/lib/x86_64-linux-gnu/libstdc++.so.6": copy[:5000]})
    assert isinstance(cut.glibcxx, Missing)
    assert cut.glibcxx.why is Why.FAILED


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({SECURE_BOOT: ON}, True),
        ({SECURE_BOOT: OFF}, False),
        ({SECURE_BOOT: ON, SETUP_MODE: ON}, False),
        ({SECURE_BOOT: ON, SETUP_MODE: OFF, MOK_STATE: OFF}, True),
        ({SECURE_BOOT: ON, MOK_STATE: ON}, False),
        ({f"{EFIVARS}/BootOrder-8be4df61": ON}, False),
    ],
)
def test_secure_boot(tmp_path: Path, variables: dict[str, Content], expected: bool) -> None:
    assert ubuntu(tmp_path, {SECURE_BOOT: None, **variables}).secure_boot is expected


def test_secure_boot_that_cannot_be_told(tmp_path: Path) -> None:
    def state(name: str, files: Files) -> Any:
        return ubuntu(tmp_path / name, {SECURE_BOOT: None, **files}).secure_boot

    assert state("bios", {"sys/firmware/acpi": DIRECTORY}) is False
    masked = state("docker", {"sys/firmware": DIRECTORY})
    assert masked == absent("/sys/firmware shows nothing here")
    unmounted = state("unmounted", {EFIVARS: DIRECTORY})
    assert unmounted == absent("/sys/firmware/efi/efivars is not mounted")
    short = state("short", {SECURE_BOOT: b"\x01"})
    assert isinstance(short, Missing)
    assert short.why is Why.FAILED


def test_limits_in_their_other_spellings(tmp_path: Path) -> None:
    fact = ubuntu(
        tmp_path,
        {
            "proc/self/limits": "Max locked memory         unlimited    unlimited   bytes\n",
            "proc/mounts": "none /x tmpfs size=1k 0 0\nshm /dev/shm tmpfs rw,size=8g,inode64 0 0\n",
            "sys/devices/system/cpu/online": "0\n",
        },
    )
    assert fact.memlock_bytes == -1
    assert fact.shm_bytes == 8 << 30
    assert fact.cpu_count == 1


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_files_give_missing_fields(tmp_path: Path, hostile: str) -> None:
    keep = ("proc/sys/kernel/osrelease", "etc/os-release", "lib")
    changes = {
        name: HOSTILE[hostile]
        for name, content in UBUNTU.items()
        if name not in keep and not isinstance(content, Link)
    }
    fact = ubuntu(tmp_path, changes)
    fields = set(HostFact.__struct_fields__) - {"sources", "platform", "kernel", "disks"}
    odd = {field for field in fields if not isinstance(getattr(fact, field), Missing)}
    # any text is an acceptable os-release; the rest must say that it was not read
    assert odd <= {"os_id", "os_version", "os_name"}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_osrelease_is_an_answer(tmp_path: Path, hostile: str) -> None:
    fact = ubuntu(tmp_path, {"proc/sys/kernel/osrelease": HOSTILE[hostile]})
    kernel = fact.kernel
    assert isinstance(kernel, Missing)
    assert kernel.why is Why.FAILED
    assert fact.cpu_count == 32


def test_this_machine_tells_everything_a_process_may_ask() -> None:
    host = Host("/")
    prefix = "/usr"
    interpreter = Interpreter(
        executable="/usr/bin/python3",
        chosen_by="--python",
        version="3.11.2",
        implementation="cpython",
        tag="cp311-cp311",
        platform="linux-x86_64",
        prefix=prefix,
        manager="system",
        path=(),
    )
    fact = read_host(host, interpreter)
    for field in ("kernel", "arch", "platform", "cpu_count", "memory_bytes", "memlock_bytes"):
        assert not isinstance(getattr(fact, field), Missing), field
    assert not isinstance(fact.disks, Missing)
    assert [disk.path for disk in fact.disks] == ["/", prefix, "/tmp"]
    sizes = [disk.total_bytes for disk in fact.disks]
    assert all(isinstance(size, int) and size > 0 for size in sizes)


def test_environment_keeps_what_matters_and_no_secrets(tmp_path: Path) -> None:
    environ = {
        "CUDA_VISIBLE_DEVICES": "",
        "CUDA_HOME": "/usr/local/cuda",
        "LD_LIBRARY_PATH": "/a:/b",
        "NVIDIA_VISIBLE_DEVICES": "all",
        "TORCH_CUDA_ARCH_LIST": "8.0;9.0",
        "CXX": "g++-12",
        "NVIDIA_API_KEY": "nvapi-123",
        "PYTORCH_HUB_TOKEN": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "HOME": "/root",
        "CCACHE_DIR": "/x",
    }
    fact = read_environment(host_of(tmp_path, {}, environ))
    assert isinstance(fact, Environment)
    assert fact.variables == {
        "CUDA_HOME": "/usr/local/cuda",
        "CUDA_VISIBLE_DEVICES": "",
        "CXX": "g++-12",
        "LD_LIBRARY_PATH": "/a:/b",
        "NVIDIA_VISIBLE_DEVICES": "all",
        "TORCH_CUDA_ARCH_LIST": "8.0;9.0",
    }
