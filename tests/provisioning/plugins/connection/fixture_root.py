"""Runs tasks inside a folder with chroot, as `ssh` would on a machine of its own."""

from __future__ import annotations

import shutil
import subprocess

from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: fixture_root
short_description: chroot into a folder of this machine
description: The host's address is the folder.
author: envcheck
options:
  remote_addr:
    description: The root file system's folder.
    vars:
      - name: ansible_host
"""

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "USER": "root",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}


class Connection(ConnectionBase):  # type: ignore[misc]
    """A chroot instead of a network."""

    transport = "fixture_root"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def exec_command(
        self, cmd: str, in_data: bytes | None = None, sudoable: bool = True
    ) -> tuple[int, bytes, bytes]:
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        ran = subprocess.run(
            ["chroot", self.get_option("remote_addr"), "/bin/sh", "-c", cmd],
            input=in_data or b"",
            capture_output=True,
            check=False,
            env=ENVIRONMENT,
        )
        return ran.returncode, ran.stdout, ran.stderr

    def put_file(self, in_path: str, out_path: str) -> None:
        super().put_file(in_path, out_path)
        shutil.copyfile(in_path, self._inside(out_path))

    def fetch_file(self, in_path: str, out_path: str) -> None:
        super().fetch_file(in_path, out_path)
        shutil.copyfile(self._inside(in_path), out_path)

    def close(self) -> None:
        self._connected = False

    def _inside(self, path: str) -> str:
        return f"{self.get_option('remote_addr')}/{path.lstrip('/')}"
