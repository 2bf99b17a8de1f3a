"""Images built from docker/ by buildah, on a Debian root in the place of the published bases.

Must not know what a test expects of them.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.provisioning.base import base_root
from tests.provisioning.wheelhouse import wheelhouse

ROOT = Path(__file__).parent.parent.parent
BASE = "localhost/base:bookworm"
BASES = dict.fromkeys(("PYTHON_IMAGE", "BASE_IMAGE", "RUNTIME_IMAGE"), BASE)
# Where a build finds packages in the place of the index: mounted, never part of an image.
WHEELS = "/wheels-of-tests"
CONTEXT = (
    *(".dockerignore", "pyproject.toml", "README.md", "docker", "envcheck"),
    *("ansible/roles/detectron2/files", "ansible/roles/slowfast/files"),
)


class Buildah:
    """A store of images of its own; containers without a namespace or a daemon."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wheels = folder / "wheels"
        self.wheels.mkdir(parents=True)
        self.pip = folder / "pip.conf"
        self.pip.write_text(f"[global]\nno-index = true\nfind-links = {WHEELS}\n")

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """buildah with these words; what it said is the error's text."""
        store = ("--root", f"{self.folder}/store", "--runroot", f"{self.folder}/run")
        environ = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
        command = ["buildah", *store, *words]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
        if check and ran.returncode:
            said = (ran.stdout + ran.stderr)[-4000:]
            raise RuntimeError(f"buildah {' '.join(words)}: exit code {ran.returncode}: {said}")
        return ran

    def make_base(self) -> None:
        """Debian 12 with Python and venv, as the bases that the Dockerfile names have them."""
        container = self.run("from", "scratch").stdout.strip()
        mounted = self.run("mount", container).stdout.strip()
        subprocess.run(["cp", "-a", f"{base_root('bookworm')}/.", mounted], check=True)
        install = "apt-get -qq update && apt-get -qqy --no-install-recommends install python3-venv"
        self.run("run", "--network=host", container, "--", "sh", "-c", install)
        self.run("commit", "--quiet", "--disable-compression", "--rm", container, BASE)

    def lend(self, wheels: Iterable[Path]) -> None:
        """Let builds install these."""
        for wheel in wheels:
            shutil.copyfile(wheel, self.wheels / wheel.name)

    def build(self, target: str, context: Path, arguments: Mapping[str, str]) -> str:
        """Build a stage of docker/Dockerfile; the image's name."""
        name = f"localhost/{target}:latest"
        words = [f"--build-arg={key}={value}" for key, value in arguments.items()]
        words += [f"--volume={self.pip}:/etc/pip.conf:ro", f"--volume={self.wheels}:{WHEELS}:ro"]
        words += ["--network=host", "--format=docker", "--target", target, "--tag", name]
        self.run("bud", *words, "--file", str(context / "docker/Dockerfile"), str(context))
        return name

    def settings(self, image: str) -> dict[str, Any]:
        """The image's configuration: User, Env, Healthcheck."""
        said = json.loads(self.run("inspect", "--type", "image", image).stdout)
        settings: dict[str, Any] = said["Docker"]["config"]
        return settings

    def container(self, image: str) -> "Container":
        """A container of the image, to run programs in."""
        return Container(self, self.run("from", image).stdout.strip())

    def export(self, image: str, transport: str, path: Path) -> Path:
        """The image as "oci" or "docker-archive"."""
        self.run("push", "--quiet", "--disable-compression", image, f"{transport}:{path}:a:b")
        return path


class Container:
    """Runs programs with the image's user and variables."""

    def __init__(self, buildah: Buildah, name: str) -> None:
        self._buildah = buildah
        self._name = name

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program; whatever it exits with is given back."""
        return self._buildah.run("run", self._name, "--", *command, check=False)


def context(folder: Path, lock: Iterable[Path] = ()) -> Path:
    """What the builder is given; `lock`: wheels that stand for those of locks/slowfast.txt."""
    for name in CONTEXT:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    lines = [
        f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
        for path in lock
        for name, version in [path.name.split("-")[:2]]
    ]
    if lines:
        (folder / "docker/locks/slowfast.txt").write_text("".join(lines), encoding="utf-8")
    return folder


def locked_wheels(*names: str) -> list[Path]:
    """The packages of these locks for the Python of Debian 12, from the package index."""
    pins: list[str] = []
    for name in names:
        for line in (ROOT / f"docker/locks/{name}.txt").read_text(encoding="utf-8").splitlines():
            if "==" in line:
                pins.append(line.removesuffix("\\").strip())
    return sorted(wheelhouse(*dict.fromkeys(pins)).glob("*.whl"))
