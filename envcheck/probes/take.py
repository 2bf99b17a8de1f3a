"""Takes the Snapshot of a machine or another root: which probe gives which fact.

Must not know what the rules make of it.
"""

import os
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from functools import partial
from typing import Any

from envcheck import __version__
from envcheck.errors import UsageError
from envcheck.facts import NOT_ASKED, Missing, Purpose, Snapshot, Why
from envcheck.kb import Knowledge
from envcheck.probes.container import read_container
from envcheck.probes.cuda import read_cuda
from envcheck.probes.driver import read_driver
from envcheck.probes.extension import read_extensions
from envcheck.probes.ffmpeg import read_ffmpeg
from envcheck.probes.gpu import read_gpus
from envcheck.probes.host import Host
from envcheck.probes.interpreter import read_interpreter
from envcheck.probes.loader import read_loader
from envcheck.probes.nvml import read_nvml
from envcheck.probes.pci import read_pci
from envcheck.probes.python_env import read_python_env
from envcheck.probes.run import Probe, run_probes
from envcheck.probes.system import read_environment, read_host
from envcheck.probes.torch import read_torch


def take_snapshot(
    *,
    root: str = "/",
    python: str | None,
    facts: Iterable[str],
    purpose: Purpose,
    timeout: float,
    kb: Knowledge,
    folders: tuple[str, ...] = (),
    environ: Mapping[str, str] | None = None,
) -> tuple[Snapshot, dict[str, float]]:
    """The snapshot with these facts, and the seconds each probe took.

    Args:
        folders: look at the disks of these, too.
        environ: variables of another root's processes; None: this process's, or none.

    Raises:
        UsageError: `root` is not a directory, or `python` names no interpreter.
    """
    if not os.path.isdir(root):
        raise UsageError(f"{root} is not a directory")
    host = Host(os.path.realpath(root), environ)
    begun = time.monotonic()
    results, durations = run_probes(_probes(python, kb, timeout, folders), facts, host, timeout)
    durations["total"] = time.monotonic() - begun
    interpreter = results.get("interpreter")
    if python and isinstance(interpreter, Missing) and interpreter.why is Why.ABSENT:
        raise UsageError(f"--python {python}: {interpreter.detail}")
    found: dict[str, Any] = {name: results.get(name, NOT_ASKED) for name in facts}
    snapshot = Snapshot(
        tool=f"envcheck {__version__}",
        taken=datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z"),
        origin="live" if host.live else "sysroot",
        purpose=purpose,
        **found,
    )
    return snapshot, durations


def _probes(
    python: str | None, kb: Knowledge, timeout: float, folders: tuple[str, ...]
) -> dict[str, Probe]:
    # NVML must give up before its probe is given up: only then is the hung call known by name.
    nvml = min(8.0, 0.8 * timeout)
    probes = (
        Probe("interpreter", partial(read_interpreter, wanted=python), limit=5),
        Probe("host", partial(read_host, disks=folders), ("interpreter",), limit=3),
        Probe("environment", read_environment, limit=1),
        Probe("container", read_container, limit=2),
        Probe("pci", read_pci, limit=3),
        Probe("nvml", partial(read_nvml, timeout=nvml), limit=nvml + 1),
        Probe("driver", read_driver, ("nvml", "pci"), limit=4),
        Probe("gpus", partial(read_gpus, kb=kb), ("nvml", "pci", "container"), limit=2),
        Probe("python", read_python_env, ("interpreter",), limit=5),
        Probe("cuda", read_cuda, ("interpreter",), limit=5),
        Probe("torch", read_torch, ("interpreter", "python"), limit=5),
        Probe(
            "extensions",
            partial(read_extensions, kb=kb),
            ("interpreter", "python", "torch"),
            limit=5,
        ),
        Probe("ffmpeg", read_ffmpeg, ("interpreter",), limit=4),
        Probe("loader", read_loader, ("interpreter", "torch"), limit=4),
    )
    return {probe.name: probe for probe in probes}
