"""Compiled extensions beside a torch they fit, do not fit, or fit in part."""

from typing import Any

import pytest

from envcheck.facts import (
    NOT_ASKED,
    CompiledFile,
    Distribution,
    Extension,
    PythonEnv,
    Snapshot,
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
CODES = (
    "extension_built_for_other_torch",
    "cxx11_abi_mismatch",
    "extension_arch_missing",
    "extension_built_without_cuda",
    "extension_built_for_other_cuda",
)
PARSE = "torch::jit::parseSchemaOrName(std::string const&, bool)"
CPU: dict[str, Any] = {"cudart": None, "uses_cuda": False, "fatbins": 0, "sass": ()}


def beside(*files: CompiledFile, name: str = "detectron2", **fields: Any) -> Snapshot:
    package = Extension(name=name, **{"version": "0.6", "files": files, **fields})
    return change(healthy(), extensions__packages=(package,))


def one(**changes: Any) -> Snapshot:
    """detectron2 with one library, changed."""
    return beside(compiled(FILE, **changes))


def fired(snapshot: Snapshot) -> list[str]:
    """Which of the checks find something: never more than one for a package."""
    return [finding.name for finding in report(snapshot, *CODES).findings]


def command(finding: Finding) -> str:
    assert finding.remedy
    return finding.remedy.commands[-1]


def test_an_extension_that_fits_is_silent() -> None:
    assert fired(one()) == []
    for name in CODES:
        passes(name, one())


def test_extension_built_for_other_torch() -> None:
    lost = one(
        missing=("c10::SymInt::promote_to_negative()", "at::f()", "at::g()"), missing_count=9
    )
    finding = fires("extension_built_for_other_torch", lost)
    assert "c10::SymInt::promote_to_negative()" in finding.message
    assert "9 of the 35 symbols detectron2/_C.cpython-311" in finding.message
    assert "7 more" in finding.message
    assert finding.evidence[0].source == FILE
    assert fired(lost) == ["extension_built_for_other_torch"]
    gone = one(lacks=("libtorch_cuda_cpp.so",))
    assert "libtorch_cuda_cpp.so" in fires("extension_built_for_other_torch", gone).message
    passes("extension_built_for_other_torch", one(symbols=40))


def test_missing_symbols_are_not_a_pass_when_torch_could_not_be_read() -> None:
    unread = one(missing=absent("torch/lib holds no libraries of torch"))
    assert "holds no libraries" in skips("extension_built_for_other_torch", unread)


def test_a_broken_torch_is_no_other_torch() -> None:
    lost = one(missing=("at::f()",), missing_count=1)
    broken = change(lost, torch__broken="libtorch_cpu.so is not there")
    not_applicable("extension_built_for_other_torch", broken)


def test_cxx11_abi_mismatch() -> None:
    other = change(
        one(missing=(PARSE,), missing_count=4, missing_by_abi=4, cxx11_abi=False),
        extensions__torch_cxx11_abi=True,
        torch__version="2.13.0",
    )
    finding = fires("cxx11_abi_mismatch", other)
    assert PARSE in finding.message and "before C++11" in finding.message
    assert fired(other) == ["cxx11_abi_mismatch"], "one finding, of the most precise cause"
    passes("cxx11_abi_mismatch", one(cxx11_abi=None))


def test_what_the_abi_does_not_explain_is_another_torch() -> None:
    both = one(missing=(PARSE, "at::f()"), missing_count=5, missing_by_abi=4)
    assert fired(both) == ["extension_built_for_other_torch"]


def test_extension_arch_missing() -> None:
    old = one(sass=("sm_70", "sm_75"))
    finding = fires("extension_arch_missing", old)
    assert "sm_70 sm_75" in finding.message and "H100" in finding.message
    assert finding.subject == "GPU 0" and finding.severity == "error"
    assert "TORCH_CUDA_ARCH_LIST=9.0 FORCE_CUDA=1 " in command(finding)
    assert fired(old) == ["extension_arch_missing"]
    passes("extension_arch_missing", one(sass=("sm_70",), ptx=("compute_90",)))
    not_applicable("extension_arch_missing", one(**CPU))
    not_applicable("extension_arch_missing", change(old, gpus__devices=()))


def test_only_the_gpus_a_process_sees_count() -> None:
    mixed = change(one(sass=("sm_90",)), gpus__devices=(gpu(0), gpu(1, sm="8.0", name="A100")))
    finding = fires("extension_arch_missing", mixed)
    assert finding.subject == "GPU 1" and "TORCH_CUDA_ARCH_LIST='8.0;9.0'" in command(finding)
    passes(
        "extension_arch_missing",
        change(mixed, environment__variables={"CUDA_VISIBLE_DEVICES": "0"}),
    )


def test_a_gpu_that_torch_itself_has_no_code_for_is_told_of_once() -> None:
    blackwell = gpu(1, sm="12.0", name="NVIDIA GeForce RTX 5090")
    machine = change(one(), gpus__devices=(gpu(0), blackwell))
    passes("extension_arch_missing", machine)
    not_applicable("extension_arch_missing", change(machine, gpus__devices=(blackwell,)))
    lost = change(one(missing=("at::f()",), missing_count=1), gpus__devices=(gpu(0), blackwell))
    mend = command(fires("extension_built_for_other_torch", lost))
    assert "TORCH_CUDA_ARCH_LIST=9.0 " in mend, "nvcc of CUDA 12.1 does not know sm_120"


def test_kernels_for_one_architecture_beside_others_are_a_note() -> None:
    hopper = compiled(f"{SITE}/xformers/_C_flashattention3.so", sass=("sm_90a",))
    base = compiled(f"{SITE}/xformers/_C.so", sass=("sm_80",), ptx=("compute_80",))
    machine = change(
        beside(base, hopper, name="xformers"), gpus__devices=(gpu(sm="8.0", name="A100"),)
    )
    assert fires("extension_arch_missing", machine).severity == "note"
    in_part = one(sass=("sm_70",), partial=("sm_90",))
    assert fires("extension_arch_missing", in_part).severity == "note"


def test_of_libraries_that_stand_for_one_another_one_is_enough() -> None:
    folder = f"{SITE}/bitsandbytes/libbitsandbytes"
    files = [
        compiled(f"{folder}_cuda{cuda}.so", links_torch=False, cudart=cuda[:2], sass=(sass,))
        for cuda, sass in (("117", "sm_86"), ("124", "sm_90"))
    ]
    assert fired(beside(*files, name="bitsandbytes")) == []
    assert fired(beside(files[0], name="bitsandbytes")) == ["extension_arch_missing"]


def test_extension_built_without_cuda() -> None:
    finding = fires("extension_built_without_cuda", one(**CPU))
    assert "FORCE_CUDA=1" in command(finding)
    assert "git+https://github.com/facebookresearch/detectron2.git" in command(finding)
    assert fired(one(**CPU)) == ["extension_built_without_cuda"]
    not_applicable(
        "extension_built_without_cuda", beside(compiled(FILE, **CPU), name="sentencepiece")
    )  # it may have none
    not_applicable("extension_built_without_cuda", change(one(**CPU), gpus__devices=()))
    not_applicable("extension_built_without_cuda", change(one(**CPU), torch__cuda=None))


def test_extension_built_for_other_cuda() -> None:
    finding = fires("extension_built_for_other_cuda", one(cudart="11"))
    assert "CUDA 11" in finding.message and "CUDA 12.1" in finding.message
    assert fired(one(cudart="11")) == ["extension_built_for_other_cuda"]
    passes("extension_built_for_other_cuda", one(cudart="static"))
    passes(
        "extension_built_for_other_cuda", beside(compiled(FILE, cudart="11", links_torch=False))
    )  # a runtime of its own


def test_a_cuda_extension_beside_a_cpu_torch() -> None:
    machine = change(
        one(
            missing=("c10::cuda::getCurrentCUDAStream(signed char)",),
            missing_count=1,
            missing_of_cuda=1,
            lacks=("libc10_cuda.so", "libtorch_cuda.so"),
        ),
        torch__cuda=None,
    )
    assert fired(machine) == ["extension_built_for_other_cuda"]
    assert "TORCH_CUDA_ARCH_LIST" not in command(
        fires("extension_built_for_other_cuda", machine)
    ), "a CPU torch cannot build CUDA code"


def test_what_the_checks_of_companions_say_is_not_said_twice() -> None:
    for changes in (CPU, {"cudart": "11"}):
        machine = beside(compiled(f"{SITE}/torchvision/_C.so", **changes), name="torchvision")
        assert fired(machine) == []


def test_torchvision_is_mended_by_its_pair() -> None:
    lost = compiled(f"{SITE}/torchvision/_C.so", missing=("at::f()",), missing_count=1)
    finding = fires("extension_built_for_other_torch", beside(lost, name="torchvision"))
    assert "torchvision==0.19.0" in command(finding) and "/cu121" in command(finding)


@pytest.mark.parametrize(
    ("fields", "end"),
    [
        (
            {"name": "flash-attn", "version": "2.6.3+cu121"},
            "--no-binary flash-attn flash-attn==2.6.3",
        ),
        (
            {"origin": "/src/my ext", "editable": True},
            "--no-build-isolation --use-pep517 -e '/src/my ext'",
        ),
        ({"origin": "git+https://x.org/a@b"}, "--no-build-isolation git+https://x.org/a@b"),
        ({"name": "mine", "version": NOT_ASKED}, "--no-binary mine mine"),
    ],
)
def test_it_is_compiled_again_from_where_it_came(fields: dict[str, Any], end: str) -> None:
    lost = compiled(FILE, missing=("at::f()",), missing_count=1)
    finding = fires("extension_built_for_other_torch", beside(lost, **fields))
    assert command(finding).endswith(end)
    assert finding.remedy and "nvcc of CUDA 12.1" in finding.remedy.text


def test_commands_suit_what_manages_the_environment() -> None:
    lost = beside(compiled(FILE, missing=("at::f()",), missing_count=1))
    assert isinstance(lost.python, PythonEnv) and isinstance(lost.python.distributions, tuple)
    before = lost.python.distributions
    remedy = fires("extension_built_for_other_torch", lost).remedy
    assert remedy
    tools, build = remedy.commands
    assert tools == "/venv/bin/python -m pip install wheel"  # setuptools is there
    assert build.startswith("TORCH_CUDA_ARCH_LIST=9.0 FORCE_CUDA=1 /venv/bin/python -m pip install")

    def installed_by(installer: str) -> str:
        mine = Distribution("detectron2", "0.6", "", installer)
        dists = (*before, Distribution("wheel", "0.45", "", "pip"), mine)
        machine = change(lost, python__distributions=dists)
        return command(fires("extension_built_for_other_torch", machine))

    assert "uv pip install --python /venv/bin/python " in installed_by("uv")
    assert installed_by("conda").startswith("conda install -p /venv ")


def test_the_effects_of_a_mend_cure_the_finding() -> None:
    machine = one(sass=("sm_70",))
    finding = fires("extension_arch_missing", machine)
    assert finding.remedy
    for effect in finding.remedy.effects:
        machine = change(machine, **{effect.path.replace(".", "__"): effect.value})
    assert fired(machine) == []
