"""`envcheck detectron2`: the table, the findings, and what becomes of every broken state."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from envcheck.detectron2 import examine
from envcheck.errors import UsageError
from envcheck.facts import Extension, Extensions, Gpus, TorchBuild, encode
from envcheck.kb import load
from envcheck.readers.detectron2_env import read
from envcheck.render.detectron2 import render
from envcheck.render.style import Style
from envcheck.report import Report
from tests.binaries.build import elf
from tests.detectron2_roots import (
    CLONE,
    NEW,
    OLD,
    SITE,
    editable,
    machine,
    metadata,
    module,
    package,
    torch,
)
from tests.roots import Content, build_root

RECORDED = json.loads((Path(__file__).parent / "fixtures/detectron2_modules.json").read_text())
OTHER = "_C.cpython-310-x86_64-linux-gnu.so"
WHOLE = (torch(), metadata(), package(module()))


def examined(base: Path, *parts: dict[str, Content], **versions: str) -> Report:
    return examine(sysroot=build_root(base, machine(*parts, **versions)), python="/venv")


def names(report: Report, *severities: str) -> set[str]:
    wanted = severities or ("error", "warning")
    assert not report.crashed
    return {finding.name for finding in report.findings if finding.severity in wanted}


def rows(report: Report) -> dict[str, str]:
    """The table, as someone would paste it."""
    text = render(report, Style()).split("\n\n")[0]
    lines = text.splitlines()
    assert set(lines[0]) == {"-", " "} and lines[0] in lines[1:]
    left = lines[0].index(" ")
    body = lines[1 : lines.index(lines[0], 1)]
    return {line[:left].strip(): line[left:].strip() for line in body}


# ---- a detectron2 that is well -------------------------------------------------------------------


def test_a_whole_installation_is_fit(tmp_path: Path) -> None:
    report = examined(tmp_path, *WHOLE)
    assert (names(report, "error", "warning", "note"), report.verdict) == (set(), "fit")
    table = rows(report)
    assert table["sys.platform"] == "linux"
    assert table["detectron2"] == f"0.6 @{SITE}/detectron2"
    assert table["Compiler"] == "GCC 11.4.0"
    assert table["CUDA compiler"] == "CUDA 12.1"
    assert table["detectron2 arch flags"] == "8.0, 9.0a"
    assert table["PyTorch"] == f"2.4.0+cu121 @{SITE}/torch"
    assert table["PyTorch debug build"] == "False"
    assert table["torch._C._GLIBCXX_USE_CXX11_ABI"] == "False"
    assert table["GPU available"] == "Yes"
    assert table["GPU 0"].endswith("(arch=9.0)")
    assert table["Driver version"] == "580.95.05"
    assert table["CUDA_HOME"] == "None"
    assert table["CUDA versions"] == "torch 12.1, detectron2 12.1"
    assert table["iopath"] == "0.1.9 (detectron2 asks for <0.1.10,>=0.1.7)"
    assert table["fvcore"].startswith("0.1.5.post20221221 (")
    assert table["cv2"] == "Not found" and table["DETECTRON2_ENV_MODULE"] == "<not set>"
    assert "detectron2._C" not in table


def test_every_row_of_its_own_collect_env_is_there(tmp_path: Path) -> None:
    """As collect_env.py of the recorded commit appends them, for a CUDA build."""
    shown = rows(examined(tmp_path, *WHOLE))
    assert {
        "sys.platform", "Python", "numpy", "detectron2", "Compiler", "CUDA compiler",
        "detectron2 arch flags", "DETECTRON2_ENV_MODULE", "PyTorch", "PyTorch debug build",
        "torch._C._GLIBCXX_USE_CXX11_ABI", "GPU available", "GPU 0", "Driver version", "CUDA_HOME",
        "Pillow", "torchvision", "fvcore", "iopath", "cv2",
    } <= shown.keys()  # fmt: skip


def test_the_pasted_table_is_read_as_the_same_machine(tmp_path: Path) -> None:
    archs = ("sm_80", "sm_90a", "sm_100", "sm_120", "compute_120")
    parts = (torch(), metadata(), package(module(archs=archs)))
    report = examined(tmp_path, *parts)
    pasted = read(render(report, Style()), load())
    assert isinstance(pasted.torch, TorchBuild) and isinstance(report.snapshot.torch, TorchBuild)
    assert (pasted.torch.version, pasted.torch.cuda) == ("2.4.0+cu121", "12.1")
    assert pasted.torch.sass == report.snapshot.torch.sass
    assert isinstance(pasted.extensions, Extensions)
    assert isinstance(pasted.extensions.packages, tuple)
    (found,) = pasted.extensions.packages
    assert isinstance(found, Extension) and isinstance(found.files, tuple)
    (file,) = found.files
    assert (file.sass, file.ptx, file.cuda_compiler) == (archs[:4], archs[4:], "12.1")
    assert isinstance(pasted.gpus, Gpus) and pasted.gpus.known_devices()[0].sm == "9.0"


def test_an_editable_install(tmp_path: Path) -> None:
    tree = package(module(), folder=CLONE)
    report = examined(tmp_path, torch(), metadata(**editable()), tree)
    assert names(report) == set() and rows(report)["detectron2"] == f"0.6 @{CLONE}/detectron2"


def test_other_packages_are_not_its_business(tmp_path: Path) -> None:
    other: dict[str, Content] = {
        f"{SITE}/ext/_C.so": module("_ZN2at6Tensor4lostEv"),
        f"{SITE}/ext-1.0.dist-info/METADATA": "Name: ext\nVersion: 1.0\n",
        f"{SITE}/ext-1.0.dist-info/RECORD": "ext/_C.so,,\n",
    }
    assert names(examined(tmp_path, *WHOLE, other)) == set()


# ---- the module recorded from its source ---------------------------------------------------------


def recorded(build: dict[str, Any], version: str) -> tuple[dict[str, Content], ...]:
    """The recorded module, and a torch that defines what the real one of that version does."""
    beside = build["beside"][version]
    lost = {build["symbols"][place] for place in beside["missing"]}
    has = [name for name in build["symbols"] if name not in lost]
    cuda = int(float(build["cuda_compiler"] or 0) * 1000)
    data = module(
        *build["symbols"],
        archs=(*build["sass"], *build["ptx"]),
        cuda=cuda,
        needed=build["needed"],
    )
    files = torch(abi=beside["cxx11_abi"], version=version)
    files[f"{SITE}/torch/lib/libc10.so"] = elf(defined=[NEW if beside["cxx11_abi"] else OLD])
    files[f"{SITE}/torch/lib/libtorch_cpu.so"] = elf(defined=has)
    for name in ("libtorch.so", "libtorch_python.so"):
        files[f"{SITE}/torch/lib/{name}"] = elf()
    return files, metadata(), package(data)


def expected(build: dict[str, Any], version: str) -> set[str]:
    """What the dynamic linker would say, in the names of the checks."""
    beside = build["beside"][version]
    lost = [build["symbols"][place] for place in beside["missing"]]
    if version.endswith("+cpu") and build["cuda_compiler"]:
        return {"extension_built_for_other_cuda"}
    if lost:
        old = all("Ss" in name for name in lost) and beside["cxx11_abi"]
        return {"cxx11_abi_mismatch" if old else "extension_built_for_other_torch"}
    return set() if build["cuda_compiler"] else {"extension_built_without_cuda"}


CASES = [(b, v) for b in RECORDED["modules"] for v in b["beside"]]


@pytest.mark.parametrize(
    ("build", "version"), CASES, ids=lambda x: x if isinstance(x, str) else x["torch"]
)
def test_the_real_module_beside_other_torches(
    tmp_path: Path, build: dict[str, Any], version: str
) -> None:
    report = examined(tmp_path, *recorded(build, version))
    of_modules = {
        f.name for f in report.findings if f.code.startswith("EXT") and f.severity == "error"
    }
    want = expected(build, version)
    if version.endswith("+cpu"):
        want -= {"extension_built_without_cuda"}
    assert of_modules == want
    table = rows(report)
    assert table["Compiler"] == "GCC 11.4.0"
    assert table["CUDA compiler"] == (
        f"CUDA {build['cuda_compiler']}" if build["cuda_compiler"] else "not available"
    )
    broken = want - {"extension_built_without_cuda"}
    assert ("detectron2._C" in table) is bool(broken)


def test_the_counts_that_were_measured() -> None:
    """35 symbols of torch; 4 of them are not in 2.13, 3 for the sake of the old std::string."""
    cpu = RECORDED["modules"][0]
    assert len(cpu["symbols"]) == 35
    lost = [cpu["symbols"][place] for place in cpu["beside"]["2.13.0+cpu"]["missing"]]
    assert len(lost) == 4 and lost[0] == "_ZN5torch3jit17parseSchemaOrNameERKSsb"
    assert cpu["beside"]["2.4.0+cu121"]["missing"] == []


def test_the_old_string_is_explained(tmp_path: Path) -> None:
    report = examined(tmp_path, *recorded(RECORDED["modules"][0], "2.13.0+cpu"))
    (finding,) = [f for f in report.findings if f.code == "EXT001"]
    assert "4 of the 35 symbols" in finding.message
    assert "torch::jit::parseSchemaOrName(std::string const&, bool)" in finding.message
    assert "`Ss` in 3 of their mangled names" in finding.message
    assert "_GLIBCXX_USE_CXX11_ABI=0" in finding.message
    assert any("parseSchemaOrNameERKSsb" in each.value for each in finding.evidence)
    assert "_ZN5torch3jit17parseSchemaOrNameERKSsb" in rows(report)["detectron2._C"]


# ---- broken states -------------------------------------------------------------------------------

STATES: dict[str, tuple[tuple[dict[str, Content], ...], dict[str, str], set[str]]] = {
    "not installed": ((torch(),), {}, {"extension_missing"}),
    "only metadata": ((torch(), metadata()), {}, {"extension_missing"}),
    "no module": ((torch(), metadata(), package()), {}, {"extension_not_compiled"}),
    "for another Python": (
        (torch(), metadata(), package(module(), name=OTHER)),
        {},
        {"extension_not_compiled"},
    ),
    "truncated": (
        (torch(), metadata(), package(module()[:900])),
        {},
        {"extension_damaged"},
    ),
    "empty": ((torch(), metadata(), package(b"")), {}, {"extension_damaged"}),
    "no ELF": ((torch(), metadata(), package(b"version 1")), {}, {"extension_damaged"}),
    "no torch": (WHOLE[1:], {}, {"extension_without_torch", "torch_missing"}),
    "too new setuptools": (WHOLE, {"setuptools": "84.2.1"}, {"setuptools_too_new"}),
    "no setuptools": (WHOLE, {"setuptools": ""}, {"extension_requirements_unmet"}),
    "new iopath": (WHOLE, {"iopath": "0.1.10"}, {"extension_requirements_unmet"}),
    "no GPU code for it": (
        (torch(), metadata(), package(module(archs=("sm_70",)))),
        {},
        {"extension_arch_missing"},
    ),
    "without CUDA": (
        (torch(), metadata(), package(module(archs=()))),
        {},
        {"extension_built_without_cuda"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_a_broken_state(tmp_path: Path, state: str) -> None:
    parts, versions, want = STATES[state]
    report = examined(tmp_path, *parts, **versions)
    assert names(report) == want
    assert rows(report)
    worst = {f.severity for f in report.findings}
    assert report.exit_code == (1 if "error" in worst else 0)


def test_the_table_without_torch_still_shows_the_module(tmp_path: Path) -> None:
    table = rows(examined(tmp_path, *WHOLE[1:]))
    assert table["PyTorch"] == "not installed"
    assert table["CUDA compiler"] == "CUDA 12.1" and table["Compiler"] == "GCC 11.4.0"
    assert table["GPU available"] == "No: torch is not installed"
    assert "torch is not installed" in table["detectron2._C"]


def test_a_broken_torch_is_the_one_cause(tmp_path: Path) -> None:
    whole = {name: data for part in WHOLE for name, data in part.items()}
    half = {name: data for name, data in whole.items() if not name.endswith("libtorch_cpu.so")}
    report = examined(tmp_path / "half", half)
    assert names(report) == {"torch_broken"}
    assert "broken: " in rows(report)["PyTorch"]
    gone = {name: data for name, data in whole.items() if not name.startswith(f"{SITE}/torch/")}
    report = examined(tmp_path / "gone", gone)
    assert names(report) == {"torch_broken"}
    table = rows(report)
    assert table["PyTorch"].startswith("2.4.0+cu121 - broken") and table["Compiler"] == "GCC 11.4.0"


def test_inconsistent_cuda_versions_are_named_as_such(tmp_path: Path) -> None:
    parts = (torch(), metadata(), package(module(cuda=12040)))
    report = examined(tmp_path, *parts)
    assert names(report, "note") == {"cuda_versions_differ"}
    assert rows(report)["CUDA versions"] == "torch 12.1, detectron2 12.4 - inconsistent!"


def test_the_command_that_builds_it_here(tmp_path: Path) -> None:
    report = examined(tmp_path, torch(), metadata(), package())
    remedy = report.findings[0].remedy
    assert remedy
    assert remedy.commands == (
        "/venv/bin/python -m pip install wheel",
        "TORCH_CUDA_ARCH_LIST=9.0 FORCE_CUDA=1 /venv/bin/python -m pip install --force-reinstall"
        " --no-deps --no-cache-dir --no-build-isolation"
        " git+https://github.com/facebookresearch/detectron2.git",
    )


def test_unreadable_torch_is_no_pass(tmp_path: Path) -> None:
    torn: dict[str, Content] = {f"{SITE}/torch/lib/libtorch_cpu.so": elf()[:100]}
    report = examined(tmp_path, *WHOLE, torn)
    assert report.verdict == "unknown" and report.exit_code == 3


# ---- the command ---------------------------------------------------------------------------------


def command(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "envcheck", "detectron2", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_saved_snapshot_is_judged_alike(tmp_path: Path) -> None:
    report = examined(tmp_path / "root", torch(), metadata(), package())
    file = tmp_path / "snapshot.json"
    file.write_bytes(encode(report.snapshot))
    ran = command("--snapshot", file, "--format", "json")
    again = msgspec.json.decode(ran.stdout, type=Report)
    assert ran.returncode == 1 and names(again) == {"extension_not_compiled"}
    text = command("--snapshot", file, "--exit-zero")
    assert text.returncode == 0
    assert text.stdout.startswith("-----") and "EXT007 extension_not_compiled" in text.stdout


def test_a_snapshot_without_it(tmp_path: Path) -> None:
    """An old snapshot says nothing of extensions: not known is not "not installed"."""
    file = tmp_path / "snapshot.json"
    file.write_text('{"schema_version": 1}')
    ran = command("--snapshot", file)
    assert ran.returncode == 0 and "EXT006" not in ran.stdout
    assert "detectron2             not asked" in ran.stdout
    assert ran.stdout.splitlines()[-1].startswith("unknown")


def test_selected_checks_only(tmp_path: Path) -> None:
    root = build_root(tmp_path, machine(torch(), metadata(), package(), iopath="0.1.10"))
    ran = command(
        "--sysroot", root, "--python", "/venv", "--select", "EXT010", "--fail-on", "warning"
    )
    assert ran.returncode == 1
    assert "extension_requirements_unmet" in ran.stdout and "EXT007" not in ran.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--run", "--sysroot", "/"),
        ("--run", "--device", "tpu"),
        ("--snapshot", "/nowhere.json"),
        ("--snapshot", "x", "--python", "y"),
        ("--python", "/nowhere/python"),
        ("--select", "NOPE"),
        ("--sysroot", "/nowhere"),
    ],
)
def test_errors_of_use(arguments: tuple[str, ...]) -> None:
    ran = command(*arguments)
    assert ran.returncode == 2 and "Traceback" not in ran.stderr and ran.stderr


def test_an_interpreter_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not an interpreter"):
        examine(python=str(tmp_path / "python"))
