"""Facts about the operating system and the limits it sets. Must not know how they are found."""

import msgspec

from envcheck.facts.base import NOT_ASKED, Fact, Missing


class Disk(msgspec.Struct, frozen=True):
    """Space of the file system that holds `path`, in bytes."""

    path: str
    total_bytes: int | Missing
    free_bytes: int | Missing  # to this user


class Host(Fact, frozen=True, kw_only=True, tag="host"):
    """The operating system as a process on it sees it."""

    os_id: str | Missing = NOT_ASKED  # ID of os-release: "ubuntu", "debian"
    os_version: str | Missing = NOT_ASKED  # VERSION_ID: "22.04"
    os_name: str | Missing = NOT_ASKED  # PRETTY_NAME
    kernel: str | Missing = NOT_ASKED  # uname -r
    arch: str | Missing = NOT_ASKED  # "x86_64", "aarch64"
    platform: str | Missing = NOT_ASKED  # "linux", "windows", "macos"
    glibc: str | Missing = NOT_ASKED  # "2.36"; absent on musl
    glibcxx: str | Missing = NOT_ASKED  # newest GLIBCXX_ version of the system libstdc++
    libstdcxx_path: str | Missing = NOT_ASKED
    secure_boot: bool | Missing = NOT_ASKED
    cpu_count: int | Missing = NOT_ASKED
    memory_bytes: int | Missing = NOT_ASKED
    shm_bytes: int | Missing = NOT_ASKED  # size of /dev/shm
    memlock_bytes: int | Missing = NOT_ASKED  # soft limit; -1 is unlimited
    disks: tuple[Disk, ...] | Missing = NOT_ASKED


class Environment(Fact, frozen=True, kw_only=True, tag="environment"):
    """Variables that change what CUDA, the loader or torch do; unset ones are not here."""

    variables: dict[str, str] = {}

    def get(self, name: str) -> str | None:
        return self.variables.get(name)
