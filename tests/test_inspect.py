"""`envcheck inspect` on built libraries, wheels, folders and packages, and on damaged ones."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.binaries.build import elf, fatbin
from tests.make_docs import ROOT

PLAIN = "_ZN2at6Tensor3addEv"
NEW = "_ZN3c106detail14torchCheckFailEPKcS2_jRKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
VERSIONS = {"libc.so.6": ["GLIBC_2.2.5", "GLIBC_2.17"], "libstdc++.so.6": ["GLIBCXX_3.4.22"]}


def run(*arguments: str | Path, LD_LIBRARY_PATH: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "envcheck", "inspect", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "LD_LIBRARY_PATH": LD_LIBRARY_PATH},
    )


def inspect(*arguments: str | Path, code: int = 0, LD_LIBRARY_PATH: str = "") -> dict[str, Any]:
    ran = run(*arguments, "--format", "json", LD_LIBRARY_PATH=LD_LIBRARY_PATH)
    assert ran.returncode == code, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    schema = json.loads((ROOT / "envcheck/schema/inspection.json").read_text(encoding="utf-8"))
    jsonschema.validate(found, schema)
    return found


def only(found: dict[str, Any]) -> dict[str, Any]:
    (target,) = found["targets"]
    (binary,) = target["binaries"]
    assert isinstance(binary, dict)
    return binary


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.fixture
def env(tmp_path: Path) -> Path:
    """An environment with a torch of two libraries, and a package compiled for another one."""
    root = tmp_path / "env"
    site = root / "lib" / f"python3.{sys.version_info[1]}" / "site-packages"
    (root / "bin").mkdir(parents=True)
    (root / "bin/python").symlink_to(sys.executable)
    (root / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).parent}\n")
    write(site / "torch/__init__.py", b"")
    write(site / "torch/version.py", b"__version__ = '2.4.0'\ncuda = None\n")
    write(site / "torch/_C.so", elf(needed=["libc10.so"], rpath="$ORIGIN/lib"))
    write(site / "torch/lib/libc10.so", elf(soname="libc10.so", defined=[PLAIN, NEW]))
    write(site / "torch/lib/libtorch_cpu.so", elf(soname="libtorch_cpu.so"))
    data = elf(needed=["libc10.so"], undefined=[PLAIN, "_ZN2at6Tensor4lostEv"])
    write(site / "my_ext/_C.so", data)
    info = site / "my_ext-1.5.dist-info"
    write(info / "METADATA", b"Metadata-Version: 2.1\nName: My_Ext\nVersion: 1.5\n")
    write(info / "RECORD", b"my_ext/_C.so,sha256=x,1\nmy_ext/__init__.py,,\n")
    write(site / "plain-0.1.dist-info/METADATA", b"Name: plain\nVersion: 0.1\n")
    write(site / "plain-0.1.dist-info/RECORD", b"plain.py,,\n")
    return root


# ---- what is said of a file -----------------------------------------------------------------


def test_a_library(tmp_path: Path) -> None:
    bins = fatbin("sm_80", "sm_90a", "compute_90") + fatbin("sm_80") + fatbin("sm_80", "compute_80")
    data = elf(
        sections={".nv_fatbin": bins},
        needed=["libcudart.so.12", "libc.so.6", "libstdc++.so.6"],
        soname="libx.so.1",
        needs=VERSIONS,
        build_id=b"\xab\xcd",
    )
    binary = only(inspect(write(tmp_path / "libx.so.1", data)))
    assert binary["code"] == {
        "fatbins": 3,
        "sass": ["sm_80"],
        "partial": ["sm_90a"],
        "ptx": [],
        "ptx_partial": ["compute_80", "compute_90"],
        "relocatable": 0,
    }
    assert (binary["cudart"], binary["soname"], binary["machine"]) == ("12", "libx.so.1", "x86_64")
    assert (binary["glibc"], binary["glibcxx"], binary["cxxabi"]) == ("2.17", "3.4.22", None)
    assert binary["torch"] is None and binary["build_id"] == "abcd"


def test_a_library_without_gpu_code(tmp_path: Path) -> None:
    binary = only(inspect(write(tmp_path / "a.so", elf())))
    assert binary["code"] is None and binary["cudart"] is None and binary["libraries"] == []
    static = elf(sections={".nv_fatbin": fatbin("sm_80")})
    assert only(inspect(write(tmp_path / "b.so", static)))["cudart"] == "static"


def test_where_the_loader_finds_each_library_in_its_own_order(tmp_path: Path) -> None:
    for folder, names in (
        ("rpath", "abc"),
        ("env", "abcd"),
        ("runpath", "abcde"),
    ):
        for name in names:
            write(tmp_path / folder / f"lib{name}.so", elf(soname=f"lib{name}.so"))
    needed = ["liba.so", "libd.so", "libe.so", "libgone.so", "libc.so.6"]

    def found(rpath: str | None, runpath: str | None) -> dict[str, tuple[str, str | None]]:
        data = elf(needed=needed, rpath=rpath, runpath=runpath)
        binary = only(
            inspect(write(tmp_path / "bin/x.so", data), LD_LIBRARY_PATH=str(tmp_path / "env"))
        )
        return {
            each["name"]: (each.get("via", ""), each.get("path")) for each in binary["libraries"]
        }

    old = found("$ORIGIN/../rpath", None)
    assert old["liba.so"] == ("RPATH", str(tmp_path / "rpath/liba.so"))
    assert old["libd.so"] == ("LD_LIBRARY_PATH", str(tmp_path / "env/libd.so"))
    assert old["libgone.so"] == ("", None) and old["libe.so"] == ("", None)
    assert old["libc.so.6"][0] in ("ld.so.cache", "default")
    new = found(None, "${ORIGIN}/../runpath")
    assert new["liba.so"] == ("LD_LIBRARY_PATH", str(tmp_path / "env/liba.so"))
    assert new["libe.so"] == ("RUNPATH", str(tmp_path / "runpath/libe.so"))


def test_what_it_needs_of_the_environments_torch(env: Path, tmp_path: Path) -> None:
    lost = "_ZN2at6Tensor4lostEv"
    data = elf(needed=["libc10.so", "libc10_cuda.so"], undefined=[PLAIN, NEW, lost, "memcpy"])
    found = inspect(write(tmp_path / "x.so", data), "--python", env)
    binary = only(found)
    torch = binary["torch"]
    assert torch["symbols"] == [PLAIN, NEW, lost] and torch["cxx11_abi"] is True
    assert torch["missing"] == [{"name": lost, "readable": "at::Tensor::lost()"}]
    assert torch["lacks"] == ["libc10_cuda.so"]
    assert found["torch"]["version"] == "2.4.0" and found["torch"]["cxx11_abi"] is True
    libraries = {each["name"]: each for each in binary["libraries"]}
    assert libraries["libc10.so"]["via"] == "loaded"  # importing torch comes first
    assert libraries["libc10.so"]["path"].endswith("/torch/lib/libc10.so")
    assert libraries["libc10_cuda.so"].get("path") is None


def test_torchs_own_libraries_are_searched_as_torch_does(env: Path) -> None:
    (library,) = env.glob("lib/*/site-packages/torch/_C.so")
    (found,) = only(inspect(library, "--python", env))["libraries"]
    assert (found["via"], found["entry"]) == ("RPATH", "$ORIGIN/lib")


# ---- what may be asked about ----------------------------------------------------------------


def test_an_installed_package(env: Path) -> None:
    found = inspect("my.EXT", "--python", env)
    (target,) = found["targets"]
    assert (target["kind"], target["version"]) == ("package", "1.5")
    assert len(only(found)["torch"]["missing"]) == 1


def test_a_directory(tmp_path: Path) -> None:
    write(tmp_path / "d/a/_C.so", elf())
    write(tmp_path / "d/libb.so.2.1", elf())
    write(tmp_path / "d/script.so", b"INPUT(libb.so)\n")
    write(tmp_path / "d/notes.txt", elf())
    (tmp_path / "d/libb.so").symlink_to("libb.so.2.1")
    (tmp_path / "d/loop").symlink_to(tmp_path / "d")
    os.mkfifo(tmp_path / "d/fifo.so")
    (target,) = inspect(tmp_path / "d")["targets"]
    names = {binary["path"].removeprefix(f"{tmp_path}/d/") for binary in target["binaries"]}
    assert target["kind"] == "directory" and names in (
        {"a/_C.so", "libb.so"},  # one name of each real file
        {"a/_C.so", "libb.so.2.1"},
    )


def wheel(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_wheel_as_it_would_lie_once_installed(env: Path, tmp_path: Path, method: int) -> None:
    needed = ["libc10.so", "libown.so", "libmore.so"]
    members = {
        "x/_C.so": elf(needed=needed, undefined=[PLAIN], runpath="$ORIGIN/../x.libs:$ORIGIN/.."),
        "x.libs/libown.so": elf(soname="libown.so", sections={".nv_fatbin": fatbin("sm_90")}),
        "x-1.data/platlib/libmore.so": elf(soname="libmore.so"),
        "x/__init__.py": b"",
    }
    found = inspect(wheel(tmp_path / "x-1-py3-none-any.whl", members, method), "--python", env)
    (target,) = found["targets"]
    binaries = {binary["path"]: binary for binary in target["binaries"]}
    assert set(binaries) == {"x/_C.so", "x.libs/libown.so", "x-1.data/platlib/libmore.so"}
    assert binaries["x.libs/libown.so"]["code"]["sass"] == ["sm_90"]
    libraries = {each["name"]: each for each in binaries["x/_C.so"]["libraries"]}
    assert libraries["libown.so"]["via"] == "RUNPATH"
    assert libraries["libown.so"]["path"].endswith("/site-packages/x.libs/libown.so")
    assert libraries["libc10.so"]["path"].endswith("/torch/lib/libc10.so")
    assert binaries["x/_C.so"]["torch"]["missing"] == []


def test_several_at_once_and_as_text(env: Path, tmp_path: Path) -> None:
    one = write(tmp_path / "one.so", elf(needed=["libgone.so"], needs=VERSIONS))
    ran = run(one, "my-ext", "--python", env)
    assert ran.returncode == 0
    for words in (
        str(one),
        "libgone.so: NOT FOUND",
        "glibc 2.17, GLIBCXX 3.4.22",
        "package my-ext 1.5: 1 compiled library",
        "torch 2.4.0 does not define 1 of them",
        "at::Tensor::lost()",
    ):
        assert words in ran.stdout


# ---- bad input ------------------------------------------------------------------------------


def refused(*arguments: str | Path) -> str:
    ran = run(*arguments)
    assert ran.returncode == 2 and ran.stdout == "" and "Traceback" not in ran.stderr, ran.stderr
    return ran.stderr


def test_names_that_are_nothing(env: Path, tmp_path: Path) -> None:
    assert "did you mean my-ext" in refused("my_extt", "--python", env)
    assert "no such file" in refused(tmp_path / "gone.so")
    assert "no such file" in refused("gone.whl")
    assert "no compiled libraries" in refused("plain", "--python", env)
    assert "not an interpreter" in refused("plain", "--python", tmp_path)


def test_files_that_are_no_library(tmp_path: Path) -> None:
    assert "neither" in refused(write(tmp_path / "a.so", b"INPUT(x)"))
    assert "neither" in refused(write(tmp_path / "empty", b""))
    assert "no compiled libraries" in refused(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    assert "fifo" in refused(tmp_path / "fifo")
    data = elf(sections={".nv_fatbin": fatbin("sm_90")}, needed=["libc.so.6"])
    assert "cut short" in refused(write(tmp_path / "cut.so", data[: len(data) - 40]))


def test_wheels_that_are_not_sound(tmp_path: Path) -> None:
    sound = wheel(tmp_path / "x.whl", {"a.so": elf()}).read_bytes()
    assert "no zip file" in refused(write(tmp_path / "text.whl", b"PKhello"))
    assert "no zip file" in refused(write(tmp_path / "cut.whl", sound[:-30]))
    assert "no compiled libraries" in refused(wheel(tmp_path / "py.whl", {"a.py": b""}))
    outside = wheel(tmp_path / "out.whl", {"../../../../../usr/lib/a.so": elf()})
    assert "no compiled libraries" in refused(outside)


def test_a_decompression_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.whl"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("a.so", "b.so"):
            with file.open(name, "w") as member:
                member.write(elf())
                for _ in range(200):
                    member.write(bytes(1 << 20))
    assert bomb.stat().st_size < 1 << 20
    (target,) = inspect(bomb, code=3)["targets"]
    problems = [binary["problem"] for binary in target["binaries"]]
    assert problems[0] is None and "would unpack to" in problems[1]


def test_one_damaged_library_among_sound_ones_is_reported(tmp_path: Path) -> None:
    data = bytearray(wheel(tmp_path / "x.whl", {"a.so": elf(), "b.so": elf()}, 0).read_bytes())
    start = zipfile.ZipFile(io.BytesIO(bytes(data))).getinfo("b.so").header_offset
    data[start + 60] ^= 0xFF
    (target,) = inspect(write(tmp_path / "bad.whl", bytes(data)), code=3)["targets"]
    assert [bool(binary["problem"]) for binary in target["binaries"]] == [False, True]
    write(tmp_path / "d/a.so", elf()[:80])
    write(tmp_path / "d/b.so", elf())
    ran = run(tmp_path / "d")
    assert ran.returncode == 3 and "Problem" in ran.stdout and "GPU code" in ran.stdout
