"""Pasted reports → facts, and what the rules make of them."""

from typing import Any

import pytest

from envcheck.facts import Missing, Snapshot, Why
from envcheck.finding import WARNING
from envcheck.judge import judge
from envcheck.kb import load
from envcheck.readers.report import read_report
from envcheck.report import Report
from envcheck.rules import RULES
from tests.readers import texts


def read(text: str) -> Snapshot:
    snapshot = read_report(text, load())
    assert snapshot is not None
    return snapshot


def judged(text: str) -> Report:
    report = judge(read(text), load(), RULES)
    assert not report.crashed
    return report


def names(text: str) -> set[str]:
    return {finding.name for finding in judged(text).at_least(WARNING)}


def value(snapshot: Snapshot, path: str) -> Any:
    fact, _, field = path.partition(".")
    return getattr(snapshot.fact(fact), field)


def gpus(snapshot: Snapshot) -> list[tuple[int, Any, Any]]:
    assert not isinstance(snapshot.gpus, Missing)
    return [(gpu.index, gpu.name, gpu.sm) for gpu in snapshot.gpus.known_devices()]


EXPECTED: dict[str, dict[str, Any]] = {
    "collect_env": {
        "torch.version": "2.4.0+cu121",
        "torch.cuda": "12.1",
        "torch.installer": "pip",
        "driver.version": "535.183.01",
        "cuda.nvcc_version": "12.1",
        "host.os_id": "ubuntu",
        "host.os_version": "22.04",
        "host.kernel": "6.5.0-1020-aws",
        "host.glibc": "2.35",
        "host.arch": "x86_64",
        "python.version": "3.11.9",
        "container.wsl": 0,
        "symptoms.cuda_available": True,
    },
    "old": {
        "torch.version": "1.6.0",
        "torch.cuda": "10.2",
        "driver.version": "418.67",
        "host.os_id": "centos",
        "python.version": "3.7",
        "symptoms.cuda_available": False,
    },
    "vllm": {
        "torch.version": "2.8.0+cu128",
        "driver.version": "570.86.10",
        "host.os_version": "24.04",
        "environment.variables": {"LD_LIBRARY_PATH": "/usr/local/cuda/lib64"},
    },
    "rocm": {"torch.cuda": None, "torch.hip": "6.2.41134-65d174c3e"},
    "xpu": {"torch.cuda": None, "torch.xpu": "20250101"},
    "cpu_build_with_gpu": {"torch.cuda": None, "python.manager": "conda"},
    "cpu_build_alone": {"torch.cuda": None, "gpus.devices": ()},
    "detectron2": {
        "torch.version": "1.10.1+cu113",
        "torch.cuda": "11.3",
        "cuda.home": "/usr/local/cuda",
        "driver.version": "470.82.01",
        "symptoms.cuda_available": True,
    },
    "smi_old": {"driver.version": "440.33.01", "driver.cuda": "10.2", "driver.nvml": "ok"},
    "smi_new": {"driver.version": "610.43.02", "driver.cuda": "13.3"},
    "smi_q": {"driver.version": "570.124.06", "driver.cuda": "12.8"},
    "smi_csv": {"driver.version": "550.54.15"},
    "pip_list": {"torch.version": "2.2.1+cu121", "torch.cuda": "12.1"},
    "conda_list": {"torch.version": "1.12.1", "torch.cuda": None, "torch.installer": "conda"},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_facts_of_a_report(name: str) -> None:
    snapshot = read(texts.REPORTS[name])
    assert {path: value(snapshot, path) for path in EXPECTED[name]} == EXPECTED[name]
    assert snapshot.origin == "report"


GPUS = {
    "collect_env": [(0, "NVIDIA A100-SXM4-40GB", "8.0"), (1, "NVIDIA A100-SXM4-40GB", "8.0")],
    "vllm": [(0, "NVIDIA L40S", "8.9")],
    "detectron2": [(0, "Tesla V100-SXM2-32GB", "7.0"), (1, "Tesla V100-SXM2-32GB", "7.0")],
    "smi_old": [(0, "Tesla T4", "7.5")],
    "smi_new": [(0, "NVIDIA H100 80GB HBM3", "9.0"), (1, "NVIDIA GeForce RTX 5070 ...", "12.0")],
    "smi_q": [(0, "NVIDIA A30", "8.0")],
    "smi_l": [(0, "NVIDIA A100 80GB PCIe", "8.0"), (1, "NVIDIA A100 80GB PCIe", "8.0")],
    "smi_csv": [(0, "NVIDIA L4", "8.9"), (1, "NVIDIA L4", "8.9")],
}


@pytest.mark.parametrize("name", GPUS)
def test_gpus_of_a_report(name: str) -> None:
    assert gpus(read(texts.REPORTS[name])) == GPUS[name]


def test_the_long_form_tells_the_health_of_a_gpu() -> None:
    snapshot = read(texts.SMI_Q)
    assert not isinstance(snapshot.gpus, Missing)
    gpu = snapshot.gpus.known_devices()[0]
    assert (gpu.mig_enabled, gpu.row_remap_pending, gpu.row_remap_failed) == (True, True, False)
    assert (gpu.memory_bytes, gpu.pci_id) == (24576 << 20, "10de:20b7")
    assert "row_remap_pending" in names(texts.SMI_Q)


def test_gpu_code_comes_from_the_knowledge_base_and_says_so() -> None:
    snapshot = read(texts.COLLECT_ENV)
    assert "sm_80" in value(snapshot, "torch.sass")
    torch = snapshot.torch
    assert not isinstance(torch, Missing) and "knowledge base" in torch.source("sass")


def test_what_the_text_does_not_say_was_not_asked() -> None:
    snapshot = read(texts.SMI_L)
    for name in ("torch", "host", "python", "loader", "extensions"):
        missing = snapshot.fact(name)
        assert isinstance(missing, Missing) and missing.why is Why.NOT_ASKED
    torch = read(texts.NO_TORCH).torch
    assert isinstance(torch, Missing) and torch.why is Why.ABSENT


FOUND = {
    "old": {"driver_too_old"},
    "no_torch": {"torch_missing"},
    "cpu_build_with_gpu": {"cpu_only_build"},
    "detectron2": {"extension_arch_missing"},
    "pip_list": {"numpy2_with_torch_built_for_numpy1"},
    "conda_list": {"conda_solver_picked_cpu"},
    "smi_q": {"row_remap_pending"},
}


@pytest.mark.parametrize("name", texts.REPORTS)
def test_findings_of_a_report(name: str) -> None:
    found = names(texts.REPORTS[name])
    expected: set[str] = FOUND.get(name, set())
    assert found - {"mig_without_instance"} == expected


def reshaped(text: str) -> dict[str, str]:
    """The same report as people paste it."""
    quoted = "".join(f"> {line}\n" for line in text.splitlines())
    return {
        "crlf": text.replace("\n", "\r\n"),
        "quoted": quoted,
        "quoted twice": "".join(f"> > {line}\n" for line in text.splitlines()),
        "fenced": f"### Environment\n```text\n{text}```\nIt does not work, please help.\n",
        "coloured": text.replace("PyTorch", "\x1b[1;31mPyTorch\x1b[0m"),
        "indented": "".join(f"    {line}\n" for line in text.splitlines()),
        "one line": " ".join(text.split("\n")),
        "entities": text.replace('"', "&quot;").replace(" ", "\xa0"),
        "prompt": f"(venv) me@host:~$ python collect_env.py\n{text}(venv) me@host:~$ \n",
    }


@pytest.mark.parametrize("shape", reshaped(""))
@pytest.mark.parametrize("name", ["collect_env", "old", "cpu_build_with_gpu", "vllm"])
def test_a_report_reads_the_same_however_it_was_pasted(name: str, shape: str) -> None:
    text = texts.REPORTS[name]
    again = read(reshaped(text)[shape])
    snapshot = read(text)
    for path in ("torch.version", "torch.cuda", "driver.version", "symptoms.cuda_available"):
        assert value(again, path) == value(snapshot, path), path
    assert gpus(again) == gpus(snapshot)
    assert names(reshaped(text)[shape]) == names(text)


@pytest.mark.parametrize("name", ["collect_env", "vllm", "rocm", "cpu_build_alone", "smi_new"])
def test_a_healthy_report_cut_anywhere_stays_healthy(name: str) -> None:
    text = texts.REPORTS[name]
    for end in range(0, len(text), 7):
        snapshot = read_report(text[:end], load())
        if snapshot is not None:
            report = judge(snapshot, load(), RULES)
            assert not report.crashed and not report.at_least(WARNING), text[:end][-200:]


def test_several_reports_in_one_paste_are_put_together() -> None:
    nvcc = "nvcc: NVIDIA (R) Cuda compiler driver\nCuda compilation tools, release 12.6, V12.6.20\n"
    snapshot = read(texts.SMI_NEW + texts.PIP_LIST + nvcc)
    assert value(snapshot, "driver.version") == "610.43.02"
    assert value(snapshot, "torch.version") == "2.2.1+cu121"
    assert value(snapshot, "cuda.nvcc_version") == "12.6"
    both = read(texts.SMI_CSV.replace("550.54.15", "535.183.01") + texts.COLLECT_ENV)
    assert not isinstance(both.gpus, Missing)
    first = both.gpus.known_devices()[0]
    assert (first.name, first.memory_bytes) == ("NVIDIA A100-SXM4-40GB", 23034 << 20)


def test_torch_in_pip_and_conda_is_one_torch() -> None:
    line = "[conda] pytorch    2.4.0    py3.11_cuda12.1_cudnn9.1.0_0    pytorch\n"
    text = texts.COLLECT_ENV.replace("[conda] Could not collect\n", line)
    assert names(text) == set()
    assert "mixed_pip_conda" in names(text.replace("pytorch    2.4.0", "pytorch    2.1.0"))


def test_cuda_that_works_refutes_an_old_driver() -> None:
    newer = texts.COLLECT_ENV.replace("2.4.0+cu121", "2.9.0+cu130").replace("12.1", "13.0")
    newer = newer.replace("0.19.0+cu121", "0.24.0+cu130")
    assert "driver_too_old" not in names(newer)
    assert "driver_too_old" in names(newer.replace("available: True", "available: False"))


def test_a_text_without_a_report_gives_none() -> None:
    for text in ("hello", "¿Qué tal? 你好。", "Package: foo\nVersion: 2", "{}", "CPU: 8\nOS: x"):
        assert read_report(text, load()) is None
