"""A healthy machine for rule tests, and changes to it by path: near misses are one step away."""

from typing import Any

from envcheck.facts import (
    NOT_ASKED,
    CodeLibrary,
    Companion,
    CompiledFile,
    Compiler,
    Container,
    Cuda,
    DeviceNode,
    Disk,
    Distribution,
    Driver,
    Environment,
    Extensions,
    Ffmpeg,
    FfmpegBuild,
    Gpu,
    Gpus,
    Host,
    Library,
    Loader,
    Pin,
    PythonEnv,
    Snapshot,
    Toolkit,
    TorchBuild,
    absent,
)
from envcheck.facts.paths import replace
from envcheck.finding import Finding
from envcheck.judge import judge
from envcheck.kb import load
from envcheck.report import Report
from envcheck.rules import RULES, find
from tests.rules.configs import training
from tests.rules.datasets import dataset
from tests.rules.plans import plan
from tests.rules.proofs import proofs

GIB = 1 << 30


def gpu(index: int = 0, **changes: Any) -> Gpu:
    """A healthy H100, with changes."""
    fields: dict[str, Any] = {
        "name": "NVIDIA H100 80GB HBM3",
        "uuid": f"GPU-0000000{index}-1111-2222-3333-444444444444",
        "pci_address": f"0000:{index + 0x18:02x}:00.0",
        "pci_id": "10de:2330",
        "sm": "9.0",
        "memory_bytes": 80 * GIB,
        "memory_used_bytes": 0,
        "lost": None,
        "hung": None,
        "mig_enabled": False,
        "mig_instances": (),
        "ecc_enabled": True,
        "ecc_uncorrectable": 0,
        "ecc_uncorrectable_total": 0,
        "row_remap_pending": False,
        "row_remap_failed": False,
        "throttle_reasons": (),
        "temperature_c": 40,
        "pcie_width": 16,
        "pcie_width_max": 16,
        "pcie_gen": 5,
        "pcie_gen_max": 5,
        "persistence": True,
    }
    return Gpu(index=index, **{**fields, **changes})


def compiled(path: str, **changes: Any) -> CompiledFile:
    """A library that fits the healthy machine's torch and GPU, with changes."""
    fields: dict[str, Any] = {
        "links_torch": True,
        "cudart": "12",
        "uses_cuda": True,
        "fatbins": 20,
        "sass": ("sm_80", "sm_90"),
        "cxx11_abi": False,
        "symbols": 35,
        "missing": (),
    }
    return CompiledFile(path=path, **{**fields, **changes})


def ffmpeg(path: str = "/usr/bin/ffmpeg", **changes: Any) -> FfmpegBuild:
    """A distribution's ffmpeg: NVIDIA's codecs are in it, though nobody asked for them."""
    fields: dict[str, Any] = {
        "version": "5.1.9-0+deb12u1",
        "configuration": ("--prefix=/usr", "--enable-gpl", "--enable-libx264", "--enable-shared"),
        "encoders": ("h264_nvenc", "hevc_nvenc"),
        "decoders": ("h264_cuvid", "hevc_cuvid"),
        "hwaccels": ("h264_nvdec", "hevc_nvdec"),
        "filters": ("scale_cuda",),
        "nvenc_driver": "470.57.02",
        "opens": ("libcuda.so.1", "libnvcuvid.so.1", "libnvidia-encode.so.1"),
        "not_opened": (),
        "not_found": (),
    }
    return FfmpegBuild(path=path, **{**fields, **changes})


def healthy() -> Snapshot:
    """Ubuntu 22.04 with one H100, driver 550.54.15 and torch 2.4.0+cu121 in a venv."""
    site = "/venv/lib/python3.11/site-packages"
    return Snapshot(
        host=Host(
            os_id="ubuntu",
            os_version="22.04",
            os_name="Ubuntu 22.04.4 LTS",
            kernel="5.15.0-105-generic",
            arch="x86_64",
            platform="linux",
            glibc="2.35",
            glibcxx="3.4.30",
            libstdcxx_path="/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
            secure_boot=False,
            cpu_count=64,
            memory_bytes=512 * GIB,
            shm_bytes=256 * GIB,
            memlock_bytes=-1,
            disks=(Disk("/", 1000 * GIB, 500 * GIB),),
        ),
        environment=Environment(variables={}),
        container=Container(
            runtime=None,
            wsl=0,
            jetson=None,
            visible_devices=None,
            driver_capabilities=None,
            video_libraries=True,
        ),
        driver=Driver(
            version="550.54.15",
            module_version="550.54.15",
            module_flavor="open",
            library_version="550.54.15",
            cuda="12.4",
            nvml="ok",
            nouveau_loaded=False,
            uvm_loaded=True,
            module_built=True,
            module_signed=True,
            headers=True,
            dkms=(),
            device_nodes=(DeviceNode("/dev/nvidiactl", True), DeviceNode("/dev/nvidia0", True)),
            fabric_manager=absent("no NVSwitch"),
            sources={"*": "/proc/driver/nvidia/version"},
        ),
        gpus=Gpus(devices=(gpu(),), sources={"*": "NVML"}),
        cuda=Cuda(
            toolkits=(Toolkit("/usr/local/cuda-12.1", "12.1", "/usr/local", True),),
            home=None,
            nvcc_path="/usr/local/cuda-12.1/bin/nvcc",
            nvcc_version="12.1",
            host_compiler=Compiler("gcc", "11.4.0", "/usr/bin/g++"),
        ),
        loader=Loader(
            ld_library_path=(),
            libcuda=Library(
                "libcuda.so.1",
                "/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15",
                "ld.so.cache",
                version="550.54.15",
            ),
            libcuda_copies=(
                Library(
                    "libcuda.so.1",
                    "/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15",
                    "",
                    version="550.54.15",
                ),
            ),
            libraries=(),
            not_found=(),
            ld_preload=(),
            libstdcxx=Library(
                "libstdc++.so.6", "/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30", "ld.so.cache"
            ),
            libstdcxx_glibcxx="3.4.30",
            glibcxx_needed="3.4.22",
            glibc_needed="2.17",
        ),
        python=PythonEnv(
            executable="/venv/bin/python",
            chosen_by="VIRTUAL_ENV",
            version="3.11.9",
            implementation="cpython",
            tag="cp311-cp311",
            platform="linux-x86_64",
            prefix="/venv",
            manager="venv",
            path=(site,),
            distributions=(
                Distribution("numpy", "1.26.4", f"{site}/numpy-1.26.4.dist-info", "pip"),
                Distribution("setuptools", "69.5.1", f"{site}/setuptools-69.5.1.dist-info", "pip"),
                Distribution("torch", "2.4.0", f"{site}/torch-2.4.0.dist-info", "pip"),
                Distribution(
                    "torchvision", "0.19.0", f"{site}/torchvision-0.19.0.dist-info", "pip"
                ),
            ),
            broken=(),
        ),
        torch=TorchBuild(
            version="2.4.0+cu121",
            path=f"{site}/torch",
            cuda="12.1",
            hip=None,
            xpu=None,
            installer="pip",
            sass=("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"),
            partial=("sm_90a",),
            ptx=(),
            libraries=(
                CodeLibrary(
                    "libtorch_cuda.so",
                    337,
                    ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"),
                ),
            ),
            pins=(Pin("nvidia-cudnn-cu12", "==9.1.0.70", "9.1.0.70"),),
            companions=(
                Companion(
                    name="torchvision", version="0.19.0+cu121", cuda="12.1", torch_pin="==2.4.0"
                ),
            ),
            broken=None,
            sources={"*": f"{site}/torch/version.py", "sass": f"{site}/torch/lib/libtorch_cuda.so"},
        ),
        trials=proofs(),
        plan=plan(),
        dataset=dataset(),
        training=training(),
        extensions=Extensions(torch_cxx11_abi=False, packages=()),
        ffmpeg=Ffmpeg(builds=(ffmpeg(),)),
    )


def change(snapshot: Snapshot, **by_path: Any) -> Snapshot:
    """The snapshot with values replaced; `driver__version="450.80"` means `driver.version`."""
    for path, value in by_path.items():
        snapshot = replace(snapshot, path.replace("__", "."), value)
    return snapshot


def report(snapshot: Snapshot, *names: str) -> Report:
    """The report of these rules (of all, when none is named)."""
    return judge(snapshot, load(), [find(name) for name in names] or RULES)


def fires(name: str, snapshot: Snapshot) -> Finding:
    """The one finding of this rule; fails when there is none or more than one."""
    result = report(snapshot, name)
    assert not result.crashed, result.crashed
    assert len(result.findings) == 1, (result.findings, result.skipped, result.not_applicable)
    return result.findings[0]


def passes(name: str, snapshot: Snapshot) -> None:
    """The rule was judged and found nothing."""
    result = report(snapshot, name)
    assert [ran.name for ran in result.passed] == [name], result


def skips(name: str, snapshot: Snapshot) -> str:
    """Why the rule could not be judged."""
    result = report(snapshot, name)
    assert not result.findings and not result.passed and result.skipped, result
    return result.skipped[0].because


def not_applicable(name: str, snapshot: Snapshot) -> None:
    """There was nothing for the rule to judge."""
    result = report(snapshot, name)
    assert [ran.name for ran in result.not_applicable] == [name], result


__all__ = ["NOT_ASKED", "change", "fires", "gpu", "healthy", "not_applicable", "passes", "skips"]
