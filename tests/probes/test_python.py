"""Which interpreter, which path, which distributions, and the torch among them, from files only."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from envcheck.facts import Missing, PythonEnv, TorchBuild, Why
from envcheck.probes.interpreter import Interpreter, read_interpreter
from envcheck.probes.python_env import read_python_env
from envcheck.probes.torch import read_torch
from tests.roots import HOSTILE, Content, Files, Link, host_of

SITE = "venv/lib/python3.11/site-packages"


def metadata(name: str, version: str, *requires: str) -> str:
    lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {r}" for r in requires)]
    return "Metadata-Version: 2.1\n" + "\n".join(lines) + "\n\nText\nRequires-Dist: not-this\n"


def dist(name: str, version: str, *requires: str, installer: str = "pip") -> dict[str, Content]:
    folder = f"{SITE}/{name.replace('-', '_')}-{version}.dist-info"
    return {
        f"{folder}/METADATA": metadata(name, version, *requires),
        f"{folder}/INSTALLER": f"{installer}\n",
    }


VENV: dict[str, Content] = {
    "usr/bin/python3.11": "\x7fELF",
    "usr/lib/python3.11/os.py": "",
    "venv/bin/python": Link("/usr/bin/python3.11"),
    "venv/pyvenv.cfg": "home = /usr/bin\nversion = 3.11.4\ninclude-system-site-packages = false\n",
    **dist("Foo.Bar_baz", "1.0"),
}
TORCH: dict[str, Content] = {
    **VENV,
    **dist(
        "torch",
        "2.4.0",
        "filelock",
        "nvidia-cudnn-cu12 (==9.1.0.70) ; platform_system == 'Linux'",
        "triton==3.0.0; platform_machine == 'x86_64'",
        "nvidia-nccl-cu12==2.20.5; sys_platform == 'win32'",
    ),
    **dist("nvidia-cudnn-cu12", "9.1.0.70"),
    f"{SITE}/torch/__init__.py": "raise RuntimeError('never import the patient')",
    f"{SITE}/torch/_C.cpython-311-x86_64-linux-gnu.so": "x",
    f"{SITE}/torch/version.py": "from typing import Optional\n__version__ = '2.4.0+cu121'\n"
    "debug = False\ncuda: Optional[str] = '12.1'\nhip: Optional[str] = None\n",
    f"{SITE}/torchvision/__init__.py": "",
    f"{SITE}/torchvision/version.py": "__version__ = '0.19.0+cu121'\n",
    **dist("torchvision", "0.19.0", "numpy", "torch==2.4.0"),
}


def python_env(base: Path, files: Files, python: str | None = "/venv") -> PythonEnv | Missing:
    host = host_of(base, files)
    return read_python_env(host, read_interpreter(host, python))


def torch(base: Path, files: Mapping[str, Content | None]) -> TorchBuild | Missing:
    host = host_of(base, {name: file for name, file in files.items() if file is not None})
    interpreter = read_interpreter(host, "/venv")
    return read_torch(host, interpreter, read_python_env(host, interpreter))


def test_a_venv_in_another_root_is_read_and_never_run(tmp_path: Path) -> None:
    found = read_interpreter(host_of(tmp_path, VENV), "/venv")
    assert isinstance(found, Interpreter)
    assert (found.version, found.manager, found.prefix) == ("3.11.4", "venv", "/venv")
    assert f"/{SITE}" in found.path and found.tag == "cp311-cp311"


def test_the_active_environment_comes_before_path(tmp_path: Path) -> None:
    environ = {"VIRTUAL_ENV": "/venv", "PATH": "/usr/bin"}
    found = read_interpreter(host_of(tmp_path, VENV, environ), None)
    assert isinstance(found, Interpreter)
    assert (found.executable, found.chosen_by) == ("/venv/bin/python", "VIRTUAL_ENV")


def test_distributions_have_normalised_names_and_installers(tmp_path: Path) -> None:
    env = python_env(tmp_path, VENV)
    assert isinstance(env, PythonEnv)
    (found,) = env.find("foo-bar-baz")
    assert (found.version, found.installer) == ("1.0", "pip")


def test_pth_lines_add_folders_and_run_nothing(tmp_path: Path) -> None:
    files: dict[str, Content] = {
        **VENV,
        f"{SITE}/a.pth": "import os; os.abort()\n# comment\n/extra\n../other\n/not/there\n",
        "extra/extra_thing-3.dist-info/METADATA": metadata("extra-thing", "3"),
        "venv/lib/python3.11/other/x.py": "",
    }
    env = python_env(tmp_path, files)
    assert isinstance(env, PythonEnv) and isinstance(env.path, tuple)
    assert env.path[-2:] == ("/extra", "/venv/lib/python3.11/other")
    assert env.find("extra-thing")


def test_metadata_that_is_gone_is_a_broken_distribution(tmp_path: Path) -> None:
    env = python_env(tmp_path, {**VENV, f"{SITE}/half-1.0.dist-info/RECORD": ""})
    assert isinstance(env, PythonEnv) and env.broken == (f"/{SITE}/half-1.0.dist-info",)


def test_conda_packages_join_their_metadata(tmp_path: Path) -> None:
    files: dict[str, Content] = {
        "opt/conda/bin/python3": "x",
        "opt/conda/conda-meta/python-3.10.13-h1_0.json": "{}",
        "opt/conda/conda-meta/mkl-2023.1.0-h6d00ec8_46342.json": "{}",
        "opt/conda/conda-meta/numpy-1.26.4-py310_0.json": "{}",
        "opt/conda/lib/python3.10/site-packages/numpy-1.26.4.dist-info/METADATA": metadata(
            "numpy", "1.26.4"
        ),
    }
    env = python_env(tmp_path, files, None)
    assert isinstance(env, PythonEnv)
    assert (env.version, env.manager) == ("3.10.13", "conda")
    assert [d.build for d in env.find("numpy")] == ["py310_0"]
    assert env.find("mkl")[0].installer == "conda"


def test_torch_from_its_files(tmp_path: Path) -> None:
    found = torch(tmp_path, TORCH)
    assert isinstance(found, TorchBuild)
    assert (found.version, found.cuda, found.hip, found.installer) == (
        "2.4.0+cu121",
        "12.1",
        None,
        "pip",
    )
    assert found.broken is None
    assert isinstance(found.pins, tuple) and isinstance(found.companions, tuple)
    assert {p.name: (p.specifier, p.installed) for p in found.pins} == {
        "nvidia-cudnn-cu12": ("==9.1.0.70", "9.1.0.70"),
        "triton": ("==3.0.0", None),
    }
    (companion,) = found.companions
    assert not isinstance(companion, Missing)
    assert (companion.version, companion.cuda, companion.torch_pin) == (
        "0.19.0+cu121",
        "12.1",
        "==2.4.0",
    )


def test_torch_that_is_not_there(tmp_path: Path) -> None:
    found = torch(tmp_path, VENV)
    assert isinstance(found, Missing) and found.why is Why.ABSENT


@pytest.mark.parametrize(
    "gone", ["__init__.py", "version.py", "_C.cpython-311-x86_64-linux-gnu.so"]
)
def test_half_installed_torch_is_broken_not_absent(tmp_path: Path, gone: str) -> None:
    found = torch(tmp_path, {**TORCH, f"{SITE}/torch/{gone}": None})
    assert isinstance(found, TorchBuild) and isinstance(found.broken, str)


def test_torch_of_another_python_is_broken(tmp_path: Path) -> None:
    extension = f"{SITE}/torch/_C.cpython-311-x86_64-linux-gnu.so"
    found = torch(tmp_path / "same", TORCH)
    assert isinstance(found, TorchBuild) and found.compiled_for == ("cp311",)
    other = {**TORCH, extension: None, extension.replace("311", "310"): "x"}
    found = torch(tmp_path / "other", other)
    assert isinstance(found, TorchBuild) and isinstance(found.broken, str)
    assert "cp310" in found.broken and "cp311" in found.broken


def test_metadata_without_the_package_is_broken(tmp_path: Path) -> None:
    files = {**VENV, **dist("torch", "2.4.0")}
    found = torch(tmp_path, files)
    assert isinstance(found, TorchBuild) and isinstance(found.broken, str)


@pytest.mark.parametrize(("line", "cuda"), [("cuda = None", None), ("cuda = '11.8'", "11.8")])
def test_cpu_and_old_builds(tmp_path: Path, line: str, cuda: str | None) -> None:
    version = f"__version__ = '2.0.1'\n{line}\n"
    found = torch(tmp_path, {**TORCH, f"{SITE}/torch/version.py": version})
    assert isinstance(found, TorchBuild) and found.cuda == cuda


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize(
    "file",
    [
        "venv/pyvenv.cfg",
        f"{SITE}/torch/version.py",
        f"{SITE}/torch-2.4.0.dist-info/METADATA",
        f"{SITE}/torch/lib/libtorch_cuda.so",
        f"{SITE}/x.pth",
    ],
)
def test_hostile_files_give_reasons_not_crashes(
    tmp_path: Path, file: str, content: Content
) -> None:
    found = torch(tmp_path, {**TORCH, file: content})
    assert isinstance(found, (TorchBuild, Missing))
