"""How a package with a compiled module lies in its environment: detectron2, whole and in pieces."""

from typing import Any

import msgspec
import pytest

from envcheck.facts import (
    NOT_ASKED,
    CompiledFile,
    DamagedFile,
    Distribution,
    Environment,
    Extension,
    Pin,
    PythonEnv,
    Snapshot,
    Toolkit,
    absent,
)
from envcheck.finding import Finding
from tests.rules.machine import (
    change,
    compiled,
    fires,
    gpu,
    healthy,
    not_applicable,
    passes,
    report,
    skips,
)

SITE = "/venv/lib/python3.11/site-packages"
FILE = f"{SITE}/detectron2/_C.cpython-311-x86_64-linux-gnu.so"
OTHER = f"{SITE}/detectron2/_C.cpython-310-x86_64-linux-gnu.so"
NAMES = (
    "extension_missing",
    "extension_not_compiled",
    "extension_damaged",
    "extension_hidden",
    "extension_requirements_unmet",
    "cuda_versions_differ",
    "extension_without_torch",
)
CPU: dict[str, Any] = {"cudart": None, "uses_cuda": False, "fatbins": 0, "sass": ()}


def module(**changes: Any) -> CompiledFile:
    return compiled(FILE, **{"compiler": "GCC 11.4.0", "cuda_compiler": "12.1", **changes})


def installed(**fields: Any) -> Snapshot:
    """The healthy machine with detectron2 as it should be, changed."""
    right: dict[str, Any] = {
        "version": "0.6",
        "path": f"{SITE}/detectron2-0.6.dist-info",
        "folder": SITE,
        "files": (module(),),
        "requires": (Pin("iopath", "<0.1.10,>=0.1.7", "0.1.9"),),
    }
    package = Extension(name="detectron2", **{**right, **fields})
    return change(healthy(), extensions__packages=(package,))


def distributions(machine: Snapshot) -> tuple[Distribution, ...]:
    assert isinstance(machine.python, PythonEnv)
    assert isinstance(machine.python.distributions, tuple)
    return machine.python.distributions


def command(finding: Finding) -> str:
    assert finding.remedy
    return finding.remedy.commands[-1]


def test_as_it_should_be_everything_is_silent() -> None:
    for name in NAMES:
        passes(name, installed())
    assert report(installed()).findings == ()
    passes("extension_missing", installed())
    passes("extension_damaged", installed())
    passes("extension_hidden", installed())


def test_packages_without_a_known_module_are_left_alone() -> None:
    other = Extension(name="flash-attn", version="2.6", files=(), requires=(Pin("einops", ""),))
    machine = change(healthy(), extensions__packages=(other,))
    for name in NAMES[:6]:
        not_applicable(name, machine)


def test_not_installed() -> None:
    gone = absent("not installed")
    machine = installed(version=gone, files=gone, folder="", path="", requires=NOT_ASKED)
    finding = fires("extension_missing", machine)
    assert finding.message == "detectron2 is not installed for this Python."
    pip = (
        "-m pip install --no-cache-dir --no-build-isolation git+https://github.com/facebookresearch"
    )
    assert pip in command(finding) and "--force-reinstall" not in command(finding)
    assert command(finding).startswith("TORCH_CUDA_ARCH_LIST=9.0 FORCE_CUDA=1 /venv/bin/python")
    not_applicable("extension_not_compiled", machine)
    not_applicable("extension_requirements_unmet", machine)
    no_torch = change(machine, torch=absent("torch is not installed"))
    remedy = fires("extension_missing", no_torch).remedy
    assert remedy and not remedy.commands and "torch first" in remedy.text


def test_only_its_metadata_is_left() -> None:
    finding = fires("extension_missing", installed(folder="", files=()))
    assert "only /venv/lib/python3.11/site-packages/detectron2-0.6.dist-info" in finding.message
    assert "--force-reinstall" in command(finding)
    assert "absent" not in finding.message
    unread = installed(folder="", files=absent("x"), version="0.6", path="")
    fires("extension_missing", unread)
    assert (
        skips("extension_missing", installed(folder="", files=NOT_ASKED)) == "detectron2 not asked"
    )


def test_without_a_compiled_module() -> None:
    finding = fires("extension_not_compiled", installed(files=()))
    assert f"{SITE}/detectron2/_C is not there" in finding.message
    assert "--no-build-isolation" in command(finding)
    old = fires("extension_not_compiled", installed(files=(), other_python=(OTHER,)))
    assert "_C.cpython-310-x86_64-linux-gnu.so is for another Python than this 3.11" in old.message
    passes("extension_not_compiled", installed(other_python=(OTHER,)))


def test_damaged() -> None:
    cut = installed(files=(), damaged=(DamagedFile(FILE, "cut short"),))
    finding = fires("extension_damaged", cut)
    assert FILE in finding.message and "cut short" in finding.message
    passes("extension_not_compiled", cut)


def test_two_copies() -> None:
    finding = fires("extension_hidden", installed(copies=("/src/detectron2",)))
    assert f"imported from {SITE}, and is also in /src/detectron2" in finding.message
    assert command(finding) == "/venv/bin/python -m pip uninstall -y detectron2"
    assert finding.severity == "warning"


def test_the_current_folder_hides_it() -> None:
    finding = fires("extension_hidden", installed(hidden_by="/home/me/detectron2"))
    assert finding.severity == "note" and "started in /home/me/detectron2" in finding.message


def test_requirements() -> None:
    pins = (
        Pin("fvcore", "<0.1.6,>=0.1.5", "0.1.5.post20221221"),
        Pin("iopath", "<0.1.10,>=0.1.7", "0.1.10"),
        Pin("yacs", ">=0.1.8", None),
        Pin("tabulate", "", None),
    )
    finding = fires("extension_requirements_unmet", installed(requires=pins))
    assert "iopath<0.1.10,>=0.1.7 (0.1.10 installed)" in finding.message
    assert "yacs>=0.1.8 (not installed)" in finding.message and "fvcore" not in finding.message
    assert command(finding).endswith("'iopath<0.1.10,>=0.1.7' 'yacs>=0.1.8' tabulate")
    unread = installed(requires=absent("it has no metadata"))
    assert skips("extension_requirements_unmet", unread) == "detectron2 absent: it has no metadata"


def test_setuptools_that_is_not_there_at_all() -> None:
    machine = installed(requires=absent("it has no metadata"))
    dists = tuple(dist for dist in distributions(machine) if dist.name != "setuptools")
    machine = change(machine, python__distributions=dists)
    finding = fires("extension_requirements_unmet", machine)
    assert "setuptools, which it imports without saying so" in finding.message
    assert command(finding).endswith("'setuptools<82'")


def test_setuptools_without_pkg_resources() -> None:
    """It is there, and too new: the check of Python packages says so, once."""
    machine = installed()
    new = tuple(
        Distribution("setuptools", "84.2.1") if dist.name == "setuptools" else dist
        for dist in (*distributions(machine), Distribution("detectron2", "0.6"))
    )
    found = report(change(machine, python__distributions=new)).findings
    assert [finding.name for finding in found] == ["setuptools_too_new"]
    assert "setuptools<82" in command(found[0])


# ---- CUDA versions ------------------------------------------------------------------------------


def test_versions_of_cuda_that_differ_are_named_side_by_side() -> None:
    machine = change(installed(files=(module(cuda_compiler="12.4"),)), cuda__nvcc_version="13.0")
    finding = fires("cuda_versions_differ", machine)
    assert finding.message == (
        "CUDA versions are inconsistent: torch 12.1, detectron2 12.4, torchvision 12.1, nvcc 13.0."
    )
    assert finding.severity == "note"
    assert "CUDA_HOME=/usr/local/cuda-12.1 TORCH_CUDA_ARCH_LIST=9.0" in command(finding)


def test_the_command_is_said_once() -> None:
    machine = installed(files=(module(cuda_compiler="11.8", cudart="11"),))
    assert fires("cuda_versions_differ", machine).remedy is None
    error = fires("extension_built_for_other_cuda", machine)
    assert "linked to CUDA 11.8, torch" in error.message and error.remedy


def test_a_major_version_alone_is_compared_as_such() -> None:
    major = module(cuda_compiler="", cudart="12")
    passes("cuda_versions_differ", installed(files=(major,)))
    other = installed(files=(module(cuda_compiler="", cudart="11"),))
    assert "detectron2 11," in fires("cuda_versions_differ", other).message


def test_only_nvcc_differs() -> None:
    machine = change(installed(), cuda__nvcc_version="12.4")
    finding = fires("cuda_versions_differ", machine)
    assert "nvcc 12.4" in finding.message and finding.remedy is None


def test_no_cuda_nothing_to_compare() -> None:
    not_applicable("cuda_versions_differ", change(installed(), torch__cuda=None))


def test_no_torch() -> None:
    machine = change(installed(), torch=absent("torch is not installed"))
    finding = fires("extension_without_torch", machine)
    assert "detectron2 0.6 is linked to torch, which is not installed" in finding.message
    plain = change(
        installed(files=(module(links_torch=False),)), torch=absent("torch is not installed")
    )
    not_applicable("extension_without_torch", plain)


# ---- the command that compiles it again ----------------------------------------------------------


def rebuilt(machine: Snapshot) -> tuple[str, ...]:
    remedy = fires("extension_not_compiled", machine).remedy
    assert remedy
    return remedy.commands


def text(machine: Snapshot) -> str:
    remedy = fires("extension_not_compiled", machine).remedy
    assert remedy
    return remedy.text


def test_a_source_tree_is_cleaned_first() -> None:
    """What an earlier build left there would be taken for up to date."""
    stale = module(missing=("at::f()",), missing_count=1)
    machine = installed(origin="/src/my d2", editable=True, folder="/src/my d2", files=(stale,))
    remedy = fires("extension_built_for_other_torch", machine).remedy
    assert remedy
    assert remedy.commands[-2] == f"rm -rf '/src/my d2/build' {FILE}"
    assert remedy.commands[-1].endswith("--no-build-isolation --use-pep517 -e '/src/my d2'")


def test_without_a_gpu_the_architectures_are_torchs_own() -> None:
    machine = change(installed(files=()), gpus__devices=())
    assert "TORCH_CUDA_ARCH_LIST='5.0;6.0;7.0;7.5;8.0;8.6;9.0' FORCE_CUDA=1" in rebuilt(machine)[-1]


@pytest.mark.parametrize(
    ("sms", "cuda", "archs"),
    [
        (("12.0",), "12.8", "12.0"),
        (("10.0", "12.0", "9.0"), "13.0", "'9.0;10.0;12.0'"),
        (("7.0", "9.0"), "13.0", "9.0"),  # nvcc 13 has no Volta
    ],
)
def test_the_list_is_what_nvcc_of_torchs_cuda_compiles_for(
    sms: tuple[str, ...], cuda: str, archs: str
) -> None:
    devices = tuple(gpu(index, sm=sm) for index, sm in enumerate(sms))
    machine = change(installed(files=()), gpus__devices=devices, torch__cuda=cuda)
    assert f"TORCH_CUDA_ARCH_LIST={archs} " in rebuilt(machine)[-1]


def test_the_right_nvcc_is_named() -> None:
    machine = installed(files=())
    assert "CUDA_HOME" not in rebuilt(machine)[-1] and "which is here" in text(machine)
    other = change(machine, cuda__nvcc_version="13.0")
    assert rebuilt(other)[-1].startswith("CUDA_HOME=/usr/local/cuda-12.1 ")
    only = change(other, cuda__toolkits=(Toolkit("/usr/local/cuda-13.0", "13.0", "PATH", True),))
    assert "CUDA_HOME" not in rebuilt(only)[-1] and "the one that is here is 13.0" in text(only)
    minor = change(only, cuda__nvcc_version="12.4")
    assert "the 12.4 that is here will do" in text(minor)
    none = change(only, cuda__nvcc_version=absent("/usr/local/cuda/bin/nvcc is not there"))
    assert "there is none here" in text(none)


def test_a_cpu_torch_needs_no_nvcc() -> None:
    machine = change(installed(files=()), torch__cuda=None)
    assert rebuilt(machine)[-1].startswith("/venv/bin/python") and "nvcc" not in text(machine)


def test_tools_of_the_build_are_of_versions_it_works_with() -> None:
    machine = change(installed(files=()), python__distributions=())
    assert rebuilt(machine)[0] == "/venv/bin/python -m pip install 'setuptools<82' wheel"


def test_the_effects_of_a_build_cure_the_finding() -> None:
    for machine in (
        installed(files=()),
        installed(files=(), damaged=(DamagedFile(FILE, "cut short"),)),
        installed(files=absent("not installed"), version=absent("not installed"), folder=""),
    ):
        mended = machine
        for finding in report(machine, *NAMES).findings:
            assert finding.remedy and finding.remedy.effects
            for effect in finding.remedy.effects:
                mended = change(mended, **{effect.path.replace(".", "__"): effect.value})
        assert report(mended, *NAMES).findings == ()


# ---- TORCH_CUDA_ARCH_LIST -----------------------------------------------------------------------


def listed(value: str, **changes: Any) -> Snapshot:
    environment = Environment(variables={"TORCH_CUDA_ARCH_LIST": value})
    return change(healthy(), environment=environment, **changes)


def test_a_list_without_this_gpu() -> None:
    finding = fires("arch_list_without_gpu", listed("7.0;7.5 8.0"))
    assert "no code for NVIDIA H100 80GB HBM3 (sm_90)" in finding.message
    assert command(finding) == 'export TORCH_CUDA_ARCH_LIST="9.0"'
    assert finding.severity == "note"
    build = msgspec.structs.replace(listed("7.0"), purpose="build")
    assert fires("arch_list_without_gpu", build).severity == "warning"
    for right in ("8.0;9.0", "9.0a", "8.0+PTX", "8.0 9.0"):
        passes("arch_list_without_gpu", listed(right))
    for unknown in ("Hopper", "Ampere;Hopper+PTX", " ; "):
        not_applicable("arch_list_without_gpu", listed(unknown))
    not_applicable("arch_list_without_gpu", listed("7.0", torch__cuda=None))
    not_applicable("arch_list_without_gpu", healthy())


@pytest.mark.parametrize("entry", ["90", "sm_90", "9.0,8.0", "9.0+ptx", "9"])
def test_a_list_that_torch_does_not_understand(entry: str) -> None:
    assert "torch does not know" in fires("arch_list_without_gpu", listed(entry)).message
