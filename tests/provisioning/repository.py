"""apt repositories made on the spot: dummy packages, a throw-away key, signed, on loopback HTTP.

Must not know what the roles install.
"""

import functools
import hashlib
import http.server
import os
import shutil
import subprocess
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

KEY_PATH = "/usr/share/keyrings/fixtures.gpg"


@dataclass(frozen=True)
class Deb:
    """A dummy package. `fields` go into its control file, `files` are path → text."""

    name: str
    version: str
    fields: Mapping[str, str] = field(default_factory=dict)  # "Depends": "a (= 1), b"
    files: Mapping[str, str | bytes] = field(default_factory=dict)  # executable in a bin
    scripts: Mapping[str, str] = field(default_factory=dict)  # "postinst": shell after `set -e`
    arch: str = "all"

    def build(self, folder: Path) -> Path:
        """Write `name_version_arch.deb` into the folder."""
        tree = folder / f".{self.name}"
        for name, text in self.files.items():
            path = tree / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode() if isinstance(text, str) else text)
            path.chmod(0o755 if "bin/" in name else 0o644)
        control = tree / "DEBIAN"
        control.mkdir(parents=True)
        fields = {
            "Package": self.name,
            "Version": self.version,
            "Architecture": self.arch,
            "Maintainer": "Fixtures <fixtures@example.org>",
            "Description": "fixture",
            **self.fields,
        }
        text = "".join(f"{key}: {value}\n" for key, value in fields.items())
        (control / "control").write_text(text, encoding="utf-8")
        for name, body in self.scripts.items():
            (control / name).write_text(f"#!/bin/sh\nset -e\n{body}\n", encoding="utf-8")
            (control / name).chmod(0o755)
        version = self.version.replace(":", "%3a")
        deb = folder / f"{self.name}_{version}_{self.arch}.deb"
        _run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", str(tree), str(deb)])
        shutil.rmtree(tree)
        return deb


class Key:
    """A signing key that lives as long as its folder."""

    def __init__(self, home: Path) -> None:
        home.mkdir(mode=0o700, parents=True)
        self.home = home
        self._gpg("--quick-generate-key", "Fixtures <fixtures@example.org>", "ed25519", "sign")
        self.public = home / "public.gpg"
        self._gpg("--output", str(self.public), "--export")

    def sign(self, release: Path) -> None:
        """InRelease beside a Release file."""
        target = release.with_name("InRelease")
        self._gpg("--yes", "--output", str(target), "--clearsign", str(release))

    def _gpg(self, *arguments: str) -> None:
        quiet = ("--batch", "--quiet", "--passphrase", "", "--pinentry-mode", "loopback")
        _run(["gpg", "--homedir", str(self.home), *quiet, *arguments])


class Repository:
    """A flat, signed apt repository in a folder that a `Server` serves.

    Attributes:
        url: where it is served, without a slash at its end.
    """

    def __init__(self, server: "Server", path: str, key: Key, debs: Iterable[Deb] = ()) -> None:
        self.folder = server.folder / path
        self.folder.mkdir(parents=True, exist_ok=True)
        self.url = f"{server.url}/{path}"
        self.key = key
        self._server = server
        self.publish(debs)

    @property
    def source(self) -> str:
        """The line for sources.list; a scenario has the key there."""
        return f"deb [signed-by={KEY_PATH}] {self.url}/ /\n"

    def publish(self, debs: Iterable[Deb], *, key: Key | None = None) -> None:
        """Add packages and sign the lists anew; with another key on request."""
        for deb in debs:
            built = self._server.built(deb)
            shutil.copy2(built, self.folder / built.name)
        packages = _run(["apt-ftparchive", "packages", "."], cwd=self.folder)
        (self.folder / "Packages").write_text(packages, encoding="utf-8")
        release = _run(
            ["apt-ftparchive", "-o", "APT::FTPArchive::Release::Label=NVIDIA CUDA", "release", "."],
            cwd=self.folder,
        )
        (self.folder / "Release").write_text(release, encoding="utf-8")
        (key or self.key).sign(self.folder / "Release")

    def withdraw(self, pattern: str) -> None:
        """Take packages out again, by the pattern of their file names."""
        for path in self.folder.glob(pattern):
            path.unlink()
        self.publish(())

    def add_file(self, name: str, data: bytes) -> str:
        """Serve another file beside the packages; returns its SHA-256."""
        (self.folder / name).write_bytes(data)
        return hashlib.sha256(data).hexdigest()


class Server:
    """A folder on loopback HTTP; requests are counted by path."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.requests: list[str] = []
        self._built: dict[str, Path] = {}
        outer = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                outer.requests.append(self.path)

        handler = functools.partial(Handler, directory=str(folder))
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def built(self, deb: Deb) -> Path:
        """The package's file, built once however many repositories have it."""
        if repr(deb) not in self._built:
            folder = self.folder / f".built/{len(self._built)}"
            folder.mkdir(parents=True)
            self._built[repr(deb)] = deb.build(folder)
        return self._built[repr(deb)]

    def close(self) -> None:
        """Stop serving."""
        self._http.shutdown()
        self._http.server_close()


def _run(command: list[str], cwd: Path | None = None) -> str:
    ran = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env={**os.environ}
    )
    if ran.returncode:
        raise RuntimeError(f"{command[0]}: {ran.stderr.strip()}")
    return ran.stdout
