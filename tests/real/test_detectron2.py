"""detectron2 with a really compiled module: what its files say is what importing it shows."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.real.test_extension import beside, site

pytestmark = pytest.mark.real

SOURCE = Path(__file__).parent.parent / "fixtures/detectron2"
MODULE = f"_C{sysconfig.get_config_var('EXT_SUFFIX')}"
USE = "import torch, detectron2._C as c; print(c.get_compiler_version(), c.get_cuda_version())"

Build = Callable[[Path], Path]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The fixture's module, compiled against an environment's torch with torch's own tools."""
    built: dict[Path, Path] = {}

    def make(env: Path) -> Path:
        if env not in built:
            if shutil.which("g++") is None:
                pytest.skip("no g++ here")
            folder = tmp_path_factory.mktemp("detectron2")
            torch = site(env) / "torch"
            stated = re.search(
                r"_GLIBCXX_USE_CXX11_ABI=([01])",
                (torch / "share/cmake/Torch/TorchConfig.cmake").read_text(),
            )
            include = (torch / "include", torch / "include/torch/csrc/api/include")
            subprocess.run(
                [
                    *("nice", "g++", "-O1", "-shared", "-fPIC", "-std=c++20"),
                    *(str(SOURCE / "vision.cpp"), "-o", MODULE),
                    f"-D_GLIBCXX_USE_CXX11_ABI={stated[1] if stated else 1}",
                    "-DTORCH_EXTENSION_NAME=_C",
                    *(f"-I{path}" for path in (*include, sysconfig.get_path("include"))),
                    *(f"-L{torch}/lib", "-ltorch", "-ltorch_cpu", "-ltorch_python", "-lc10"),
                ],
                cwd=folder,
                check=True,
            )
            built[env] = folder / MODULE
        return built[env]

    return make


def install(tmp_path: Path, env: Path, module: Path | None) -> Path:
    """The environment with the fixture package and this module installed as detectron2."""
    package, info = tmp_path / "detectron2", tmp_path / "detectron2-0.6.dist-info"
    shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("*.cpp"))
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: detectron2\nVersion: 0.6\n")
    (info / "RECORD").write_text("detectron2/__init__.py,,\n")
    if module:
        shutil.copy(module, package)
    return beside(tmp_path, env, package, info)


def detectron2(env: Path, *arguments: str, **environ: str) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-m", "envcheck", "detectron2", "--python", str(env), "--format", "json",
         *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environ},
    )  # fmt: skip
    assert "Traceback" not in ran.stderr, ran.stderr
    report: dict[str, Any] = json.loads(ran.stdout)
    assert ran.returncode == report["exit_code"] and report["crashed"] == []
    return report


def found(report: dict[str, Any]) -> list[str]:
    """Errors and warnings, but what this machine's own lack of a GPU gives."""
    return [
        finding["name"]
        for finding in report["findings"]
        if finding["severity"] in ("error", "warning")
        and finding["code"][:3] in ("EXT", "SMK", "PYE")
    ]


def trials(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {trial["name"]: trial for trial in report["snapshot"]["trials"]["trials"]}


def module_of(report: dict[str, Any]) -> dict[str, Any]:
    packages = report["snapshot"]["extensions"]["packages"]
    file: dict[str, Any] = next(p for p in packages if p["name"] == "detectron2")["files"][0]
    return file


def used(env: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [env / "bin/python", "-W", "ignore", "-c", USE], capture_output=True, text=True, check=False
    )


RUN = ("--run", "--device", "cpu")
OPERATORS = (
    "ROIAlignRotated", "box_iou_rotated", "nms_rotated", "ROIAlign", "batched_nms", "DeformConv",
    "forward",
)  # fmt: skip


def test_its_own_torch_with_torchvision(cuda_env: Path, build: Build, tmp_path: Path) -> None:
    env = install(tmp_path, cuda_env, build(cuda_env))
    report = detectron2(env, *RUN)
    assert found(report) == []
    made = trials(report)
    for name in OPERATORS:
        assert made[name]["status"] == "ok" and made[name]["measured"] <= made[name]["limit"]
    assert made["ModulatedDeformConv"]["reason"] == "not_supported"
    for name in ("nms_rotated", "batched_nms", "forward"):
        assert int(made[name]["details"]["boxes kept"]) < 24  # something was suppressed


def test_what_its_file_says_is_what_importing_it_says(
    cuda_env: Path, build: Build, tmp_path: Path
) -> None:
    env = install(tmp_path, cuda_env, build(cuda_env))
    compiler, _, cuda = used(env).stdout.strip().rpartition(" not")
    report = detectron2(env)
    file = module_of(report)
    assert cuda == " available" and not file.get("cuda_compiler")
    assert file["compiler"].startswith(f"{compiler}.")
    assert "missing_count" not in file


def test_without_torchvision_and_pkg_resources(cpu_env: Path, build: Build, tmp_path: Path) -> None:
    """Three defects of its surroundings, each named; the compiled module itself is proved."""
    env = install(tmp_path, cpu_env, build(cpu_env))
    report = detectron2(env, *RUN)
    assert set(found(report)) == {
        "detectron2_layers_fail",
        "detectron2_model_zoo_fails",
        "setuptools_too_new",
    }
    made = trials(report)
    assert "No module named 'torchvision'" in made["import detectron2.layers"]["detail"]
    assert [made[name]["status"] for name in OPERATORS[:3]] == ["ok"] * 3
    assert "ROIAlign" not in made
    mend = next(f for f in report["findings"] if f["name"] == "detectron2_layers_fail")["remedy"]
    assert "torchvision==0.28.0" in mend["commands"][0]


def test_beside_another_torch(cpu_env: Path, cuda_env: Path, build: Build, tmp_path: Path) -> None:
    """Compiled against 2.4, whose std::string is the old one; the loader names a symbol of ours."""
    env = install(tmp_path, cpu_env, build(cuda_env))
    named = re.search(r"undefined symbol: (\w+)", used(env).stderr)
    assert named
    report = detectron2(env)
    assert "extension_built_for_other_torch" in found(report) or "cxx11_abi_mismatch" in found(
        report
    )
    message = next(f["message"] for f in report["findings"] if f["code"] in ("EXT001", "EXT002"))
    assert "`Ss`" in message and "_GLIBCXX_USE_CXX11_ABI=0" in message
    assert named[1] in module_of(report)["mangled"]
    ran = detectron2(env, *RUN)
    assert "detectron2_import_fails" in found(ran)
    assert named[1] in trials(ran)["import detectron2._C"]["detail"]


def test_wrong_operators_are_caught(cuda_env: Path, build: Build, tmp_path: Path) -> None:
    env = install(tmp_path, cuda_env, build(cuda_env))
    report = detectron2(env, *RUN, FAULT=",".join(OPERATORS[:-1]))
    wrong = [f["subject"] for f in report["findings"] if f["name"] == "detectron2_operator_wrong"]
    assert {f"cpu {name}" for name in OPERATORS} == set(wrong)
    for name in ("ROIAlignRotated", "box_iou_rotated", "ROIAlign", "DeformConv"):
        assert trials(report)[name]["measured"] > 0.1


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ("NaN", "detectron2_operator_wrong"),
        ("raises", "detectron2_operator_fails"),
        ("crash", "proof_crashed"),
    ],
)
def test_a_failing_operator_is_one_finding_each(
    cuda_env: Path, build: Build, tmp_path: Path, fault: str, name: str
) -> None:
    env = install(tmp_path, cuda_env, build(cuda_env))
    assert set(found(detectron2(env, *RUN, FAULT=fault))) == {name}


def test_it_is_not_there(cpu_env: Path) -> None:
    report = detectron2(cpu_env, *RUN)
    assert found(report) == ["extension_missing", "detectron2_import_fails"]


def test_the_package_without_its_module(cuda_env: Path, tmp_path: Path) -> None:
    report = detectron2(install(tmp_path, cuda_env, None), *RUN)
    assert found(report) == ["extension_not_compiled", "detectron2_import_fails"]
    assert "cannot import name '_C'" in trials(report)["import detectron2._C"]["detail"]


def test_the_current_folder_hides_it(
    cuda_env: Path, build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = install(tmp_path, cuda_env, build(cuda_env))
    clone = tmp_path / "clone"
    shutil.copytree(SOURCE, clone / "detectron2")
    monkeypatch.chdir(clone)
    report = detectron2(env, PWD=str(clone))
    notes = [f["name"] for f in report["findings"] if f["severity"] == "note"]
    assert "extension_hidden" in notes
    assert "No module named 'detectron2._C'" in used(env).stderr  # as the note says
