"""`--fail-if`: conditions on ticks, some of which must hold for a while. Pure."""

import operator
import re
from collections.abc import Callable, Sequence

import msgspec

from envcheck.errors import UsageError
from envcheck.watch.tick import GpuTick, Tick, Unread
from envcheck.watch.units import parse_seconds, parse_size

Number = float | int | Unread

_FIELDS = {
    "temp": "temperature_celsius",
    "memtemp": "memory_temperature_celsius",
    "util": "utilization_percent",
    "power": "power_watts",
    "fan": "fan_percent",
    "clock": "sm_clock_mhz",
    "free": "memory_free_bytes",
    "used": "memory_used_bytes",
    "ecc": "ecc_uncorrected",
}
_WORDS = ("xid", "lost", "throttle", "ecc")  # what may stand alone: "it happened"
_IDLE = {"gpu_idle", "applications_clocks_setting"}  # reasons that take nothing away
_SHAPE = re.compile(
    r"\s*(?P<name>[a-z_]+)\s*"
    r"(?:(?P<sign>[<>]=?|==|!=)\s*(?P<value>\d+(?:\.\d+)?)\s*(?P<unit>[a-zA-Z%°]*?)\s*)?"
    r"(?:\s+for\s+(?P<hold>\S+)\s*)?"
)
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


class Alarm(msgspec.Struct, frozen=True):
    """One condition: `name sign limit`, true for `hold_s` seconds on end."""

    text: str
    name: str
    sign: str
    limit: float
    hold_s: float


def parse(text: str) -> Alarm:
    """An alarm from "temp>85", "xid", "util<5 for 10m", "mem>90%", "free<20GiB".

    Raises:
        UsageError: it is none; says what may be written.
    """
    match = _SHAPE.fullmatch(text)
    if not match or not (match["sign"] or match["name"] in _WORDS):
        raise UsageError(
            f"--fail-if {text!r}: write NAME>NUMBER with an optional 'for 10m', or one of"
            f" {', '.join(_WORDS)}"
        )
    name = match["name"]
    if name not in {*_FIELDS, *_WORDS, "mem"} and name not in _numeric():
        raise UsageError(
            f"--fail-if {text!r}: there is no {name!r}; short names are"
            f" {', '.join(sorted({*_FIELDS, *_WORDS, 'mem'}))}"
        )
    hold_s = parse_seconds(match["hold"]) if match["hold"] else 0.0
    if not match["sign"]:
        return Alarm(text.strip(), name, ">", 0.0, hold_s)
    value = match["value"]
    size = parse_size(value + match["unit"]) if match["unit"][-1:].lower() == "b" else None
    return Alarm(text.strip(), name, match["sign"], float(value if size is None else size), hold_s)


def _numeric() -> tuple[str, ...]:
    return tuple(
        name
        for name in GpuTick.__struct_fields__
        if name.endswith(("_percent", "_bytes", "_watts", "_celsius", "_mhz", "_per_second"))
        or name.startswith(("pcie_", "ecc_", "remapped_rows_"))
    )


class Alarms:
    """All alarms over time, GPU by GPU."""

    def __init__(self, alarms: Sequence[Alarm]) -> None:
        self._alarms = alarms
        self._held: dict[tuple[Alarm, int], float] = {}
        self._judged: set[tuple[Alarm, int]] = set()
        self._unread: dict[tuple[Alarm, int], Unread] = {}

    def check(self, tick: Tick) -> list[str]:
        """What fires now: one sentence each, with what was seen."""
        fired = []
        for alarm in self._alarms:
            for gpu in tick.gpus:
                key = (alarm, gpu.index)
                value = _value(alarm.name, gpu)
                if isinstance(value, Unread):
                    self._unread[key] = value
                    self._held.pop(key, None)
                    continue
                self._judged.add(key)
                if not _SIGNS[alarm.sign](value, alarm.limit):
                    self._held.pop(key, None)
                    continue
                held = self._held[key] = self._held.get(key, 0.0) + tick.interval_s
                if held >= alarm.hold_s:
                    fired.append(f"GPU {gpu.index}: {alarm.text} ({_seen(alarm, gpu, value)})")
        return fired

    def unjudged(self) -> list[str]:
        """The alarms that could never be judged on some GPU, with the reason."""
        return [
            f"GPU {index}: {alarm.text} could not be judged: {why.reason}"
            for (alarm, index), why in self._unread.items()
            if (alarm, index) not in self._judged
        ]


def _value(name: str, gpu: GpuTick) -> Number:
    if name == "lost":
        return int(gpu.error is not None)
    if name == "xid":
        return gpu.xids if isinstance(gpu.xids, Unread) else max(gpu.xids, default=0)
    if name == "throttle":
        reasons = gpu.throttle_reasons
        return reasons if isinstance(reasons, Unread) else len(set(reasons) - _IDLE)
    if name == "mem":
        return _memory_percent(gpu)
    value: Number = getattr(gpu, _FIELDS.get(name, name))
    return value


def _memory_percent(gpu: GpuTick) -> Number:
    used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
    if isinstance(used, Unread):
        return used
    if isinstance(total, Unread):
        return total
    return round(100 * used / total, 1) if total else 0.0


def _seen(alarm: Alarm, gpu: GpuTick, value: float) -> str:
    if alarm.name == "lost" and gpu.error:
        return gpu.error.reason
    if alarm.name == "throttle" and not isinstance(gpu.throttle_reasons, Unread):
        return ", ".join(sorted(set(gpu.throttle_reasons) - _IDLE))
    if alarm.name == "xid":
        return f"Xid {value:g}"
    return f"{value:g}"
