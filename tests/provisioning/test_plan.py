"""What the roles decide about driver and CUDA is what envcheck itself says, case by case."""

import importlib.util
import json
from types import ModuleType
from typing import Any

import pytest

from envcheck import compat
from envcheck.kb import load
from tests.driver_vars import driver_files
from tests.provisioning.scenario import ANSIBLE

KB = load()
DISCRETE = [arch.sm for arch in KB.gpus.archs if not arch.integrated]
BRANCHES = [row.branch for row in KB.drivers.branches]


def plugin(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ANSIBLE / f"filter_plugins/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GPU_PLAN = plugin("gpu_plan")


def knowledge(name: str) -> dict[str, Any]:
    """A generated file's mapping; its values are JSON, which the tests read without YAML."""
    from ansible.parsing.dataloader import DataLoader

    texts = {path.rsplit("/", 1)[1]: text for path, text in driver_files(KB).items()}
    (mapping,) = DataLoader().load(texts[name]).values()
    return dict(json.loads(json.dumps(mapping)))


DRIVERS, GPUS = knowledge("drivers.yml"), knowledge("gpus.yml")
CUDAS = knowledge("main.yml")["cuda"]


def plan(
    os: str = "debian12", gpus: tuple[str, ...] = (), *, nvswitches: int = 0, **wishes: object
) -> dict[str, Any]:
    """The plan for GPUs by compute capability ("9.0") or PCI id ("2330")."""
    wanted = [gpu for gpu in gpus if "." in gpu]
    found = [{"id": gpu} for gpu in gpus if "." not in gpu]
    found_here = {"os": os, "os_name": os, "gpus": found, "nvswitches": nvswitches}
    asked = {
        "branch": 0,
        "version": "",
        "modules": "auto",
        "origin": "nvidia",
        "packages": "full",
        "gpus": wanted,
        "mirror": True,
        **wishes,
    }
    result = GPU_PLAN.driver_plan(found_here, asked, DRIVERS, GPUS)
    return dict(result)


def codes(findings: list[dict[str, Any]]) -> set[str]:
    return {one["code"] for one in findings}


@pytest.mark.parametrize("sm", DISCRETE)
def test_branch_serves_gpu_as_envcheck_says(sm: str) -> None:
    code = {"dropped": "DRV010", "too-new": "DRV011"}
    for branch in BRANCHES:
        verdict = compat.driver_supports_gpu(str(branch), sm, kb=KB)
        found = plan(gpus=(sm,), branch=branch)["findings"]
        expected = {code[verdict.how]} if verdict.supports is False else set()
        assert codes(found) & set(code.values()) == expected, (sm, branch)
        assert all(verdict.reason in one["message"] for one in found if one["code"] in expected)


@pytest.mark.parametrize("sm", DISCRETE)
def test_nvcc_compiles_as_envcheck_says(sm: str) -> None:
    for cuda in KB.cuda.minors:
        machine = {"glibc": None}
        found = GPU_PLAN.cuda_findings(machine, plan(gpus=(sm,)), [cuda], GPUS, CUDAS)
        refused = "CUD003" in codes(found)
        assert refused == (KB.cuda.nvcc_targets(cuda, sm).compiles is False), (sm, cuda)


def test_driver_serves_cuda_as_envcheck_says() -> None:
    for row in KB.drivers.branches:
        for cuda in KB.cuda.minors:
            made = {**plan(gpus=("7.5",)), "branch": row.branch}
            found = GPU_PLAN.cuda_findings({"glibc": None}, made, [cuda], GPUS, CUDAS)
            serves = compat.driver_serves(row.last or f"{row.branch}.999", cuda, kb=KB).serves
            assert ("DRV002" in codes(found)) == (serves is False), (row.branch, cuda)


def test_glibc_newer_than_nvcc() -> None:
    for glibc, refused in (("2.36", False), ("2.41", True)):
        found = GPU_PLAN.cuda_findings({"glibc": glibc}, plan(gpus=("9.0",)), ["12.1"], GPUS, CUDAS)
        assert codes(found) == ({"CUD004"} if refused else set())


@pytest.mark.parametrize(
    ("os", "gpus", "branch", "modules", "packages"),
    [
        ("debian12", ("9.0",), 580, "open", ["nvidia-open"]),
        ("debian12", ("6.1",), 580, "proprietary", ["cuda-drivers"]),
        ("debian12", ("2b85",), 580, "open", ["nvidia-open"]),
        ("debian13", ("9.0",), 595, "open", ["nvidia-open"]),
        ("ubuntu2204", ("8.6", "7.0"), 580, "proprietary", ["cuda-drivers-580"]),
        ("ubuntu2404", ("9.0",), 580, "open", ["nvidia-open-580"]),
    ],
)
def test_choice(
    os: str, gpus: tuple[str, ...], branch: int, modules: str, packages: list[str]
) -> None:
    made = plan(os, gpus)
    chosen = made["branch"], made["modules"], made["packages"], made["findings"]
    assert chosen == (branch, modules, packages, [])


def test_compute_only_packages_follow_the_kernel_module() -> None:
    assert plan("ubuntu2404", ("9.0",), packages="compute")["packages"][1] == "nvidia-dkms-580-open"
    assert plan("ubuntu2404", ("7.0",), packages="compute")["packages"][1] == "nvidia-dkms-580"


@pytest.mark.parametrize(
    ("branch", "fabric"),
    [
        (570, ["nvidia-fabricmanager-570", "libnvidia-nscq-570"]),
        (580, ["nvidia-fabricmanager", "libnvidia-nscq"]),
        (595, ["nvidia-fabricmanager", "libnvidia-nscq"]),
    ],
)
def test_fabric_manager_of_nvswitch_machines(branch: int, fabric: list[str]) -> None:
    assert plan("ubuntu2404", ("9.0",), branch=branch, nvswitches=4)["fabric"] == fabric
    assert plan("ubuntu2404", ("9.0",), branch=branch)["fabric"] == []


def test_fifth_generation_switches_need_more() -> None:
    made = plan("ubuntu2404", ("10.0",), nvswitches=2)
    assert "nvlink5-580" in made["fabric"]


def test_what_cannot_be() -> None:
    assert codes(plan(gpus=("dead",))["findings"]) == {"gpu_unknown"}
    assert codes(plan(gpus=("12.0",), modules="proprietary")["findings"]) == {"DRV012"}
    assert codes(plan(gpus=("7.0",), modules="open")["findings"]) == {"DRV013"}
    assert codes(plan(gpus=("7.0", "12.0"))["findings"]) >= {"gpus_differ", "DRV012"}
    debian = plan(gpus=("9.0",), origin="distribution", nvswitches=4)
    assert codes(debian["findings"]) == {"DRV008"}


def test_a_branch_that_left_the_repository() -> None:
    (found,) = plan(gpus=("9.0",), branch=555, mirror=False)["findings"]
    assert found["code"] == "branch_gone"
    assert "left the package archives" in found["message"]
    assert "580" in found["remedy"]
    assert plan(gpus=("9.0",), branch=555)["findings"] == []  # a mirror may have kept it


def test_no_gpu_needs_no_driver() -> None:
    assert plan()["needed"] is False
