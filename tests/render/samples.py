"""Reports to print: one with everything a report can hold, one without a problem, one in doubt."""

import datetime

import msgspec

from envcheck.facts import Snapshot, Why
from envcheck.finding import ERROR, NOTE, WARNING, Evidence, Finding, Remedy
from envcheck.report import Crashed, Ignored, Ran, Report, Skipped
from tests.rules.machine import change, gpu, healthy

SHOWN = ("host", "container", "driver", "gpus", "cuda", "python", "torch")
MACHINE = change(
    Snapshot(taken="2026-11-21T10:00:00Z", **{name: getattr(healthy(), name) for name in SHOWN}),
    gpus__devices=tuple(gpu(i, sm="7.0", name="Tesla V100-SXM2-16GB") for i in range(4)),
)
CUDA = "https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html"

TOO_OLD = Finding(
    code="DRV002",
    name="driver_too_old",
    title="The NVIDIA driver is older than this torch build's CUDA needs.",
    severity=ERROR,
    subject="driver",
    message="Driver 450.80.02 serves CUDA 11.0, torch 2.4.0+cu121 needs a driver >= 525.60.13.",
    evidence=(
        Evidence("driver.version", "450.80.02", "/proc/driver/nvidia/version"),
        Evidence("torch.cuda", "12.1", "/venv/lib/python3.11/site-packages/torch/version.py"),
        Evidence("gpu0.sm", "7.0", "NVML"),
    ),
    remedy=Remedy(
        "Install a newer driver, see https://docs.nvidia.com/datacenter/tesla/, and start anew.",
        ("sudo apt-get install --yes cuda-drivers-580", "sudo reboot"),
        "reboot",
    ),
    links=(CUDA, "https://www.nvidia.com/drivers/"),
)
UNMET = Finding(
    code="POL001",
    name="requirement_unmet",
    title="The machine does not meet a requirement of the policy.",
    severity=WARNING,
    subject="gpu.count",
    message="The policy requires gpu.count >= 8, here are 4: 50% are missing.",
    evidence=(Evidence("gpu.count >= 8", "4", "ci/envcheck.toml:5"),),
)
IDLE = Finding(
    code="GPU020",
    name="persistence_off",
    severity=NOTE,
    subject="GPU 0-3",
    message="Persistence mode is off | the first start takes seconds.",
    remedy=Remedy("Start the persistence daemon."),
)
SHM = Finding(
    code="HST004",
    name="shm_too_small",
    title="Shared memory is too small for data loaders.",
    severity=WARNING,
    subject="host",
    message="/dev/shm holds 64 MiB.",
    evidence=(Evidence("host.shm_bytes", "67108864", "/dev/shm"),),
)

FULL = Report(
    tool="envcheck 9.8.7",
    verdict="unfit",
    exit_code=1,
    findings=(TOO_OLD, UNMET, IDLE),
    ignored=(Ignored(SHM, "one loader only", datetime.date(2026, 12, 31), "ci/envcheck.toml:12"),),
    passed=(Ran("TCH001", "torch_missing"), Ran("TCH003", "arch_not_in_build")),
    skipped=(
        Skipped("EXT001", "extension_arch_missing", "extensions no permission", Why.BLOCKED),
        Skipped(
            "EXT002", "extension_built_for_other_torch", "extensions no permission", Why.BLOCKED
        ),
        Skipped("GPU003", "gpu_memory_wrong", "GPU 1 memory_bytes not told", Why.ABSENT),
    ),
    not_applicable=(Ran("WSL001", "wsl_gpu_count_limit"),),
    crashed=(Crashed("PIN001", "torch_pins_violated", "ValueError: no version"),),
    durations={"driver": 0.012, "total": 0.3456},
    snapshot=MACHINE,
)
FIT = msgspec.structs.replace(
    FULL, verdict="fit", exit_code=0, findings=(), ignored=(), skipped=(), crashed=()
)
UNSURE = msgspec.structs.replace(
    FULL, verdict="unknown", exit_code=3, findings=(), ignored=(), crashed=()
)
SAMPLES = {"full": FULL, "fit": FIT, "unsure": UNSURE}
