"""`doctor --image`: which torch, which GPU code and which libraries an image brings, for a host."""

import contextlib
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envcheck.binaries.errors import BinaryError
from envcheck.doctor import examine
from envcheck.errors import UsageError
from envcheck.facts import Missing, TorchBuild, encode
from envcheck.images.archive import open_image
from envcheck.images.errors import ImageError
from envcheck.images.root import unpacked
from envcheck.images.tar import Tar
from envcheck.images.window import Window
from envcheck.report import Report
from tests.binaries.build import elf, fatbin
from tests.images.build import Content, layer, oci, saved
from tests.roots import Link
from tests.rules.machine import healthy

SITE = "venv/lib/python3.11/site-packages"
PATH = {"PATH": "/venv/bin:/usr/bin:/bin"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of layers."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def base() -> dict[str, Content]:
    return {
        "etc/os-release": 'ID=ubuntu\nVERSION_ID="22.04"\nPRETTY_NAME="Ubuntu 22.04.4 LTS"\n',
        "usr/bin/python3.11": elf(),
        "usr/lib/python3.11/os.py": "",
        "usr/share/doc/large": "x" * 100_000,
    }


def torch(*architectures: str, version: str = "2.8.0+cu126") -> dict[str, Content]:
    code = b"".join(fatbin(*architectures, payload=9000) for _ in range(3))
    public = version.partition("+")[0]
    return {
        "venv/bin/python": Link("/usr/bin/python3.11"),
        "venv/bin/python3": Link("python"),
        "venv/lib64": Link("lib"),
        "venv/pyvenv.cfg": "home = /usr/bin\nversion = 3.11.4\n",
        f"{SITE}/torch/__init__.py": "",
        f"{SITE}/torch/version.py": f"__version__ = '{version}'\ncuda = '12.6'\n",
        f"{SITE}/torch/_C.cpython-311-x86_64-linux-gnu.so": elf(),
        f"{SITE}/torch/lib/libc10.so": elf(),
        f"{SITE}/torch/lib/libtorch_cpu.so": elf(),
        f"{SITE}/torch/lib/libtorch_cuda.so": elf(sections={".nv_fatbin": code}),
        f"{SITE}/torch-{public}.dist-info/METADATA": f"Name: torch\nVersion: {public}\n",
    }


def judged(path: Path, gpu: str = "H100 SXM", driver: str = "580.65.06") -> Report:
    return examine(image=str(path), gpu=[gpu], driver=driver)


def found(report: Report) -> TorchBuild:
    assert isinstance(report.snapshot.torch, TorchBuild), report.snapshot.torch
    return report.snapshot.torch


def names(report: Report) -> set[str]:
    return {finding.name for finding in report.findings}


@pytest.mark.parametrize("kind", ["", "gzip", "zstd"])
@pytest.mark.parametrize("form", ["folder", "archive", "docker"])
def test_gpu_code_is_read_through_the_layers(tmp_path: Path, kind: str, form: str) -> None:
    layers = [layer(base(), kind=kind), layer(torch("sm_80", "sm_90"), kind=kind)]
    if form == "docker":
        path = saved(tmp_path / "image.tar", *layers, environ=PATH)
    else:
        path = oci(tmp_path / "image", *layers, environ=PATH, archive=form == "archive")
    report = judged(path)
    assert found(report).sass == ("sm_80", "sm_90") and found(report).version == "2.8.0+cu126"
    assert not isinstance(report.snapshot.host, Missing)
    assert report.snapshot.host.os_version == "22.04" and report.snapshot.origin == "image"
    assert not report.crashed and names(report) == set()
    assert names(judged(path, gpu="RTX 5090")) == {"arch_not_in_build"}
    assert "driver_too_old" in names(judged(path, driver="450.80.02"))


def test_a_later_layer_hides_and_replaces(tmp_path: Path) -> None:
    old, new = torch("sm_70", version="2.4.0+cu121"), torch("sm_90")
    gone: dict[str, Content] = {
        f"{SITE}/torch-2.4.0.dist-info/.wh.METADATA": "",
        f"{SITE}/.wh.torch-2.4.0.dist-info": "",
    }
    path = oci(tmp_path / "i", layer(base()), layer(old), layer(gone), layer(new), environ=PATH)
    report = judged(path)
    assert found(report).sass == ("sm_90",) and found(report).version == "2.8.0+cu126"
    opaque: dict[str, Content] = {f"{SITE}/torch/.wh..wh..opq": "", f"{SITE}/torch": None}
    path = oci(tmp_path / "j", layer(base()), layer(new), layer(opaque), environ=PATH)
    assert not isinstance(judged(path).snapshot.torch, TorchBuild) or found(judged(path)).broken


def test_the_images_own_variables_count(tmp_path: Path) -> None:
    environ = {
        **PATH,
        "NVIDIA_REQUIRE_CUDA": "cuda>=13.0 brand=tesla,driver>=470",
        "NVIDIA_DRIVER_CAPABILITIES": "utility",
        "LD_LIBRARY_PATH": "/usr/local/nvidia/lib64",
    }
    path = oci(tmp_path / "i", layer(base()), layer(torch("sm_90")), environ=environ)
    report = judged(path, driver="550.54.15")
    assert "base_image_too_new_for_driver" in names(report)
    assert not isinstance(report.snapshot.environment, Missing)
    assert report.snapshot.environment.get("LD_LIBRARY_PATH") == "/usr/local/nvidia/lib64"
    assert "base_image_too_new_for_driver" not in names(judged(path))


def test_a_saved_host_is_what_it_is_judged_for(tmp_path: Path) -> None:
    host = tmp_path / "host.json"
    host.write_bytes(encode(healthy()))
    path = oci(tmp_path / "i", layer(base()), layer(torch("sm_80")), environ=PATH)
    report = examine(image=str(path), snapshot=str(host))
    assert found(report).sass == ("sm_80",)
    assert not isinstance(report.snapshot.driver, Missing)
    assert report.snapshot.driver.version == "550.54.15"


def test_layers_are_kept_by_digest_and_take_little_room(tmp_path: Path, cache: Path) -> None:
    big = torch("sm_90")
    big[f"{SITE}/torch/lib/libtorch_cpu.so"] = elf(sections={".text": os.urandom(3_000_000)})
    path = oci(tmp_path / "i", layer(base(), kind="gzip"), layer(big, kind="gzip"), environ=PATH)
    first = found(judged(path))
    kept = [file for file in cache.rglob("*") if file.is_file() and not file.is_symlink()]
    assert sum(file.stat().st_blocks * 512 for file in kept) < 1_000_000
    assert not [file for file in kept if file.name == "large"]
    for blob in (path / "blobs/sha256").iterdir():  # what is known of a layer is not read again
        if (size := blob.stat().st_size) > 100_000:
            blob.write_bytes(bytes(size))
    assert found(judged(path)) == first


# what an image may try


def tree(path: Path) -> set[str]:
    with open_image(str(path), "amd64") as image, unpacked(image) as root:
        return {
            str(Path(folder, name).relative_to(root))
            for folder, folders, files in os.walk(root)
            for name in (*folders, *files)
        }


def test_nothing_is_written_outside_the_root(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "kept.so").write_text("safe")
    up = "../" * 20 + str(victim).lstrip("/")
    tricks: dict[str, Content] = {
        f"{up}/a.so": elf(),
        f"/{up}/b.so": elf(),
        "link": Link(str(victim)),
        "up": Link("../" * 20 + str(victim).lstrip("/")),
        "loop": Link("loop"),
        "file.so": elf(),
    }
    second: dict[str, Content] = {
        "link/c.so": elf(),
        "up/d.so": elf(),
        "loop/e.so": elf(),
        "file.so/f.so": elf(),
        "link/.wh.kept.so": "",
        "up/.wh..wh..opq": "",
        ".wh...": "",
        ".wh..": "",
    }
    found_ = tree(oci(tmp_path / "i", layer(tricks), layer(second)))
    assert sorted(os.listdir(victim)) == ["kept.so"]
    assert (victim / "kept.so").read_text() == "safe"
    assert any(name.endswith("c.so") for name in found_)  # within the root, where the link leads


def test_devices_fifos_and_sockets_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "layer.tar"
    with tarfile.open(path, "w") as archive:
        for number, kind in enumerate((tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)):
            member = tarfile.TarInfo(f"dev{number}.so")
            member.type = kind
            archive.addfile(member)
    assert tree(oci(tmp_path / "i", path.read_bytes())) == set()


def test_a_hard_link_leads_to_the_file_of_its_layer(tmp_path: Path) -> None:
    path = tmp_path / "layer.tar"
    with tarfile.open(path, "w") as archive:
        data = elf()
        member = tarfile.TarInfo("a/one.so")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
        for name, target in (("a/two.so", "a/one.so"), ("a/no.so", "../../etc/passwd")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.LNKTYPE, target
            archive.addfile(link)
    assert tree(oci(tmp_path / "i", path.read_bytes())) == {"a", "a/one.so", "a/two.so"}


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envcheck.images.layer.MOST", 1 << 20)
    bomb = layer({"zeros.bin": bytes(8 << 20)}, kind="gzip")
    with pytest.raises(ImageError, match="more than an image can hold"):
        tree(oci(tmp_path / "i", bomb))


@pytest.mark.parametrize("kind", ["", "gzip", "zstd"])
def test_a_truncated_layer_is_said(tmp_path: Path, kind: str) -> None:
    whole = layer(torch("sm_90"), kind=kind)
    with pytest.raises(ImageError):
        tree(oci(tmp_path / "i", whole[: len(whole) // 2]))


def test_bad_images_are_a_sentence(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    text = tmp_path / "text.tar"
    text.write_text("hello")
    packed = tmp_path / "packed.tar.gz"
    packed.write_bytes(layer({"a": "b"}, kind="gzip"))
    plain = tmp_path / "plain.tar"
    plain.write_bytes(layer({"a": "b"}))
    lost = oci(tmp_path / "lost", layer(base()))
    for blob in (lost / "blobs/sha256").iterdir():
        blob.unlink()
    wrong = oci(tmp_path / "wrong", layer(base()))
    (wrong / "index.json").write_text('{"manifests": [{"digest": "../../etc/passwd"}]}')
    for path, said in (
        (empty, "no image"),
        (text, "tar"),
        (packed, "unpack it first"),
        (plain, "no image"),
        (lost, "not whole"),
        (wrong, "digest"),
        (tmp_path / "nowhere", "not there"),
    ):
        ran = subprocess.run(
            [sys.executable, "-m", "envcheck", "doctor", "--image", str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 2 and said in ran.stderr, (path, ran.stderr)
        assert ran.stderr.count("\n") == 1


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1535), st.integers(0, 255)), max_size=8), st.integers(0, 3072)
)
def test_no_bytes_crash_the_tar_reader(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(layer({"a" * 150: "x" * 300, "b/c.so": "d", "l": Link("a")}))
    for place, value in changes:
        data[place] = value
    path = tmp_path_factory.getbasetemp() / "fuzzed.tar"
    path.write_bytes(bytes(data[:cut]) if cut < 3000 else bytes(data))
    with path.open("rb") as stream:
        tar = Tar(Window(stream.fileno(), 0, path.stat().st_size))
        with contextlib.suppress(ImageError, BinaryError):
            for _ in tar:
                tar.read(100)


def test_the_command_prints_what_is_inside(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "image.tar", layer(base()), layer(torch("sm_80", "sm_90")), environ=PATH
    )
    ran = subprocess.run(
        [sys.executable, "-m", "envcheck", "doctor", "--image", str(path), "--gpu", "RTX 5090",
         "--driver", "580.65.06", "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(ran.stdout)
    assert ran.returncode == 1 and answer["findings"][0]["name"] == "arch_not_in_build"
    with pytest.raises(UsageError, match="leave out"):
        examine(image=str(path), sysroot="/")
