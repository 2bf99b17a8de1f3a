"""Which build to install where: a truth table of known cases, and what holds for every request."""

import re
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envcheck.kb import load, order
from envcheck.kb.builds import Platform
from envcheck.resolve.advice import exclusions, remedies
from envcheck.resolve.install import Install, install
from envcheck.resolve.judge import Judged, best, judge
from envcheck.resolve.request import Card, Machine, Request

KB = load()
Versions = tuple[int, ...]


def card(name: str) -> Card:
    gpu = KB.gpu_by_name(name).gpu
    assert gpu, name
    return Card(gpu.name, gpu.sm)


def request(
    *gpus: str,
    driver: str | None = None,
    python: str | None = None,
    glibc: str | None = None,
    platform: Platform = "linux-x86_64",
    torch: str | None = None,
    cuda: str | None = None,
    wsl: bool = False,
) -> Request:
    machine = Machine(
        gpus=tuple(map(card, gpus)), driver=driver, python=python, glibc=glibc, platform=platform
    )
    return Request(machine=machine, torch=torch, cuda=cuda, wsl=wsl)


def chosen(asked: Request) -> Judged:
    found = best(judge(asked, KB))
    assert found, asked
    return found


def commands(asked: Request) -> Install:
    return install(chosen(asked), asked, KB)


@pytest.mark.parametrize(
    ("asked", "torch", "cuda", "how"),
    [
        # Volta and Pascal with their last driver: never CUDA 13, although the driver serves it.
        (request("V100", driver="580.65.06"), "2.14.1", "12.6", "native"),
        (request("GTX 1080 Ti", driver="580.95.05"), "2.14.1", "12.6", "binary"),
        (request("GTX 1080 Ti"), "2.14.1", "12.6", "binary"),
        (request("H100", driver="535.104.05", python="3.9"), "2.8.0", "12.8", "native"),
        # CUDA 12.9 would run too, but 12.8 is the driver's own and PyPI's.
        (request("RTX 5090", driver="570.86.10"), "2.11.0", "12.8", "native"),
        (request("RTX 4090", driver="550.54.15", torch="==2.5.*"), "2.5.1", "12.4", "binary"),
        (request("K80", driver="470.82.01"), "2.7.1", "11.8", "native"),
        # Turing in WSL: driver numbers are those of Windows.
        (request("RTX 2080", driver="528.49", wsl=True, python="3.10"), "2.14.1", "12.6", "native"),
        # Minor-version compatibility of 13.2 would do; 13.0 is this driver's own.
        (request("H100", driver="580.65.06", python="3.12"), "2.15.0", "13.0", "native"),
        (request("Jetson AGX Thor", platform="linux-aarch64"), "2.15.0", "13.0", "native"),
        (request("GTX 1080 Ti", "RTX 4090", driver="580.65.06"), "2.14.1", "12.6", "binary"),
    ],
)
def test_best_build(asked: Request, torch: str, cuda: str, how: str) -> None:
    found = chosen(asked)
    assert (found.build.torch, found.cuda, found.how) == (torch, cuda, how)


def running(asked: Request) -> set[tuple[str, str]]:
    return {(one.build.torch, one.cuda) for one in judge(asked, KB) if one.verdict == "runs"}


def test_blackwell_needs_torch_2_7_and_cuda_12_8() -> None:
    assert min(order(torch) for torch, _ in running(request("RTX 5090"))) == (2, 7)
    assert min(order(cuda) for _, cuda in running(request("RTX 5090"))) == (12, 8)


def test_hopper_needs_torch_2_0_and_cuda_11_8() -> None:
    assert ("2.0.0", "11.8") in running(request("H100"))
    assert min(order(torch) for torch, _ in running(request("H100"))) == (2,)


def test_volta_is_in_cuda_12_8_of_2_8_to_2_10_only_and_in_no_cuda_13() -> None:
    builds = running(request("V100"))
    assert {torch for torch, cuda in builds if cuda == "12.8"} >= {"2.8.0", "2.9.1", "2.10.0"}
    assert not {torch for torch, cuda in builds if cuda == "12.8" and order(torch) >= (2, 11)}
    assert not {cuda for _, cuda in builds if order(cuda) >= (13,)}


def test_windows_wheels_have_other_architectures() -> None:
    assert ("2.8.0", "12.8") not in running(request("V100", platform="windows-x86_64"))


@pytest.mark.parametrize("python", ["3.9", "3.13t", "3.15"])
def test_only_wheels_for_this_python(python: str) -> None:
    for one in judge(request("A100", python=python), KB):
        assert (one.verdict == "runs") <= (python in one.build.python)


def test_old_glibc_excludes_newer_wheels() -> None:
    assert order(chosen(request("A100", glibc="2.17")).build.torch) < (2, 7)


def test_all_of_a_mixed_box_must_run_and_the_reason_names_the_one_that_does_not() -> None:
    judged = judge(request("GTX 1080 Ti", "RTX 5090"), KB)
    assert best(judged) is None
    newest = next(one for one in judged if (one.build.torch, one.cuda) == ("2.15.0", "13.0"))
    assert "GTX 1080 Ti" in newest.reasons[0] and "other GPUs" in newest.reasons[-1]
    assert newest.verdict == "no" and newest.excluded == {"gpu"}


def test_ptx_alone_is_not_called_running() -> None:
    asked = request("RTX 5090", platform="windows-x86_64", torch="==2.0.0", cuda="11.8")
    (one,) = judge(asked, KB)
    assert (one.verdict, one.how) == ("unknown", "ptx") and "compute_37" in one.reasons[0]


def test_a_driver_that_has_dropped_the_gpu_excludes_every_build() -> None:
    judged = judge(request("V100", driver="595.10.01"), KB)
    assert all("driver" in one.excluded for one in judged)
    assert "driver branch 580" in " ".join(judged[0].reasons)


def test_a_side_library_without_the_architecture_is_a_reason_and_no_refusal() -> None:
    notes = {
        one.build.torch: " ".join(one.reasons)
        for one in judge(request("T4", driver="580.65.06"), KB)
        if one.verdict == "runs" and one.cuda == "13.0"
    }
    assert "linalg" in notes["2.14.1"] and "linalg" not in notes["2.15.0"]


def test_without_a_gpu_nothing_is_called_running() -> None:
    judged = judge(request(driver="535.104.05"), KB)
    assert {one.verdict for one in judged} == {"unknown", "no"}
    assert judged[0].verdict == "unknown"


def test_what_the_driver_of_a_jetson_serves_is_not_guessed() -> None:
    judged = judge(request("Jetson AGX Orin", driver="540.4.0", platform="linux-aarch64"), KB)
    assert best(judged) is None and judged[0].verdict == "unknown"


@pytest.mark.parametrize(
    ("asked", "pip"),
    [
        # What PyPI brings anyway comes from the configured index …
        (
            request("H100", torch="==2.4.0"),
            "pip install torch==2.4.0 torchvision==0.19.0 torchaudio==2.4.0",
        ),
        # … other variants from the vendor's, with what keeps NumPy 2 away from torch < 2.3.
        (
            request("V100", torch="==2.2.2", cuda="11.8"),
            'pip install torch==2.2.2 torchvision==0.17.2 torchaudio==2.2.2 "numpy<2"'
            " --index-url https://download.pytorch.org/whl/cu118",
        ),
        (
            request("V100", torch="==1.13.1", cuda="11.6"),
            "pip install torch==1.13.1+cu116 torchvision==0.14.1+cu116 torchaudio==0.13.1"
            ' "numpy<2" --extra-index-url https://download.pytorch.org/whl/cu116',
        ),
        # Windows wheels on PyPI are for the CPU.
        (
            request("RTX 4090", torch="==2.4.0", cuda="12.1", platform="windows-x86_64"),
            'pip install torch==2.4.0 torchvision==0.19.0 torchaudio==2.4.0 "numpy<2"'
            " --index-url https://download.pytorch.org/whl/cu121",
        ),
        # torchaudio ended with 2.11: no later CUDA has it.
        (
            request("H100", torch="==2.15.0", cuda="13.2"),
            "pip install torch==2.15.0 torchvision==0.29.2",
        ),
        (
            request("H100", torch="==2.15.0", cuda="13.0"),
            "pip install torch==2.15.0 torchvision==0.29.2 torchaudio==2.11.0"
            " --index-url https://download.pytorch.org/whl/cu130",
        ),
    ],
)
def test_the_exact_command(asked: Request, pip: str) -> None:
    found = commands(asked)
    assert found.pip == pip and found.uv == f"uv {pip}"


@pytest.mark.parametrize(
    ("asked", "conda"),
    [
        # Up to 2.5 the pytorch channel has the very build.
        (
            request("H100", torch="==2.4.0", cuda="12.1"),
            "conda install pytorch==2.4.0 torchvision==0.19.0 torchaudio==2.4.0 pytorch-cuda=12.1"
            ' "mkl<2024.1" -c pytorch -c nvidia',
        ),
        # Later conda-forge's own, of the same CUDA or the nearest of its major version.
        (
            request("RTX 5090", torch="==2.7.1", cuda="12.8"),
            'conda install "pytorch=2.7.1=cuda129*" torchvision=0.22.1 -c conda-forge',
        ),
        (
            request("V100", torch="==2.7.1", cuda="12.6"),
            'conda install "pytorch=2.7.1=cuda126*" torchvision=0.22.0 torchaudio=2.7.1'
            " -c conda-forge",
        ),
        (request("H100", torch="==2.8.0", python="3.9"), None),  # not for this Python
        (request("H100", torch="==2.14.1", cuda="12.6"), None),  # not there yet
        (request("K80", torch="==2.7.1", cuda="11.8"), None),  # conda-forge had no CUDA 11 then
    ],
)
def test_the_conda_command(asked: Request, conda: str | None) -> None:
    assert commands(asked).conda == conda


def test_the_guard_of_a_package_beside_torch() -> None:
    asked = request("H100")
    assert '"setuptools<82"' in install(chosen(asked), asked, KB, ("detectron2",)).pip
    assert "setuptools" not in install(chosen(asked), asked, KB).pip


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (request("H100", driver="450.80.02"), ["driver 520 or newer"]),
        (request("RTX 5090", driver="550.54.14"), ["driver 570 or newer"]),
        (
            request("H100", driver="535.104.05", python="3.15"),
            ["driver 580.65.06 or newer", "Python 3.14:", "cuda-compat-13-"],
        ),
        (request("RTX 4090", driver="535.104.05", cuda="13.0"), ["driver 580", "another CUDA"]),
        (request("V100", driver="595.10"), ["driver branch 580, the last"]),
        (request("K80", driver="535.54.03"), ["driver branch 470, the last"]),
        (request("H100", python="2.7"), ["Python 3.8:"]),
        (request("A100", glibc="2.17", torch=">=2.8"), ["glibc 2.28 or newer", "another torch"]),
        (request("RTX 5090", torch="==2.6.0"), ["another torch release"]),
        (request("GTX 1080 Ti", "RTX 5090"), ["without the NVIDIA GeForce GTX 1080 Ti", "5090"]),
        (request("Jetson TX2", platform="linux-aarch64"), ["JetPack"]),
    ],
)
def test_the_smallest_change_that_would_help(asked: Request, words: list[str]) -> None:
    assert best(judge(asked, KB)) is None
    found = remedies(asked, KB)
    for word in words:
        assert any(word in remedy for remedy in found), found


def test_forward_compatibility_is_offered_on_data_centre_cards_only() -> None:
    for name, offered in (("H100", True), ("RTX 4090", False)):
        found = remedies(request(name, driver="535.104.05", cuda="13.0"), KB)
        assert any("cuda-compat-13-0" in remedy for remedy in found) is offered


def test_what_helps_does_help() -> None:
    asked = request("RTX 5090", driver="550.54.14")
    assert "torch 2.11.0 for CUDA 12.8" in remedies(asked, KB)[0]
    mended = chosen(request("RTX 5090", driver="570.0", cuda="12.8"))
    assert mended.build.torch == "2.11.0"


def test_no_change_helps_a_gpu_that_is_too_old() -> None:
    assert remedies(request("GTX 680"), KB) == ()


def test_each_constraint_says_how_much_it_excludes() -> None:
    asked = request("H100", driver="450.80.02", torch="==2.4.0")
    assert exclusions(judge(asked, KB), asked) == (
        "driver 450.80.02 excludes 3 of the 3 builds of torch ==2.4.0",
    )


requests = st.builds(
    lambda gpus, torch, cuda, wsl, **machine: Request(
        machine=Machine(gpus=tuple(map(card, gpus)), **machine), torch=torch, cuda=cuda, wsl=wsl
    ),
    gpus=st.lists(
        st.sampled_from(["H100", "V100", "RTX 5090", "GTX 1080 Ti", "K80", "GTX 680", "T4"]),
        max_size=3,
    ),
    driver=st.sampled_from([None, "1", "470.82.01", "535.104.05", "570.86.10", "595.10", "999"]),
    python=st.sampled_from([None, "2.7", "3.6", "3.9", "3.11", "3.13t", "3.15", "3.99"]),
    glibc=st.sampled_from([None, "2.17", "2.28", "2.41"]),
    platform=st.sampled_from(["linux-x86_64", "linux-aarch64", "windows-x86_64"]),
    torch=st.sampled_from([None, "==2.4.*", "<2", ">=2.12", "==9"]),
    cuda=st.sampled_from([None, "11.8", "12.8", "13.0", "99.9"]),
    wsl=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(requests)
def test_of_every_request(asked: Request) -> None:
    judged = judge(asked, KB)
    ranks = [("runs", "unknown", "no").index(one.verdict) for one in judged]
    assert ranks == sorted(ranks)
    found = best(judged)
    assert found is None or (found in judged and found.verdict == "runs" and not found.excluded)
    for one in judged:
        assert one.reasons and all("\n" not in reason for reason in one.reasons)
        assert (one.verdict == "no") == bool(one.excluded)
    for one in judged[:2]:
        made = install(one, asked, KB, ("detectron2",))
        for program, command in (("pip", made.pip), ("uv", made.uv), ("conda", made.conda)):
            words = shlex.split(command or program)
            assert words[0] == program
            assert command is None or f"{one.build.torch}" in command
        pins = [word for word in shlex.split(made.pip) if "==" in word]
        assert all(re.fullmatch(r"[a-z]+==[\d.]+(\+cu\d+)?", pin) for pin in pins)
    if found is None:
        for remedy in remedies(asked, KB):
            assert remedy and "None" not in remedy


def test_no_driver_supports_kepler_and_hopper_together() -> None:
    asked = request("K80", "H100")
    assert best(judge(asked, KB)) is None
    assert all("without the" in remedy for remedy in remedies(asked, KB))
