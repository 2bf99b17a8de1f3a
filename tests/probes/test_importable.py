"""A package that is nothing without its compiled module, as `import` would meet it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from envcheck.facts import (
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
from envcheck.probes.host import Host
from envcheck.probes.interpreter import Interpreter
from envcheck.probes.python_env import read_python_env
from tests.detectron2_roots import (
    CLONE,
    MODULE,
    OLD,
    SITE,
    editable,
    machine,
    metadata,
    module,
    package,
    torch,
)
from tests.probes.test_extension import INTERPRETER
from tests.roots import FIFO, HOSTILE, LOOP, Content, Link, build_root

OTHER = "_C.cpython-310-x86_64-linux-gnu.so"
USER = "/home/me/.local/lib/python3.11/site-packages"


def found(
    tmp_path: Path, *parts: dict[str, Content], path: tuple[str, ...] = (SITE,), **host: Any
) -> Extension:
    """detectron2 in this root, its torch the one in SITE."""
    python = msgspec.structs.replace(INTERPRETER, path=path)
    built = read(build_root(tmp_path, machine(torch(), *parts)), python, **host)
    assert isinstance(built.packages, tuple) and isinstance(built.packages[0], Extension)
    return built.packages[0]


def read(root: str, interpreter: Interpreter, **host: Any) -> Extensions:
    machine = Host(root, **host)
    env = read_python_env(machine, interpreter)
    assert isinstance(env, PythonEnv)
    build = TorchBuild(version="2.4.0", path=f"{SITE}/torch")
    result = read_extensions(machine, interpreter, env, build, kb=load())
    assert isinstance(result, Extensions)
    return result


def test_an_installed_wheel(tmp_path: Path) -> None:
    extension = found(tmp_path, metadata(), package(module()))
    assert (extension.version, extension.folder) == ("0.6", SITE)
    assert (extension.copies, extension.other_python, extension.damaged) == ((), (), ())
    assert isinstance(extension.files, tuple)
    (file,) = extension.files
    assert (file.compiler, file.cuda_compiler) == ("GCC 11.4.0", "12.1")
    assert (file.sass, file.missing_count, file.cxx11_abi) == (("sm_80", "sm_90a"), 0, False)


def test_the_missing_symbols_as_the_loader_prints_them(tmp_path: Path) -> None:
    lost = "_ZN5torch3jit17parseSchemaOrNameERKSsb"
    extension = found(tmp_path, metadata(), package(module(OLD, lost)))
    assert isinstance(extension.files, tuple)
    assert extension.files[0].mangled == (lost,)
    assert extension.files[0].missing == (
        "torch::jit::parseSchemaOrName(std::string const&, bool)",
    )


def test_a_cpu_build_has_no_cuda_compiler(tmp_path: Path) -> None:
    extension = found(tmp_path, metadata(), package(module(archs=())))
    assert isinstance(extension.files, tuple)
    assert (extension.files[0].cuda_compiler, extension.files[0].uses_cuda) == ("", False)


def test_what_it_requires_on_this_machine(tmp_path: Path) -> None:
    extension = found(tmp_path, metadata(), package(module()))
    assert isinstance(extension.requires, tuple)
    assert [(pin.name, pin.specifier, pin.installed) for pin in extension.requires] == [
        ("pillow", ">=7.1", "10.4.0"),
        ("fvcore", "<0.1.6,>=0.1.5", "0.1.5.post20221221"),
        ("iopath", "<0.1.10,>=0.1.7", "0.1.9"),
    ]  # no extras, nothing for other Pythons


def test_an_editable_install_is_read_from_its_tree(tmp_path: Path) -> None:
    extension = found(tmp_path, metadata(**editable()), package(module(), folder=CLONE))
    assert (extension.folder, extension.origin, extension.editable) == (CLONE, CLONE, True)
    assert isinstance(extension.files, tuple) and len(extension.files) == 1
    assert extension.copies == ()


def test_setup_py_develop_is_one_copy(tmp_path: Path) -> None:
    egg: dict[str, Content] = {
        f"{CLONE}/detectron2.egg-info/PKG-INFO": "Name: detectron2\nVersion: 0.6\n",
        f"{CLONE}/detectron2.egg-info/requires.txt": "fvcore<0.1.6\n\n[all]\nshapely\n",
        f"{CLONE}/setup.py": "",
    }
    tree = package(module(), folder=CLONE)
    extension = found(tmp_path, egg, tree, path=(SITE, CLONE))
    assert (extension.folder, extension.copies, extension.editable) == (CLONE, (), True)
    assert isinstance(extension.requires, tuple)
    assert [pin.name for pin in extension.requires] == ["fvcore"]


def test_the_first_copy_on_the_path_is_imported(tmp_path: Path) -> None:
    extension = found(
        tmp_path,
        metadata(),
        package(module()),
        package(folder=USER),
        path=(USER, SITE),
    )
    assert (extension.folder, extension.copies, extension.files) == (USER, (SITE,), ())


def test_the_same_folder_by_two_names_is_one_copy(tmp_path: Path) -> None:
    link: dict[str, Content] = {"/venv/lib64": Link("lib")}
    path = (SITE, SITE.replace("/lib/", "/lib64/"))
    extension = found(tmp_path, metadata(), package(module()), link, path=path)
    assert extension.copies == ()


def test_a_module_for_another_python_only(tmp_path: Path) -> None:
    extension = found(tmp_path, metadata(), package(module(), name=OTHER))
    assert extension.files == ()
    assert extension.other_python == (f"{SITE}/detectron2/{OTHER}",)


def test_a_stale_module_beside_the_right_one(tmp_path: Path) -> None:
    extension = found(tmp_path, metadata(), {**package(module(), name=OTHER), **package(module())})
    assert isinstance(extension.files, tuple) and len(extension.files) == 1


def test_a_truncated_module(tmp_path: Path) -> None:
    data = module()
    extension = found(tmp_path, metadata(), package(data[: len(data) // 2]))
    assert extension.files == ()
    assert extension.damaged[0].path.endswith(MODULE) and extension.damaged[0].problem


def test_a_module_for_another_processor(tmp_path: Path) -> None:
    extension = found(tmp_path, metadata(), package(module(machine="aarch64")))
    assert extension.files == ()
    assert extension.damaged[0].problem == "it is for aarch64, this Python for x86_64"


def test_without_metadata_its_own_init_states_the_version(tmp_path: Path) -> None:
    extension = found(tmp_path, package(module()))
    assert extension.version == "0.6" and isinstance(extension.requires, Missing)


def test_only_its_metadata_is_left(tmp_path: Path) -> None:
    extension = found(tmp_path, metadata())
    assert (extension.folder, extension.files) == ("", ()) and extension.path


def test_the_current_folder_may_hide_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = machine(torch(), metadata(), package(module()), package(folder="/home/me/clone"))
    root = build_root(tmp_path, files)
    place = f"{root}{SITE}"
    python = msgspec.structs.replace(INTERPRETER, path=(place,))
    for here, hidden in (("/home/me/clone", f"{root}/home/me/clone"), ("/home/me", ""), (SITE, "")):
        built = read("/", python, environ={"PWD": f"{root}{here}"})
        assert isinstance(built.packages, tuple) and isinstance(built.packages[0], Extension)
        assert built.packages[0].hidden_by == hidden


def test_without_torch_its_files_are_read_all_the_same(tmp_path: Path) -> None:
    root = build_root(tmp_path, machine(metadata(), package(module())))
    host = Host(root)
    env = read_python_env(host, INTERPRETER)
    built = read_extensions(host, INTERPRETER, env, absent("no torch"), kb=load())
    assert isinstance(built, Extensions) and isinstance(built.packages, tuple)
    (extension,) = built.packages
    assert isinstance(extension, Extension) and isinstance(extension.files, tuple)
    assert isinstance(extension.files[0].missing, Missing)
    assert extension.files[0].cuda_compiler == "12.1" and not extension.files[0].lacks


@pytest.mark.parametrize("content", [*HOSTILE.values(), FIFO, LOOP])
@pytest.mark.parametrize(
    "place",
    [
        f"{SITE}/detectron2/{MODULE}",
        f"{SITE}/detectron2/__init__.py",
        f"{SITE}/detectron2-0.6.dist-info/METADATA",
        f"{SITE}/detectron2-0.6.dist-info/direct_url.json",
    ],
)
def test_hostile_files_end_in_an_answer(tmp_path: Path, place: str, content: Content) -> None:
    files: dict[str, Content] = {
        **metadata(),
        **package(module()),
        place: content,
    }
    root = build_root(tmp_path, machine(torch(), files))
    host = Host(root)
    env = read_python_env(host, INTERPRETER)
    assert isinstance(env, PythonEnv)
    known = msgspec.structs.replace(
        env,
        distributions=(Distribution("detectron2", "0.6", f"{SITE}/detectron2-0.6.dist-info"),),
    )
    build = TorchBuild(version="2.4.0", path=f"{SITE}/torch")
    built = read_extensions(host, INTERPRETER, known, build, kb=load())
    assert isinstance(built, Extensions) and isinstance(built.packages, tuple)
    assert [getattr(each, "name", "") for each in built.packages] == ["detectron2"]
