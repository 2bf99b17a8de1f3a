"""Which GPU a text means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck.kb import load


@pytest.mark.parametrize(
    ("text", "sm", "kind"),
    [
        ("NVIDIA H100 80GB HBM3", "9.0", "datacenter"),
        ("h100", "9.0", "datacenter"),
        ("NVIDIA H200", "9.0", "datacenter"),
        ("Tesla V100-SXM2-16GB", "7.0", "datacenter"),
        ("v100", "7.0", "datacenter"),
        ("NVIDIA A100-SXM4-80GB MIG 1g.10gb", "8.0", "datacenter"),
        ("GRID T4-8Q", "7.5", "datacenter"),
        ("NVIDIA L40S", "8.9", "datacenter"),
        ("B200", "10.0", "datacenter"),
        ("B300", "10.3", "datacenter"),
        ("K80", "3.7", "datacenter"),
        ("GeForce RTX 4090 Laptop GPU", "8.9", "laptop"),
        ("RTX 3060 Mobile", "8.6", "laptop"),
        ("GTX 1660 Ti with Max-Q Design", "7.5", "laptop"),
        ("RTX 5090", "12.0", "geforce"),
        ("4090", "8.9", "geforce"),
        ("RTX4090", "8.9", "geforce"),
        ("gtx 1080ti", "6.1", "geforce"),
        ("NVIDIA GeForce RTX 4090 24GB", "8.9", "geforce"),
        ("TITAN Xp", "6.1", "geforce"),
        ("NVIDIA RTX 6000 Ada Generation", "8.9", "workstation"),
        ("Quadro RTX 6000", "7.5", "workstation"),
        ("RTX A6000", "8.6", "workstation"),
        ("NVIDIA RTX 4000 Ada Gener...", "8.9", "workstation"),
        ("DGX Spark", "12.1", "workstation"),
        ("Orin", "8.7", "jetson"),
        ("Jetson Nano", "5.3", "jetson"),
        ("Jetson Orin Nano 8GB", "8.7", "jetson"),
        ("Thor", "11.0", "jetson"),
    ],
)
def test_texts_people_write(text: str, sm: str, kind: str) -> None:
    match = load().gpu_by_name(text)
    assert match.gpu is not None, match.suggestions
    assert (match.gpu.sm, match.gpu.class_) == (sm, kind)


def test_less_says_more_than_a_variant() -> None:
    gpu = load().gpu_by_name("4090").gpu
    assert gpu is not None
    assert gpu.name == "NVIDIA GeForce RTX 4090"


@pytest.mark.parametrize(
    ("text", "among"),
    [
        ("RTX 6000", {"Quadro RTX 6000", "NVIDIA RTX 6000 Ada Generation"}),
        ("RTX 4000", {"Quadro RTX 4000", "NVIDIA RTX 4000 Ada Generation"}),
        ("NVIDIA RTX...", {"NVIDIA RTX A400", "NVIDIA RTX 6000D"}),
        ("titan x", {"NVIDIA TITAN X Pascal", "NVIDIA GeForce GTX TITAN X"}),
    ],
)
def test_names_of_unlike_gpus_are_asked_back(text: str, among: set[str]) -> None:
    match = load().gpu_by_name(text)
    assert (match.how, match.gpu) == ("ambiguous", None)
    assert among <= set(match.suggestions)


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("RTX 4090 Ti", "NVIDIA GeForce RTX 4090"),
        ("RTX 5080 SUPER", "NVIDIA GeForce RTX 5080"),
        ("H10", "NVIDIA H100"),
        ("GTX 1081 Ti", "NVIDIA GeForce GTX 1080 Ti"),
    ],
)
def test_unknown_names_get_suggestions(text: str, suggestion: str) -> None:
    match = load().gpu_by_name(text)
    assert (match.how, match.gpu) == ("unknown", None)
    assert suggestion in match.suggestions


@pytest.mark.parametrize(
    "text", ["", "GeForce", "NVIDIA", "Radeon RX 7900 XTX", "llvmpipe", "Radeon...", "..."]
)
def test_what_names_no_gpu(text: str) -> None:
    assert load().gpu_by_name(text).gpu is None


@given(st.text(max_size=40))
def test_any_text_has_an_answer(text: str) -> None:
    match = load().gpu_by_name(text)
    assert (match.gpu is None) == (match.how in ("ambiguous", "unknown"))


@pytest.mark.parametrize(
    ("text", "chip", "sm"),
    [
        ("10de:2330", "GH100", "9.0"),
        ("10DE:1DB1", "GV100", "7.0"),
        ("0x268410de", "AD102", "8.9"),
        ("2b85", "GB202", "12.0"),
        ("0x10de:0x1b06", "GP102", "6.1"),
        ("0x102d", "GK210", "3.7"),
    ],
)
def test_pci_ids(text: str, chip: str, sm: str) -> None:
    found = load().gpu_by_pci_id(text)
    assert found is not None
    assert (found.chip, found.sm) == (chip, sm)


@pytest.mark.parametrize(
    "text", ["1002:744c", "10de:ffff", "10de:22a3", "", "10de:", "23300", "H100"]
)
def test_ids_that_are_no_gpu_known_here(text: str) -> None:
    assert load().gpu_by_pci_id(text) is None


def test_video_engines_are_known_where_there_are_none() -> None:
    kb = load()
    for name, engines in (("A100", 0), ("H100", 0), ("RTX 4090", None)):
        gpu = kb.gpu_by_name(name).gpu
        assert gpu is not None
        assert gpu.nvenc == engines


def test_kernel_modules() -> None:
    kb = load()
    expected = {
        "V100": "unsupported",
        "T4": "supported",
        "H100": "supported",
        "GH200": "required",
        "RTX 5090": "required",
    }
    for name, modules in expected.items():
        gpu = kb.gpu_by_name(name).gpu
        assert gpu is not None
        assert gpu.open_modules == modules
