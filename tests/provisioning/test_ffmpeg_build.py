"""Role ffmpeg_cuda, really: Debian's FFmpeg compiled for NVIDIA; what it says without a driver."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from envcheck.smoke.frames import CLIPS
from tests.provisioning.base import base_root
from tests.provisioning.repository import Key
from tests.provisioning.scenario import ANSIBLE, Root, make_root, unmount

pytestmark = pytest.mark.provisioning

PREFIX = "/opt/ffmpeg-cuda"
LISTS = ("encoders", "decoders", "hwaccels", "filters")
PLAY = """
- hosts: gpu_machines
  gather_facts: false
  roles: [ffmpeg_cuda]
"""
# As CI builds it: Debian's source package, its own headers, clang instead of a CUDA toolkit.
WANTED = {
    "ffmpeg_cuda_build": "always",
    "ffmpeg_cuda_source": "distribution",
    "ffmpeg_cuda_headers": "distribution",
    "ffmpeg_cuda_profile": "small",
}


# What decides how it is compiled; the rest of the role is played over what was kept.
COMPILING = ("tasks/make.yml", "tasks/source_package.yml", "vars/main/derived.yml")


def recipe() -> str:
    """Changes with whatever could change the build."""
    text = b"".join((ANSIBLE / "roles/ffmpeg_cuda" / name).read_bytes() for name in COMPILING)
    return f"{zlib.crc32(text + repr(WANTED).encode()):08x}"


@pytest.fixture(scope="module")
def built(
    private_mounts: None, tmp_path_factory: pytest.TempPathFactory, key: Key
) -> Iterator[Root]:
    """A machine on which the role has run. What it built is kept, as it takes minutes."""
    work = tmp_path_factory.mktemp("ffmpeg")
    root = make_root(base_root("bookworm"), work, megabytes=6144, archive=True, key=key)
    root.run("apt-get", "-q", "update")
    root.vars.update(WANTED)
    cache = Path(os.environ.get("ENVCHECK_TEST_CACHE") or Path.home() / ".cache/envcheck-tests")
    kept = cache / f"ffmpeg-{recipe()}"
    if kept.is_dir():
        shutil.copytree(kept, root.file(PREFIX), symlinks=True)
    else:
        checked = root.play(PLAY, check=True)
        assert not checked.failed, checked.output
        assert "ffmpeg_cuda : Install what it is compiled with" in checked.changed
        assert not root.exists(PREFIX) and "gcc" not in root.packages()
        first = root.play(PLAY)
        assert not first.failed, first.output
        assert "ffmpeg_cuda : Install" in first.changed
        for old in cache.glob("ffmpeg-*"):
            shutil.rmtree(old)
        shutil.copytree(root.file(PREFIX), kept, symlinks=True)
    yield root
    unmount(root)


def ffmpeg(root: Root, *arguments: str) -> subprocess.CompletedProcess[str]:
    return root.run(f"{PREFIX}/bin/ffmpeg", "-hide_banner", "-nostdin", *arguments, check=False)


def envcheck(*arguments: str, **environ: str) -> dict[str, Any]:
    """A report of envcheck on this machine."""
    ran = subprocess.run(
        [sys.executable, "-m", "envcheck", *arguments, "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environ},
        timeout=120,
    )
    report: dict[str, Any] = json.loads(ran.stdout)
    return report


def test_it_has_what_was_asked_for(built: Root) -> None:
    listed = {name: ffmpeg(built, f"-{name}").stdout.split() for name in LISTS}
    assert {"h264_nvenc", "hevc_nvenc"} <= set(listed["encoders"])
    assert {"h264_cuvid", "hevc_cuvid"} <= set(listed["decoders"])
    assert "cuda" in listed["hwaccels"] and "scale_cuda" in listed["filters"]
    assert "libx264" not in listed["encoders"]
    linked = built.run("ldd", f"{PREFIX}/bin/ffmpeg").stdout
    assert f"{PREFIX}/lib/libavcodec.so" in linked and "not found" not in linked
    assert not built.exists("/usr/bin/ffmpeg")


def test_a_second_run_changes_nothing(built: Root) -> None:
    again = built.play(PLAY)
    assert (again.failed, again.changed) == (False, []), again.output


def test_doctor_reads_the_same_out_of_its_files(built: Root) -> None:
    report = envcheck("doctor", "--sysroot", str(built.path), "--select", "FFM")
    (build,) = report["snapshot"]["ffmpeg"]["builds"]
    assert build["path"] == f"{PREFIX}/bin/ffmpeg"
    listed = {name: set(ffmpeg(built, f"-{name}").stdout.split()) for name in LISTS}
    assert set(build["encoders"]) == {n for n in listed["encoders"] if n.endswith("_nvenc")}
    assert set(build["decoders"]) == {n for n in listed["decoders"] if n.endswith("_cuvid")}
    assert set(build["filters"]) == {n for n in listed["filters"] if n.endswith("_cuda")}
    said = ffmpeg(built, "-version").stdout
    assert f"ffmpeg version {build['version']} " in said
    (options,) = re.findall(r"(?m)^configuration: (.*)$", said)
    assert build["configuration"] == shlex.split(options)
    assert build["nvenc_driver"] == "470.57.02"  # of Debian's own headers
    assert build["not_opened"] == ["libcuda.so.1", "libnvcuvid.so.1", "libnvidia-encode.so.1"]
    assert build["not_found"] == [] and "foreign" not in build
    assert report["findings"] == []  # no driver here: nothing to hold it against


def test_doctor_says_what_a_driver_would_lack(built: Root, tmp_path: Path) -> None:
    """The same files beside a driver without video libraries, older than the headers."""
    report = envcheck("doctor", "--sysroot", str(built.path))
    snapshot = report["snapshot"]
    snapshot["driver"] = {"kind": "driver", "version": "460.91.03", "nvml": "ok"}
    gpu = {"kind": "gpu", "index": 0, "name": "Tesla T4", "pci_id": "10de:1eb8", "sm": "7.5"}
    snapshot["gpus"] = {"kind": "gpus", "devices": [gpu]}
    snapshot["container"] = {"kind": "container", "runtime": None, "wsl": 0, "jetson": None}
    file = tmp_path / "with-driver.json"
    file.write_text(json.dumps(snapshot), encoding="utf-8")
    found = envcheck("doctor", "--snapshot", str(file), "--select", "FFM")["findings"]
    assert {f["name"] for f in found} == {
        "ffmpeg_without_video_libraries",
        "nvenc_needs_newer_driver",
    }


def test_smoke_proves_its_software_part(built: Root) -> None:
    library_path = str(built.file(f"{PREFIX}/lib"))
    program = str(built.file(f"{PREFIX}/bin/ffmpeg"))
    arguments = ("smoke", "ffmpeg", "--ffmpeg", program)
    report = envcheck(*arguments, LD_LIBRARY_PATH=library_path, CUDA_VISIBLE_DEVICES="")
    trials = {trial["name"]: trial for trial in report["snapshot"]["trials"]["trials"]}
    for name in ("start", "decode h264", "decode hevc", "encode", "scale"):
        assert trials[name]["status"] == "ok", trials[name]
    assert trials["encode"]["details"] == {"encoder": "mpeg4"}


CLIP = ("-f", "rawvideo", "-s", "320x240", "-i", "/dev/zero", "-frames:v", "1")
WITHOUT_DRIVER = {
    ("-init_hw_device", "cuda", *CLIP, "-f", "null", "-"): "Could not dynamically load CUDA",
    (*CLIP, "-c:v", "h264_nvenc", "-f", "null", "-"): "Cannot load libcuda.so.1",
    ("-c:v", "h264_cuvid", "-i", "/clip.h264", "-f", "null", "-"): "Cannot load libnvcuvid.so.1",
}


@pytest.mark.parametrize(("arguments", "words"), WITHOUT_DRIVER.items())
def test_what_it_says_without_a_driver_is_known(
    built: Root, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    shutil.copyfile(CLIPS["h264"], built.file("/clip.h264"))
    ran = ffmpeg(built, *arguments)
    assert ran.returncode != 0 and words in ran.stderr
    log = tmp_path / "ffmpeg.log"
    log.write_text(ran.stderr, encoding="utf-8")
    matches = envcheck("explain", "--log", str(log))["matches"]
    assert matches and any(words in line for match in matches for line in match["lines"])


def test_verify_catches_libraries_that_are_gone(built: Root, tmp_path: Path, key: Key) -> None:
    root = make_root(built.path, tmp_path, megabytes=256, archive=False, key=key)
    try:
        root.vars.update(WANTED)
        for library in root.file(f"{PREFIX}/lib").glob("libavfilter.so*"):
            library.unlink()
        run = root.play(PLAY, tags="verify")
        assert run.failed and "libavfilter" in run.message
        report = envcheck("doctor", "--sysroot", str(root.path), "--select", "FFM")
        assert [f["name"] for f in report["findings"]] == ["ffmpeg_library_not_found"]
    finally:
        unmount(root)


def test_debians_own_serves(private_mounts: None, tmp_path: Path, key: Key) -> None:
    """Nothing is compiled where the archive's package has what is wanted."""
    root = make_root(base_root("bookworm"), tmp_path, megabytes=3072, archive=True, key=key)
    try:
        root.run("apt-get", "-q", "update")
        first = root.play(PLAY)
        assert not first.failed, first.output
        assert first.changed == ["ffmpeg_cuda : Install it, as it may serve"]
        assert not root.exists(PREFIX) and "gcc" not in root.packages()
        report = envcheck("doctor", "--sysroot", str(root.path), "--select", "FFM")
        (build,) = report["snapshot"]["ffmpeg"]["builds"]
        assert "scale_cuda" in build["filters"] and build["nvenc_driver"] == "470.57.02"
        assert report["findings"] == []  # a distribution's: nobody asked for NVIDIA's hardware
    finally:
        unmount(root)
