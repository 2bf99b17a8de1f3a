"""The versions of docker/Dockerfile, written out of the knowledge base and the Ansible roles.

Must not know how the images are built.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from envcheck.kb import Knowledge, order
from envcheck.kb.ffmpeg import Headers

ROOT = Path(__file__).parent.parent
SYSTEM = "ubuntu2204"  # of the base image
HEADER = "# Written by `make docs`: what slowfast.txt locks (docs/docker.md).\n"
BLOCK = re.compile(r"(?s)(# Written by `make docs`: from here\n).*(# to here\.\n)")


def docker_files(kb: Knowledge) -> dict[str, str]:
    """Path below `docker/` → text."""
    text = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8")
    lines = "".join(f"ARG {name}={value}\n" for name, value in versions(kb).items())
    lines = f"# nv-codec-headers {_headers(kb).tag}: work on every driver this torch does.\n{lines}"
    return {
        "Dockerfile": BLOCK.sub(lambda found: f"{found[1]}{lines}{found[2]}", text),
        "locks/slowfast.in": HEADER + "".join(f"{one}\n" for one in requirements()),
    }


def requirements() -> list[str]:
    """What docker/locks/slowfast.txt locks: torch's build and PySlowFast's environment."""
    wanted = _role("mamba_env", "defaults/main.yml")["mamba_env_slowfast"]
    build = _build()
    assert not build["index"]  # the package index has this build, so that hashes are known
    return [*build["requirements"], *wanted["conda"], *wanted["pip"]]


def versions(kb: Knowledge) -> dict[str, str]:
    """Build arguments: name → value."""
    release = next(row for row in kb.ffmpeg.releases if row.version == kb.ffmpeg.default.version)
    served = _headers(kb)
    assert order(release.oldest) <= order(served.sdk) <= order(release.newest)
    sources = {
        name: _role(name, "defaults/main.yml")
        for name in ("detectron2", "pytorchvideo", "slowfast")
    }
    return {
        "FFMPEG_VERSION": release.version,
        "FFMPEG_SHA256": release.sha256,
        "NV_CODEC_HEADERS_COMMIT": served.commit,
        "CLANG": next(row.clang for row in kb.ffmpeg.stock if row.distro == SYSTEM),
        **{
            f"{name.upper()}_{what.upper()}": source[f"{name}_{what}"]
            for name, source in sources.items()
            for what in ("repository", "commit")
        },
    }


def _headers(kb: Knowledge) -> Headers:
    """With these FFmpeg's NVENC works on the oldest driver that this torch works with."""
    headers = kb.ffmpeg.newest_for(_build()["driver"])
    assert headers is not None
    return headers


def _build() -> dict[str, Any]:
    """What role mamba_env knows of the torch that PySlowFast is set up with."""
    wanted = _role("mamba_env", "defaults/main.yml")["mamba_env_slowfast"]["torch"]
    builds = _role("mamba_env", "vars/main/torch_builds.yml")["mamba_env_torch_builds"]
    build: dict[str, Any] = builds[wanted["release"]][wanted["cuda"]]["x86_64"]
    return build


@cache
def _role(role: str, file: str) -> dict[str, Any]:
    text = (ROOT / f"ansible/roles/{role}/{file}").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded
