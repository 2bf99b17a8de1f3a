"""A root in which every file a probe knows is hostile: each fact is still one JSON can hold."""

from pathlib import Path

import pytest

from envcheck.facts import NOT_ASKED, Missing, Snapshot, decode, encode
from envcheck.probes.container import read_container
from envcheck.probes.cuda import read_cuda
from envcheck.probes.driver import read_driver
from envcheck.probes.gpu import read_gpus
from envcheck.probes.pci import read_pci
from envcheck.probes.run import Probe, run_probes
from envcheck.probes.system import read_environment, read_host
from tests.roots import HOSTILE, Content, host_of

PROBES = {
    probe.name: probe
    for probe in (
        Probe("interpreter", lambda host: NOT_ASKED),
        Probe("nvml", lambda host: NOT_ASKED),
        Probe("host", read_host, ("interpreter",)),
        Probe("environment", read_environment),
        Probe("container", read_container),
        Probe("pci", read_pci),
        Probe("cuda", read_cuda, ("interpreter",)),
        Probe("driver", read_driver, ("nvml", "pci")),
        Probe("gpus", read_gpus, ("nvml", "pci", "container")),
    )
}
FACTS = ("host", "environment", "container", "cuda", "driver", "gpus")
KERNEL = "6.8.0-45-generic"
FILES = f"""
etc/os-release etc/ld.so.conf etc/ld.so.conf.d/a.conf etc/nv_tegra_release run/systemd/container
usr/lib/x86_64-linux-gnu/libc.so.6 usr/lib/x86_64-linux-gnu/libstdc++.so.6 bin/sh usr/bin/env
usr/lib/x86_64-linux-gnu/libcuda.so.1 usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1 usr/lib/wsl
usr/local/cuda/version.json usr/local/cuda/version.txt usr/local/cuda/include/cuda.h opt/cuda
usr/local/cuda/bin/nvcc usr/bin/nvcc usr/bin/c++ usr/share/misc/pci.ids usr/src/kernels
proc/meminfo proc/mounts proc/self/limits proc/1/cgroup proc/1/environ proc/2/comm
proc/driver/nvidia/version proc/device-tree/model sys/devices/system/cpu/online
sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c sys/module/nvidia/version
sys/bus/pci/devices/0000:01:00.0/vendor sys/bus/pci/devices/0000:02:00.0
lib/modules/{KERNEL}/modules.dep lib/modules/{KERNEL}/build lib/modules/{KERNEL}/updates
var/lib/dpkg/status var/lib/dkms/nvidia/550.54.15 dev/nvidia0 dev/nvidiactl dev/dxg
""".split()


@pytest.mark.parametrize("hostile", HOSTILE)
def test_every_probe_answers(tmp_path: Path, hostile: str) -> None:
    files: dict[str, Content] = dict.fromkeys(FILES, HOSTILE[hostile])
    files["proc/sys/kernel/osrelease"] = KERNEL
    environ = {"CUDA_HOME": "/usr/local/cuda\x1b[31m:", "CXX": "'"}
    results, _ = run_probes(PROBES, FACTS, host_of(tmp_path, files, environ), timeout=60)
    broken = {name: str(fact) for name, fact in results.items() if isinstance(fact, Missing)}
    assert broken.keys() == {"interpreter", "nvml"}, broken
    snapshot = Snapshot(**{name: results[name] for name in FACTS})
    assert decode(encode(snapshot)) == snapshot
