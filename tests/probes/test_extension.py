"""Compiled extensions in fixture roots: which are found, and what they lack of torch."""

import json
from pathlib import Path
from typing import Any

import pytest

from envcheck.facts import (
    CompiledFile,
    Distribution,
    Extension,
    Extensions,
    Missing,
    PythonEnv,
    TorchBuild,
    absent,
)
from envcheck.kb import load
from envcheck.probes.extension import read_extensions
from envcheck.probes.interpreter import Interpreter
from tests.binaries.build import elf, fatbin
from tests.roots import FIFO, HOSTILE, LOOP, Content, Link, host_of

SITE = "/venv/lib/python3.11/site-packages"
TORCH = f"{SITE}/torch"
OLD = "_ZN3c106detail14torchCheckFailEPKcS2_jRKSs"  # takes a std::string
NEW = "_ZN3c106detail14torchCheckFailEPKcS2_jRKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
PLAIN = "_ZN2at6Tensor3addEv"
CUDA = "_ZN3c104cuda9SetDeviceEa"

INTERPRETER = Interpreter(
    executable="/venv/bin/python",
    chosen_by="--python",
    version="3.11.9",
    implementation="cpython",
    tag="cp311-cp311",
    platform="linux-x86_64",
    prefix="/venv",
    manager="venv",
    path=(SITE,),
)


def library(*defined: str, soname: str) -> bytes:
    return elf(defined=defined, soname=soname)


TORCH_FILES: dict[str, Content] = {
    f"{TORCH}/lib/libc10.so": library(OLD, soname="libc10.so"),
    f"{TORCH}/lib/libtorch_cpu.so": library(PLAIN, soname="libtorch_cpu.so"),
    f"{TORCH}/lib/libtorch.so": library(soname="libtorch.so"),
}


def extension(*undefined: str, **fields: Any) -> bytes:
    return elf(undefined=undefined, **{"needed": ["libc10.so", "libtorch_cpu.so"], **fields})


def dist(name: str = "ext", info: str = "ext-1.0.dist-info", folder: str = SITE) -> Distribution:
    return Distribution(name, "1.0", f"{folder}/{info}", "pip")


def record(*paths: str) -> str:
    return "".join(f"{path},sha256=x,1\n" for path in paths)


def read(
    tmp_path: Path, files: dict[str, Content], *dists: Distribution, **torch: Any
) -> Extensions:
    host = host_of(tmp_path, {**TORCH_FILES, **files})
    build = TorchBuild(**{"version": "2.4.0", "path": TORCH, **torch})
    python = PythonEnv(distributions=dists or (dist(),))
    found = read_extensions(host, INTERPRETER, python, build, kb=load())
    assert isinstance(found, Extensions)
    return found


def one(tmp_path: Path, data: bytes, **more: Content) -> CompiledFile:
    """The only file of the only package, called ext/_C.so."""
    files: dict[str, Content] = {
        f"{SITE}/ext/_C.so": data,
        f"{SITE}/ext-1.0.dist-info/RECORD": record("ext/_C.so"),
        **more,
    }
    packages = read(tmp_path, files).packages
    assert isinstance(packages, tuple) and len(packages) == 1
    assert isinstance(packages[0], Extension) and isinstance(packages[0].files, tuple)
    (file,) = packages[0].files
    return file


def names(found: Extensions) -> list[str]:
    assert isinstance(found.packages, tuple)
    return [
        file.path
        for package in found.packages
        if isinstance(package, Extension) and isinstance(package.files, tuple)
        for file in package.files
    ]


# ---- what a file needs of torch -------------------------------------------------------------


def test_symbols_that_torch_defines_are_not_missing(tmp_path: Path) -> None:
    file = one(tmp_path, extension(OLD, PLAIN, "PyLong_FromLong", "_ZNSs6appendEPKc"))
    assert (file.links_torch, file.symbols, file.missing, file.missing_count) == (True, 2, (), 0)
    assert file.cxx11_abi is False and not file.uses_cuda


def test_missing_symbols_are_named_readably_and_counted(tmp_path: Path) -> None:
    lost = [f"_ZN2at6Tensor{len(name)}{name}Ev" for name in ("one", "two", "three", "four")]
    more = ["_ZNK3c106SymInt4fiveEv", "_ZTVN5torch3SixE", "_ZN6caffe25sevenEv", "THPVariable_Wrap"]
    file = one(tmp_path, extension(PLAIN, *lost, *more))
    assert isinstance(file.missing, tuple)
    assert file.missing[0] == "at::Tensor::one()" and len(file.missing) == 5
    assert (file.missing_count, file.symbols, file.missing_by_abi) == (8, 9, 0)


def test_weak_symbols_may_be_missing(tmp_path: Path) -> None:
    file = one(tmp_path, extension(PLAIN, weak=["_ZN2at6Tensor4lostEv"]))
    assert (file.symbols, file.missing_count) == (1, 0)


def test_names_of_the_other_string_are_told_apart(tmp_path: Path) -> None:
    file = one(tmp_path, extension(NEW, PLAIN, "_ZN2at6Tensor4lostEv"))
    assert (file.missing_count, file.missing_by_abi, file.cxx11_abi) == (2, 1, True)


def test_a_name_that_only_looks_like_an_old_string(tmp_path: Path) -> None:
    name = "_ZN2at9ClassSso_4callEv"  # the letters Ss stand inside an identifier
    file = one(tmp_path, extension(name))
    assert (file.cxx11_abi, file.missing_count, file.missing_by_abi) == (None, 1, 0)


def test_what_only_a_cuda_build_has_is_told_apart(tmp_path: Path) -> None:
    needed = ["libc10.so", "libc10_cuda.so", "libcudart.so.12"]
    file = one(tmp_path, extension(CUDA, PLAIN, needed=needed))
    assert (file.missing_count, file.missing_of_cuda) == (1, 1)
    assert (file.lacks, file.cudart, file.uses_cuda) == (("libc10_cuda.so",), "12", True)


def test_torchs_string_is_known_by_what_libc10_defines(tmp_path: Path) -> None:
    files: dict[str, Content] = {
        f"{SITE}/ext/_C.so": extension(PLAIN),
        f"{SITE}/ext-1.0.dist-info/RECORD": record("ext/_C.so"),
    }
    assert read(tmp_path / "old", files).torch_cxx11_abi is False
    files[f"{TORCH}/lib/libc10.so"] = library(NEW, soname="libc10.so")
    assert read(tmp_path / "new", files).torch_cxx11_abi is True
    files[f"{TORCH}/lib/libc10.so"] = b"no library"
    assert isinstance(read(tmp_path / "bad", files).torch_cxx11_abi, Missing)


def test_symbols_of_a_library_it_brings_along_are_not_torchs(tmp_path: Path) -> None:
    own = "_ZN5torch5audio4playEv"
    data = extension(own, PLAIN, needed=["libc10.so", "libextra.so"], rpath="$ORIGIN")
    alone = one(tmp_path / "a", data)
    assert alone.missing == ("torch::audio::play()",)
    beside = one(
        tmp_path / "b", data, **{f"{SITE}/ext/libextra.so": library(own, soname="libextra.so")}
    )
    assert (beside.missing, beside.missing_count) == ((), 0)


def test_gpu_code_and_runtime(tmp_path: Path) -> None:
    bins = fatbin("sm_80", "sm_90", "compute_90") + fatbin("sm_80", "sm_90") + fatbin("sm_80")
    sections = {".nv_fatbin": bins}
    file = one(tmp_path / "a", extension(PLAIN, sections=sections))
    assert (file.fatbins, file.sass, file.ptx) == (3, ("sm_80", "sm_90"), ())
    assert file.partial == ("compute_90",)
    assert file.cudart == "static" and file.uses_cuda
    unlinked = extension("__cudaRegisterFatBinary", sections=sections)
    assert one(tmp_path / "b", unlinked).cudart is None
    repaired = extension(needed=["libc10.so", "libcudart-9335f6a2.so.11.0"])
    assert one(tmp_path / "c", repaired).cudart == "11"


def test_torch_without_its_libraries(tmp_path: Path) -> None:
    files: dict[str, Content] = {
        f"{SITE}/ext/_C.so": extension(PLAIN),
        f"{SITE}/ext-1.0.dist-info/RECORD": record("ext/_C.so"),
    }
    host = host_of(tmp_path, files)
    python = PythonEnv(distributions=(dist(),))
    found = read_extensions(host, INTERPRETER, python, TorchBuild(path=TORCH), kb=load())
    assert isinstance(found, Extensions) and isinstance(found.packages, tuple)
    package = found.packages[0]
    assert isinstance(package, Extension) and isinstance(package.files, tuple)
    assert isinstance(package.files[0].missing, Missing)


def test_without_torch_there_is_nothing_to_compare(tmp_path: Path) -> None:
    gone = absent("torch is not installed")
    nothing = host_of(tmp_path, {})
    assert read_extensions(nothing, INTERPRETER, PythonEnv(), gone, kb=load()) is gone


# ---- which files are looked at --------------------------------------------------------------


def test_only_what_links_torch_or_holds_gpu_code(tmp_path: Path) -> None:
    gpu_only = elf(needed=["libcublas.so.12"], sections={".nv_fatbin": fatbin("sm_90")})
    files: dict[str, Content] = {
        f"{SITE}/ext/plain.so": elf(needed=["libc.so.6", "libtorchaudio.so"]),
        f"{SITE}/ext/gpu.so": gpu_only,
        f"{SITE}/ext/torch.so": extension(),
        f"{SITE}/ext.libs/libc10_copy.so": extension(),
        f"{SITE}/ext/py310.cpython-310-x86_64-linux-gnu.so": extension(),
        f"{SITE}/ext/py311.cpython-311-x86_64-linux-gnu.so": extension(),
        f"{SITE}/ext/text.so": "INPUT(libtorch.so)\n",
    }
    paths = [path.removeprefix(f"{SITE}/") for path in files]
    files[f"{SITE}/ext-1.0.dist-info/RECORD"] = record(*paths, "ext/gone.so", "ext/a.py")
    assert names(read(tmp_path, files)) == [
        f"{SITE}/ext/gpu.so",
        f"{SITE}/ext/py311.cpython-311-x86_64-linux-gnu.so",
        f"{SITE}/ext/torch.so",
    ]


def test_torch_and_nvidias_own_libraries_are_not_extensions(tmp_path: Path) -> None:
    files: dict[str, Content] = {f"{SITE}/nv/a.so": extension(), f"{SITE}/torch/_C.so": extension()}
    infos = ("torch-1.0.dist-info", "nvidia_nccl_cu12-1.0.dist-info")
    for info in infos:
        files[f"{SITE}/{info}/RECORD"] = record("nv/a.so", "torch/_C.so")
    found = read(tmp_path, files, dist("torch", infos[0]), dist("nvidia-nccl-cu12", infos[1]))
    assert found.packages == () and isinstance(found.torch_cxx11_abi, Missing)


def test_the_copy_that_is_imported_counts(tmp_path: Path) -> None:
    files: dict[str, Content] = {
        f"{SITE}/ext/_C.so": extension(),
        f"{SITE}/ext-1.0.dist-info/RECORD": record("ext/_C.so"),
        "/usr/lib/site/ext/_C.so": extension(),
        "/usr/lib/site/ext-0.9.dist-info/RECORD": record("ext/_C.so"),
    }
    found = read(tmp_path, files, dist(), dist("ext", "ext-0.9.dist-info", "/usr/lib/site"))
    assert names(found) == [f"{SITE}/ext/_C.so"]


def source(found: Extensions) -> tuple[str, bool]:
    assert isinstance(found.packages, tuple) and isinstance(found.packages[0], Extension)
    return found.packages[0].origin, found.packages[0].editable


def test_an_editable_install_runs_from_its_source_tree(tmp_path: Path) -> None:
    url = {"url": "file:///src/my%20ext", "dir_info": {"editable": True}}
    files: dict[str, Content] = {
        f"{SITE}/ext-1.0.dist-info/RECORD": record("__editable__.ext.pth"),
        f"{SITE}/ext-1.0.dist-info/direct_url.json": json.dumps(url),
        "/src/my ext/ext/sub/_C.cpython-311-x86_64-linux-gnu.so": extension(),
        "/src/my ext/build/lib.linux/ext/_C.cpython-311-x86_64-linux-gnu.so": extension(),
        "/src/my ext/ext/loop": Link("/src/my ext"),
    }
    found = read(tmp_path, files)
    assert names(found) == ["/src/my ext/ext/sub/_C.cpython-311-x86_64-linux-gnu.so"]
    assert source(found) == ("/src/my ext", True)


def test_setup_py_develop(tmp_path: Path) -> None:
    files: dict[str, Content] = {
        "/src/ext.egg-info/top_level.txt": "ext\next_cuda\n",
        "/src/setup.py": "",
        "/src/ext/_C.so": extension(),
        "/src/ext_cuda.cpython-311-x86_64-linux-gnu.so": extension(),
        "/src/other/_C.so": extension(),
    }
    found = read(tmp_path, files, dist("ext", "ext.egg-info", "/src"))
    assert names(found) == ["/src/ext/_C.so", "/src/ext_cuda.cpython-311-x86_64-linux-gnu.so"]
    assert source(found) == ("/src", True)


def test_setup_py_install(tmp_path: Path) -> None:
    files: dict[str, Content] = {
        f"{SITE}/ext-1.0.egg-info/installed-files.txt": "../ext/_C.so\n../ext/a.py\nPKG-INFO\n",
        f"{SITE}/ext/_C.so": extension(),
    }
    found = read(tmp_path, files, dist("ext", "ext-1.0.egg-info"))
    assert names(found) == [f"{SITE}/ext/_C.so"] and source(found) == ("", False)


@pytest.mark.parametrize(
    ("said", "origin"),
    [
        ({"url": "https://x.org/a", "vcs_info": {"vcs": "git", "commit_id": "b"}}, "git+https://x.org/a@b"),
        ({"url": "file:///src/ext", "dir_info": {}}, "/src/ext"),
        ({"url": "https://x.org/ext.whl", "archive_info": {}}, ""),
        ({"url": 3, "vcs_info": []}, ""),
        ([], ""),
    ],
)  # fmt: skip
def test_where_the_source_is(tmp_path: Path, said: object, origin: str) -> None:
    files: dict[str, Content] = {
        f"{SITE}/ext/_C.so": extension(),
        f"{SITE}/ext-1.0.dist-info/RECORD": record("ext/_C.so"),
        f"{SITE}/ext-1.0.dist-info/direct_url.json": json.dumps(said),
    }
    assert source(read(tmp_path, files)) == (origin, False)


# ---- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [*HOSTILE.values(), FIFO, LOOP])
@pytest.mark.parametrize(
    "place",
    [
        f"{SITE}/ext/_C.so",
        f"{SITE}/ext-1.0.dist-info/RECORD",
        f"{SITE}/ext-1.0.dist-info/direct_url.json",
        f"{TORCH}/lib/libtorch_cpu.so",
        f"{TORCH}/lib/libc10.so",
    ],
)
def test_hostile_files_end_in_an_answer(tmp_path: Path, place: str, content: Content) -> None:
    files: dict[str, Content] = {
        f"{SITE}/ext/_C.so": extension(PLAIN, OLD),
        f"{SITE}/ext-1.0.dist-info/RECORD": record("ext/_C.so"),
        place: content,
    }
    packages = read(tmp_path, files).packages
    assert isinstance(packages, tuple)
    for package in packages:
        assert isinstance(package, Extension) and isinstance(package.files, tuple)
        for file in package.files:
            damaged = place.endswith(("libtorch_cpu.so", "libc10.so"))
            assert isinstance(file.missing, Missing) is damaged


def test_a_truncated_extension_is_left_out(tmp_path: Path) -> None:
    data = extension(PLAIN, sections={".nv_fatbin": fatbin("sm_90")})
    files: dict[str, Content] = {
        f"{SITE}/ext/_C.so": data[: len(data) // 2],
        f"{SITE}/ext-1.0.dist-info/RECORD": record("ext/_C.so"),
    }
    assert read(tmp_path, files).packages == ()
