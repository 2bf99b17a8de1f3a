"""`smoke ffmpeg`: which program is proved, on which devices. Must not know how it is proved."""

import os
from collections.abc import Sequence
from pathlib import Path

from envcheck.errors import UsageError
from envcheck.facts import Missing, Snapshot, Trial, Trials
from envcheck.finding import ERROR, Severity
from envcheck.kb import Knowledge
from envcheck.probes.host import Host
from envcheck.report import Report
from envcheck.rules.common import visible
from envcheck.smoke.check import report_on
from envcheck.smoke.ffmpeg import Wish, prove_ffmpeg
from envcheck.smoke.prover import check_device
from envcheck.smoke.run import Progress

BACKGROUND = ("host", "environment", "container", "driver", "gpus", "ffmpeg")


def check_ffmpeg(
    *,
    program: str | None,
    device: str,
    timeout: float,
    progress: Progress,
    fail_on: Severity = ERROR,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> Report:
    """The report on one ffmpeg, PATH's unless named: its own codecs, and NVIDIA's on each GPU.

    Raises:
        UsageError: no such program, device or check.
    """
    device = check_device(device)
    path = _program(program)

    def prove(snapshot: Snapshot, kb: Knowledge) -> Trials | Missing:
        if isinstance(path, Missing):
            absent = Trial(
                name="start",
                check="ffmpeg_start",
                device="cpu",
                status="failed",
                reason="absent",
                detail=path.detail,
            )
            return Trials(target="ffmpeg", trials=(absent,))
        devices, expected = _devices(device, snapshot)
        wish = Wish(
            program=path,
            devices=devices,
            expected=expected,
            limits=kb.smoke.frames(),
            timeout=timeout,
        )
        return prove_ffmpeg(wish, progress)

    return report_on(None, prove, BACKGROUND, fail_on, select, ignore)


def _program(wanted: str | None) -> str | Missing:
    """The program's path; `Missing` when none was named and PATH has none.

    Raises:
        UsageError: the one that was named is not there.
    """
    host = Host()
    if wanted is None or "/" not in wanted:
        path = host.which(wanted or "ffmpeg")
        if isinstance(path, Missing) and wanted:
            raise UsageError(f"--ffmpeg {wanted}: {path.detail}")
        return path
    path = str(Path(wanted).absolute())
    if not os.access(path, os.X_OK) or not host.is_file(path):
        raise UsageError(f"--ffmpeg {wanted}: no such program")
    return path


def _devices(device: str, snapshot: Snapshot) -> tuple[tuple[str, ...], bool]:
    """The CUDA devices to prove, and whether they are expected to answer."""
    if device == "cpu":
        return (), False
    if device != "all":
        return (device,), True
    gpus = snapshot.gpus
    shown = () if isinstance(gpus, Missing) else visible(gpus, snapshot.environment)
    if not shown:
        return ("cuda:0",), False  # FFmpeg then says in its own words why there is none
    return tuple(f"cuda:{number}" for number in range(len(shown))), True
