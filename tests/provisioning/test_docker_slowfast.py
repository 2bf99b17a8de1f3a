"""Stage `slowfast` of docker/Dockerfile, built as far as it goes without CUDA's images.

FFmpeg is the pinned release and really compiled; torch and the three sources are small fixtures.
"""

import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from envcheck.kb import load
from tests.docker_vars import versions
from tests.provisioning import sources
from tests.provisioning.base import base_root
from tests.provisioning.buildah import BASES, Buildah, Container, context
from tests.provisioning.channel import PackageIndex
from tests.provisioning.repository import Key, Server
from tests.provisioning.scenario import make_root, unmount
from tests.provisioning.test_docker import buildah, findings, judged

pytestmark = pytest.mark.provisioning
__all__ = ["buildah"]  # the fixture: one store for both modules

# As little of FFmpeg as has NVIDIA's engines: it compiles in a minute.
SMALL = (
    "--disable-everything --disable-x86asm --disable-network --disable-ffprobe --disable-ffplay "
    "--disable-avdevice --disable-postproc --disable-swresample --disable-swscale --optflags=-O1 "
    "--enable-encoder=h264_nvenc,hevc_nvenc --enable-decoder=h264,h264_cuvid "
    "--enable-hwaccel=h264_nvdec --enable-filter=scale_cuda --enable-protocol=file"
)


@pytest.fixture(scope="module")
def debian(
    private_mounts: None, tmp_path_factory: pytest.TempPathFactory, key: Key
) -> Iterator[Path]:
    """A folder with the archives of FFmpeg and nv-codec-headers as Debian 13 has them."""
    work = tmp_path_factory.mktemp("debian")
    root = make_root(base_root("trixie"), work, megabytes=512, archive=True, key=key)
    source = root.read("/etc/apt/sources.list").replace("deb ", "deb-src ")
    root.write("/etc/apt/sources.list", source)
    root.run("apt-get", "-qq", "update")
    fetch = "cd /srv && apt-get -qq source --download-only --tar-only ffmpeg nv-codec-headers"
    root.run("sh", "-c", fetch)
    yield root.file("/srv")
    unmount(root)


@pytest.fixture(scope="module")
def image(
    buildah: Buildah,
    debian: Path,
    server: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """The image."""
    work = tmp_path_factory.mktemp("slowfast")
    index = PackageIndex(server, "simple-images")
    sources.add_torch_modules(index)
    names = ("torch", "torchvision", "numpy")
    wheels = [path for name in names for path in (index.folder / name).glob("*.whl")]
    buildah.lend(wheels)
    upstreams = sources.publish(server, work)

    pinned = versions(load())["FFMPEG_VERSION"]
    (archive,) = debian.glob("ffmpeg_*.orig.tar.xz")
    shutil.copyfile(archive, server.folder / f"ffmpeg-{pinned}.tar.xz")
    (archive,) = debian.glob("nv-codec-headers_*.orig.tar.xz")
    headers = sources.Upstream(server, "nv-codec-headers", work)
    with tarfile.open(archive) as packed:
        packed.extractall(work / "unpacked", filter="data")
    (unpacked,) = (work / "unpacked").iterdir()
    shutil.copytree(unpacked, headers.work, dirs_exist_ok=True)

    arguments = {
        **BASES,
        **{name.upper(): value for name, value in upstreams.vars.items()},
        "APT_SNAPSHOT": "",
        "FFMPEG_URL": server.url,
        "FFMPEG_OPTIONS": SMALL,
        "NV_CODEC_HEADERS_REPOSITORY": headers.url,
        "NV_CODEC_HEADERS_COMMIT": headers.commit({}),
        "MAX_JOBS": "2",
    }
    return buildah.build("slowfast", context(work / "context", wheels), arguments)


def test_slowfast(buildah: Buildah, image: str, tmp_path: Path) -> None:
    # One test, as the image takes minutes and pytest's workers would each build it.
    container = buildah.container(image)
    assert container.run("id", "-u").stdout.strip() == "10001"
    assert container.run("sh", "-c", "command -v g++ clang-14 git make").stdout == ""
    has_nvidias_engines(container)
    has_the_stack(container)

    inside = json.loads(container.run("envcheck", "doctor", "--format", "json").stdout)
    outside = judged(buildah.export(image, "oci", tmp_path / "oci"))
    for report in (inside, outside):
        assert report["snapshot"]["python"]["prefix"] == "/opt/slowfast"
        (build,) = report["snapshot"]["ffmpeg"]["builds"]
        assert build["path"] == "/opt/ffmpeg/bin/ffmpeg"
    assert findings(outside) == findings(inside)


def has_nvidias_engines(container: Container) -> None:
    for kind, names in {
        "-encoders": ("h264_nvenc", "hevc_nvenc"),
        "-decoders": ("h264_cuvid",),
        "-filters": ("scale_cuda",),
        "-hwaccels": ("cuda",),
    }.items():
        listed = container.run("ffmpeg", "-hide_banner", kind).stdout.split()
        assert set(names) <= set(listed)
    without_driver = container.run("ffmpeg", "-hide_banner", "-init_hw_device", "cuda")
    assert without_driver.returncode != 0
    assert "Cannot load libcuda.so.1" in without_driver.stderr


def has_the_stack(container: Container) -> None:
    code = (
        "import torch, detectron2._C as c, slowfast, pytorchvideo.losses; "
        "print(torch.__version__, c.has_cuda(), c.ARCHES, slowfast.__file__)"
    )
    said = container.run("python", "-c", code)
    assert said.stdout.split() == [
        "2.4.0",
        "True",
        "8.0;8.6;8.9;9.0+PTX",
        "/opt/src/SlowFast/slowfast/__init__.py",
    ], said.stderr
    patched = container.run("cat", "/opt/src/SlowFast/setup.py").stdout
    assert "pillow" in patched and "PIL" not in patched
