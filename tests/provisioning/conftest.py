"""Fixtures: roots, repositories and a private place for their mounts."""

import ctypes
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.provisioning.base import base_root
from tests.provisioning.repository import Key, Server
from tests.provisioning.scenario import Root, make_root, mount, unmount

CLONE_NEWNS = 0x00020000
TOOLS = ("mmdebstrap", "apt-ftparchive", "dpkg-deb", "gpg", "chroot", "mount")


class MakeRoot(Protocol):
    """The fixture `scenario`."""

    def __call__(
        self, release: str = "bookworm", *, megabytes: int = 2048, archive: bool = False
    ) -> Root: ...


@pytest.fixture(scope="session")
def private_mounts() -> None:
    """A mount namespace of this process, so that nothing stays mounted whatever happens."""
    if os.geteuid():
        pytest.skip("root file systems are mounted and entered: needs root")
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS):
        pytest.skip(f"no mount namespace: {os.strerror(ctypes.get_errno())}")
    mount("--make-rprivate", "/")


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    """The key that signs the fixture repositories; the roots of scenarios trust it."""
    return Key(tmp_path_factory.mktemp("key") / "gnupg")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A folder on loopback HTTP."""
    server = Server(tmp_path_factory.mktemp("server") / "www")
    yield server
    server.close()


@pytest.fixture
def scenario(private_mounts: None, tmp_path: Path, key: Key) -> Iterator[MakeRoot]:
    """`scenario()` gives a machine: a fresh root of a Debian release, gone after the test."""
    roots: list[Root] = []

    def make(release: str = "bookworm", *, megabytes: int = 2048, archive: bool = False) -> Root:
        work = tmp_path / f"machine{len(roots)}"
        work.mkdir()
        root = make_root(base_root(release), work, megabytes=megabytes, archive=archive, key=key)
        roots.append(root)
        return root

    yield make
    for root in roots:
        unmount(root)
