"""Values as short text for narrow columns. Pure."""

from envcheck.watch.screen.history import GpuHistory
from envcheck.watch.tick import GpuTick, Unread, read
from envcheck.watch.units import moment

NONE = "n/a"
_GIB = 1 << 30

# NVML's reasons in fewer letters; those that take nothing away are left out.
_THROTTLES = {
    "gpu_idle": "",
    "applications_clocks_setting": "",
    "display_clock_setting": "",
    "sw_power_cap": "power cap",
    "hw_slowdown": "HW slow",
    "sync_boost": "sync boost",
    "sw_thermal_slowdown": "hot",
    "hw_thermal_slowdown": "HW hot",
    "hw_power_brake_slowdown": "power brake",
}
_ERRORS = {
    "NO_PERMISSION": "denied",
    "TIMEOUT": "hung",
    "CRASHED": "crashed",
    "FUNCTION_NOT_FOUND": "too new",
}


def percent(value: float | Unread | None) -> str:
    return NONE if value is None or isinstance(value, Unread) else f"{value:.0f}%"


def number(value: float | Unread) -> str:
    return NONE if isinstance(value, Unread) else f"{value:.0f}"


def size(value: float | Unread) -> str:
    """Bytes in at most five cells: "59.6G", "412M", "1.2T"."""
    if isinstance(value, Unread):
        return NONE
    for unit in "BKMGT":
        if abs(value) < 999.5 or unit == "T":
            break
        value /= 1024
    return f"{value:.1f}{unit}" if value < 99.95 and unit in "GT" else f"{value:.0f}{unit}"


def gib(value: int | Unread) -> str:
    """GiB without the unit, in at most four cells."""
    if isinstance(value, Unread):
        return NONE
    return f"{value / _GIB:.1f}" if value / _GIB < 99.95 else f"{value / _GIB:.0f}"


def of(value: str, limit: str) -> str:
    """ "61.2/79.6", or one "n/a" for both."""
    return value if value == limit == NONE else f"{value}/{limit}"


def traffic(gpu: GpuTick, way: str) -> tuple[str, str]:
    """Bytes a second from and to the GPU over "pcie" or "nvlink"."""
    sent = getattr(gpu, f"{way}_tx_bytes_per_second")
    received = getattr(gpu, f"{way}_rx_bytes_per_second")
    return size(sent), size(received)


def age(started: str | Unread, now: str) -> str:
    """How long before `now`: "45s", "12m", "3h07", "12d"; both are RFC 3339 times."""
    if isinstance(started, Unread):
        return NONE
    then, at = moment(started), moment(now)
    if then is None or at is None:
        return NONE
    seconds = max(0, round((at - then).total_seconds()))
    if seconds < 100:
        return f"{seconds}s"
    minutes = seconds // 60
    if minutes < 100:
        return f"{minutes}m"
    return f"{minutes // 60}h{minutes % 60:02d}" if minutes < 2880 else f"{minutes // 1440}d"


def clock(stamp: str) -> str:
    """The time of day, in local time."""
    at = moment(stamp)
    return at.astimezone().strftime("%H:%M:%S") if at else stamp[:8]


def model(gpu: GpuTick) -> str:
    name = read(gpu.name) or NONE
    for prefix in ("NVIDIA ", "GeForce ", "Tesla ", "Quadro "):
        name = name.removeprefix(prefix)
    return name


def faults(gpu: GpuTick, history: GpuHistory) -> list[str]:
    """What is wrong with this GPU, the worst first, in few letters each."""
    notes = []
    if history.xid:
        times = f"x{history.xids}" if history.xids > 1 else ""
        notes.append(f"Xid {history.xid[0]}{times}")
    if read(gpu.remapping_failed):
        notes.append("remap failed")
    if read(gpu.ecc_uncorrected):
        notes.append(f"ECC {gpu.ecc_uncorrected}")
    if read(gpu.remapping_pending):
        notes.append("remap pending")
    return notes


def unreadable(gpu: GpuTick) -> list[str]:
    """Cells that failed, with the error; what a GPU does not have is no failure."""
    shown = {
        "utilization_percent": "util",
        "memory_used_bytes": "mem",
        "power_watts": "power",
        "temperature_celsius": "temp",
        "sm_clock_mhz": "clock",
        "throttle_reasons": "throttle",
    }
    values = ((word, getattr(gpu, name)) for name, word in shown.items())
    errors: dict[str, list[str]] = {}
    for word, value in values:
        if isinstance(value, Unread) and value.error not in {"NOT_SUPPORTED", "NOT_READ"}:
            errors.setdefault(value.error, []).append(word)
    return [f"{','.join(words)} {_ERRORS.get(why, why)}" for why, words in errors.items()]


def throttles(gpu: GpuTick) -> list[str]:
    reasons = read(gpu.throttle_reasons) or ()
    return [word for reason in reasons if (word := _THROTTLES.get(reason, reason))]
