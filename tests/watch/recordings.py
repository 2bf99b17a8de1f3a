"""A recording with all that a report must show: bursts, gaps, a lost GPU, hostile names."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

from envcheck.watch.record import Recorder
from envcheck.watch.tick import GpuTick, Unread
from tests.watch.ticks import GIB, gpu, process, tick

START = datetime(2026, 11, 21, 8, 0, 0, tzinfo=timezone.utc)
LOST = Unread("GPU_IS_LOST", "nvmlDeviceGetUUID: GPU_IS_LOST")
HOSTILE = (
    '</code><script>document.title="owned"</script><img src="http://x.invalid/i">\x1b[31m\u202e'
)
STEADY, GAP_FROM, GAP_TO, LOST_FROM, END = 0, 200, 300, 400, 480


def record(path: Path) -> Path:
    """480 s of three GPUs: steady at 50 %, short bursts, one lost at the end; 100 s are missing."""
    with Recorder(path) as recorder:
        for second in [*range(1, GAP_FROM + 1), *range(GAP_TO + 1, END + 1)]:
            at = START + timedelta(seconds=second)
            recorder.write(
                tick(
                    gpu(0, utilization_percent=50.0, utilization_peak_percent=50.0,
                        memory_used_bytes=40 * GIB, power_watts=350.0, power_peak_watts=350.0,
                        power_limit_watts=700.0, throttle_reasons=("sw_power_cap", "gpu_idle"),
                        energy_joules=350.0 * second),
                    gpu(1, utilization_percent=4.0, utilization_peak_percent=100.0),
                    _lost(second),
                    timestamp=at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                    processes=(
                        process(1, command=HOSTILE, user="<b>", sm_percent=25.0,
                                gpu_memory_bytes=GIB * (2 if second == 7 else 1)),
                        process(2, 1, container="docker:3f2a45e1c09b", gpu_memory_bytes=3 * GIB),
                    ),
                )
            )  # fmt: skip
    return path


def _lost(second: int) -> GpuTick:
    if second <= LOST_FROM:
        return gpu(2, xids=(79,) if second == LOST_FROM else ())
    return gpu(2, error=LOST, utilization_percent=LOST, power_watts=LOST, temperature_celsius=LOST)
