"""CUDA toolkits by their files, and the compilers of an extension build."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from envcheck.facts import NOT_ASKED, Compiler, Cuda, Missing, Toolkit, Why, absent
from envcheck.probes.cuda import read_cuda
from envcheck.probes.host import Host
from envcheck.probes.interpreter import Interpreter
from tests.roots import HOSTILE, Content, Files, Link, build_root

VERSION_JSON = json.dumps(
    {
        "cuda": {"name": "CUDA SDK", "version": "12.1.1"},
        "cuda_nvcc": {"name": "CUDA NVCC", "version": "12.1.105"},
    }
)
CUDA_121: Files = {
    "usr/local/cuda-12.1/bin/nvcc": "",
    "usr/local/cuda-12.1/version.json": VERSION_JSON,
    "usr/local/cuda": Link("cuda-12.1"),
}
HEADER = "/* CUDA */\n#define __CUDA__\n#define CUDA_VERSION 11080\n"


def interpreter(prefix: str, *path: str) -> Interpreter:
    return Interpreter(
        executable=f"{prefix}/bin/python",
        chosen_by="--python",
        version="3.11.7",
        implementation="cpython",
        tag="cp311-cp311",
        platform="linux-x86_64",
        prefix=prefix,
        manager="venv",
        path=path,
    )


def cuda(
    base: Path,
    files: Files,
    environ: Mapping[str, str] | None = None,
    patient: Interpreter | None = None,
) -> Cuda:
    root = build_root(base, files)
    for nvcc in base.rglob("nvcc"):
        if nvcc.is_file():
            nvcc.chmod(0o755)
    return read_cuda(Host(root, environ), patient or absent())


def test_one_toolkit_behind_its_links_is_one(tmp_path: Path) -> None:
    fact = cuda(
        tmp_path,
        {**CUDA_121, "usr/local/cuda-12": Link("/etc/alternatives/cuda-12")}
        | {"etc/alternatives/cuda-12": Link("/usr/local/cuda-12.1")},
        {"PATH": "/usr/bin"},
    )
    assert fact.toolkits == (Toolkit("/usr/local/cuda-12.1", "12.1", "/usr/local", True),)
    assert fact.home is None
    assert fact.nvcc_path == "/usr/local/cuda/bin/nvcc"
    assert fact.nvcc_version == "12.1"
    assert fact.source("nvcc_version") == "/usr/local/cuda-12.1/version.json"


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"version.json": VERSION_JSON}, "12.1"),
        ({"version.txt": "CUDA Version 10.2.89\n"}, "10.2"),
        ({"include/cuda.h": HEADER}, "11.8"),
        ({"targets/x86_64-linux/include/cuda.h": HEADER}, "11.8"),
        ({"version.json": "{", "include/cuda.h": HEADER}, "11.8"),
        ({"version.json": VERSION_JSON, "version.txt": "CUDA Version 9.0.1\n"}, "12.1"),
    ],
)
def test_versions_by_files(tmp_path: Path, files: dict[str, Content], version: str) -> None:
    toolkit = {f"usr/local/cuda/{name}": content for name, content in files.items()}
    fact = cuda(tmp_path, toolkit)
    assert fact.toolkits == (Toolkit("/usr/local/cuda", version, "/usr/local", False),)
    assert fact.nvcc_path == absent("/usr/local/cuda/bin/nvcc is not there")
    assert isinstance(fact.nvcc_version, Missing)


def test_folders_that_only_share_the_name_are_no_toolkits(tmp_path: Path) -> None:
    files: Files = {"usr/local/cuda-samples/README": "", "usr/local/cuda.run": "x"}
    assert cuda(tmp_path, files).toolkits == ()


def test_cuda_home_goes_before_path(tmp_path: Path) -> None:
    files: Files = {
        **CUDA_121,
        "opt/cuda-11.8/bin/nvcc": "",
        "opt/cuda-11.8/include/cuda.h": HEADER,
    }
    path = {"PATH": "/usr/local/cuda/bin"}
    fact = cuda(tmp_path / "home", files, {"CUDA_HOME": "/opt/cuda-11.8/", **path})
    assert fact.home == "/opt/cuda-11.8/"
    assert (fact.nvcc_path, fact.nvcc_version) == ("/opt/cuda-11.8/bin/nvcc", "11.8")
    assert fact.source("home") == "CUDA_HOME"
    assert not isinstance(fact.toolkits, Missing)
    origins = [(kit.path, kit.origin) for kit in fact.toolkits]
    assert origins == [("/opt/cuda-11.8", "CUDA_HOME"), ("/usr/local/cuda-12.1", "PATH")]
    other = cuda(tmp_path / "path", files, {"CUDA_PATH": "/opt/cuda-11.8", "CUDA_HOME": "", **path})
    assert other.nvcc_version == "11.8"
    assert other.source("home") == "CUDA_PATH"
    unset = cuda(tmp_path / "unset", files, path)
    assert (unset.nvcc_path, unset.nvcc_version) == ("/usr/local/cuda/bin/nvcc", "12.1")


def test_a_list_in_cuda_home_stays_as_it_is_set(tmp_path: Path) -> None:
    home = "/usr/local/cuda:/usr/local/cuda-12.1"
    fact = cuda(tmp_path, CUDA_121, {"CUDA_HOME": home})
    assert fact.home == home
    assert fact.nvcc_path == absent(f"{home}/bin/nvcc is not there")
    assert fact.toolkits == (Toolkit("/usr/local/cuda-12.1", "12.1", "/usr/local", True),)


def test_debians_toolkit_is_one(tmp_path: Path) -> None:
    fact = cuda(
        tmp_path,
        {
            "usr/bin/nvcc": "#!/bin/sh\nexec /usr/lib/nvidia-cuda-toolkit/bin/nvcc",
            "usr/lib/nvidia-cuda-toolkit/bin/nvcc": "",
            "usr/lib/cuda/bin": Link("../nvidia-cuda-toolkit/bin"),
            "usr/lib/cuda/version.txt": "CUDA Version 11.8.89",
            "usr/include/cuda.h": HEADER,
        },
        {"PATH": "/usr/bin", "CUDA_HOME": "/usr/lib/cuda"},
    )
    assert fact.toolkits == (Toolkit("/usr/lib/cuda", "11.8", "CUDA_HOME", True),)
    assert fact.nvcc_version == "11.8"
    unset = cuda(tmp_path, {}, {"PATH": "/usr/bin"})
    assert unset.toolkits == (Toolkit("/usr/lib/nvidia-cuda-toolkit", "11.8", "apt", True),)
    assert (unset.nvcc_path, unset.nvcc_version) == ("/usr/bin/nvcc", "11.8")


def test_a_conda_compiler_is_known_by_its_package(tmp_path: Path) -> None:
    env: Files = {
        "opt/env/bin/nvcc": "",
        "opt/env/conda-meta/cuda-nvcc-12.4.131-ha770c72_0.json": "{}",
        "opt/env/targets/x86_64-linux/include/cuda.h": HEADER,
    }
    kit = Toolkit("/opt/env", "12.4", "conda", True)
    assert cuda(tmp_path, env, {}, interpreter("/opt/env")).toolkits == (kit,)
    assert cuda(tmp_path, {}, {"CONDA_PREFIX": "/opt/env", "PATH": ""}).toolkits == (kit,)


def test_pip_packages_are_a_toolkit_only_with_a_compiler(tmp_path: Path) -> None:
    site = "/venv/lib/python3.11/site-packages"
    files: Files = {
        f"{site}/nvidia/cu13/include/cuda.h": HEADER,
        f"{site}/nvidia/cuda_runtime/include/cuda.h": HEADER,
        f"{site}/nvidia_cuda_runtime-13.0.96.dist-info/METADATA": "",
    }
    patient = interpreter("/venv", site)
    assert cuda(tmp_path, files, {}, patient).toolkits == ()
    nvcc: Files = {
        f"{site}/nvidia/cu13/bin/nvcc": "",
        f"{site}/nvidia_cuda_nvcc-13.0.88.dist-info/METADATA": "",
    }
    fact = cuda(tmp_path, nvcc, {}, patient)
    assert fact.toolkits == (Toolkit(f"{site}/nvidia/cu13", "13.0", "pip", True),)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_files_state_no_version(tmp_path: Path, hostile: str) -> None:
    content = HOSTILE[hostile]
    root = "usr/local/cuda-12.1"
    fact = cuda(
        tmp_path,
        {
            f"{root}/bin/nvcc": "",
            f"{root}/version.json": content,
            f"{root}/version.txt": content,
            f"{root}/include/cuda.h": content,
            f"{root}/targets": content,
            "opt/cuda": content,
        },
        {"CUDA_HOME": f"/{root}"},
    )
    assert not isinstance(fact.toolkits, Missing)
    (kit,) = fact.toolkits
    assert isinstance(kit.version, Missing)
    assert isinstance(fact.nvcc_version, Missing)
    assert fact.nvcc_path == f"/{root}/bin/nvcc"


def test_a_deep_json_is_no_version(tmp_path: Path) -> None:
    files: Files = {"usr/local/cuda/version.json": "[" * 200_000, "usr/local/cuda/bin/nvcc": ""}
    toolkits = cuda(tmp_path, files).toolkits
    assert not isinstance(toolkits, Missing)
    assert isinstance(toolkits[0].version, Missing)


def test_nothing_runs_in_another_root(tmp_path: Path) -> None:
    fact = cuda(tmp_path, {"usr/bin/c++": "#!/bin/sh\n", "usr/bin/nvcc": "#!/bin/sh\n"})
    (tmp_path / "usr/bin/c++").chmod(0o755)
    fact = read_cuda(Host(str(tmp_path)), absent())
    assert fact.host_compiler == NOT_ASKED
    assert fact.home == NOT_ASKED
    assert isinstance(fact.nvcc_version, Missing)


# ---- programs, on this machine -------------------------------------------------------------


def live(folder: Path, programs: Mapping[str, str], environ: Mapping[str, str]) -> Cuda:
    """This machine, with these shell scripts first on PATH."""
    for name, script in programs.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    return read_cuda(Host("/", {"PATH": f"{folder}:/usr/bin:/bin", **environ}), absent())


def said(line: str) -> str:
    return f'test "$*" = --version && echo "{line}"'


@pytest.mark.parametrize(
    ("line", "family", "version"),
    [
        ("c++ (Debian 12.2.0-14+deb12u1) 12.2.0", "gcc", "12.2.0"),
        ("g++ (GCC) 8.5.0 20210514 (Red Hat 8.5.0-4)", "gcc", "8.5.0"),
        ("x86_64-conda-linux-gnu-c++ (conda-forge gcc 13.3.0-1) 13.3.0", "gcc", "13.3.0"),
        ("Ubuntu clang version 14.0.0-1ubuntu1.1", "clang", "14.0.0"),
        ("clang version 17.0.6 (https://github.com/x/y 6009708b)", "clang", "17.0.6"),
    ],
)
def test_host_compilers(tmp_path: Path, line: str, family: str, version: str) -> None:
    fact = live(tmp_path, {"c++": said(line), "g++": "exit 1"}, {})
    assert fact.host_compiler == Compiler(family, version, f"{tmp_path}/c++")


def test_cxx_goes_before_path_and_may_hold_a_launcher(tmp_path: Path) -> None:
    programs = {"c++": said("c++ (GCC) 9.1.0"), "g++-11": said("g++-11 (Ubuntu 11) 11.4.0")}
    fact = live(tmp_path, programs, {"CXX": "ccache g++-11 -std=c++17"})
    assert fact.host_compiler == Compiler("gcc", "11.4.0", f"{tmp_path}/g++-11")


@pytest.mark.parametrize(
    ("cxx", "why"),
    [
        ("/nowhere/g++", Why.ABSENT),
        ("no-such-compiler", Why.ABSENT),
        ("'unbalanced", Why.FAILED),
        ("ccache", Why.ABSENT),
        ("rubbish", Why.FAILED),
        ("silent", Why.FAILED),
    ],
)
def test_a_compiler_that_cannot_be_asked(tmp_path: Path, cxx: str, why: Why) -> None:
    programs = {"rubbish": r"printf '\377\376 (((('", "silent": "exit 0"}
    compiler = live(tmp_path, programs, {"CXX": cxx}).host_compiler
    assert isinstance(compiler, Missing)
    assert compiler.why is why


def test_a_wrapper_is_asked_for_its_release(tmp_path: Path) -> None:
    wrapper = said(
        "nvcc: NVIDIA (R) Cuda compiler driver\nCuda compilation tools, release 12.6, V1"
    )
    fact = live(tmp_path, {"tools/bin/nvcc": wrapper}, {"CUDA_HOME": f"{tmp_path}/tools"})
    assert fact.nvcc_version == "12.6"
    assert fact.source("nvcc_version") == f"{tmp_path}/tools/bin/nvcc --version"
    rubbish = live(tmp_path, {"tools/bin/nvcc": "echo oh"}, {"CUDA_HOME": f"{tmp_path}/tools"})
    assert isinstance(rubbish.nvcc_version, Missing)
    assert rubbish.nvcc_version.why is Why.FAILED


def test_an_nvcc_whose_files_tell_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "include").mkdir()
    (tmp_path / "include/cuda.h").write_text(HEADER)
    mark = tmp_path / "ran"
    fact = live(tmp_path, {"bin/nvcc": f"touch {mark}"}, {"CUDA_HOME": str(tmp_path)})
    assert fact.nvcc_version == "11.8"
    assert not mark.exists()
