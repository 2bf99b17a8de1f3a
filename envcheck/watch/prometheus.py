"""Metrics for Prometheus, under dcgm-exporter's names so that its dashboards work.

Needs the extra `prometheus`; must not know how a tick is read.
"""

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from envcheck.errors import UsageError
from envcheck.watch.tick import GpuTick, Tick, Unread, read

_MIB = 1 << 20
_LABELS = (
    *("gpu", "UUID", "pci_bus_id", "device", "modelName", "Hostname"),
    "DCGM_FI_DRIVER_VERSION",
)

Value = float | Unread | None
# dcgm-exporter's name → (what it is, its value in dcgm-exporter's unit)
# https://github.com/NVIDIA/dcgm-exporter/blob/main/etc/default-counters.csv
_GAUGES: dict[str, tuple[str, Callable[[GpuTick], Value]]] = {
    "DCGM_FI_DEV_SM_CLOCK": ("SM clock frequency (in MHz).", lambda g: g.sm_clock_mhz),
    "DCGM_FI_DEV_MEM_CLOCK": ("Memory clock frequency (in MHz).", lambda g: g.memory_clock_mhz),
    "DCGM_FI_DEV_MEMORY_TEMP": (
        "Memory temperature (in C).",
        lambda g: g.memory_temperature_celsius,
    ),
    "DCGM_FI_DEV_GPU_TEMP": ("GPU temperature (in C).", lambda g: g.temperature_celsius),
    "DCGM_FI_DEV_POWER_USAGE": ("Power draw (in W).", lambda g: g.power_watts),
    "DCGM_FI_DEV_GPU_UTIL": ("GPU utilization (in %).", lambda g: g.utilization_percent),
    "DCGM_FI_DEV_MEM_COPY_UTIL": (
        "Memory utilization (in %).",
        lambda g: g.memory_utilization_percent,
    ),
    "DCGM_FI_DEV_ENC_UTIL": ("Encoder utilization (in %).", lambda g: g.encoder_percent),
    "DCGM_FI_DEV_DEC_UTIL": ("Decoder utilization (in %).", lambda g: g.decoder_percent),
    "DCGM_FI_DEV_FB_FREE": (
        "Framebuffer memory free (in MiB).",
        lambda g: _mib(g.memory_free_bytes),
    ),
    "DCGM_FI_DEV_FB_USED": (
        "Framebuffer memory used (in MiB).",
        lambda g: _mib(g.memory_used_bytes),
    ),
    "DCGM_FI_DEV_FB_RESERVED": (
        "Framebuffer memory reserved (in MiB).",
        lambda g: _mib(g.memory_reserved_bytes),
    ),
    "DCGM_FI_DEV_FAN_SPEED": ("Fan speed (in %).", lambda g: g.fan_percent),
    "DCGM_FI_DEV_POWER_MGMT_LIMIT": ("Power limit (in W).", lambda g: g.power_limit_watts),
    "DCGM_FI_DEV_ROW_REMAP_FAILURE": (
        "Whether remapping of rows has failed.",
        lambda g: g.remapping_failed,
    ),
    "DCGM_FI_DEV_XID_ERRORS": ("Value of the last XID error encountered.", lambda g: None),
    "envcheck_gpu_utilization_peak_percent": (
        "Highest sample of utilization in the latest tick.",
        lambda g: g.utilization_peak_percent,
    ),
    "envcheck_gpu_utilization_coverage_ratio": (
        "Share of time that the utilization samples cover.",
        lambda g: g.utilization_coverage_ratio,
    ),
    "envcheck_gpu_up": ("Whether the GPU can be read.", lambda g: float(g.error is None)),
    "envcheck_gpu_pcie_tx_bytes_per_second": (
        "PCIe traffic from the GPU.",
        lambda g: g.pcie_tx_bytes_per_second,
    ),
    "envcheck_gpu_pcie_rx_bytes_per_second": (
        "PCIe traffic to the GPU.",
        lambda g: g.pcie_rx_bytes_per_second,
    ),
    "envcheck_gpu_nvlink_tx_bytes_per_second": (
        "NVLink traffic from the GPU, all links.",
        lambda g: g.nvlink_tx_bytes_per_second,
    ),
    "envcheck_gpu_nvlink_rx_bytes_per_second": (
        "NVLink traffic to the GPU, all links.",
        lambda g: g.nvlink_rx_bytes_per_second,
    ),
}
_COUNTERS: dict[str, tuple[str, Callable[[GpuTick], Value]]] = {
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": (
        "Total energy consumption since boot (in mJ).",
        lambda g: _scaled(g.energy_joules, 1000),
    ),
    "DCGM_FI_DEV_PCIE_REPLAY_COUNTER": (
        "Total number of PCIe retries.",
        lambda g: g.pcie_replays,
    ),
    "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS": (
        "Number of remapped rows for uncorrectable errors.",
        lambda g: g.remapped_rows_uncorrectable,
    ),
    "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS": (
        "Number of remapped rows for correctable errors.",
        lambda g: g.remapped_rows_correctable,
    ),
    "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": (
        "Total number of double-bit volatile ECC errors.",
        lambda g: g.ecc_uncorrected,
    ),
    "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL": (
        "Total number of single-bit volatile ECC errors.",
        lambda g: g.ecc_corrected,
    ),
}


class Exporter:
    """Serves the latest tick at /metrics until closed."""

    def __init__(self, where: str) -> None:
        """`where` is [ADDRESS]:PORT; the address is the loopback one unless named.

        Raises:
            UsageError: no such address, it is taken, or the extra is not installed.
        """
        try:
            from prometheus_client import CollectorRegistry, start_http_server
        except ImportError:
            raise UsageError(
                "--prometheus needs prometheus-client: pip install prometheus-client"
            ) from None
        host, port = parse_address(where)
        self._tick: Tick | None = None
        self._xids: dict[int, int] = {}
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError as error:
            raise UsageError(f"--prometheus {where}: {error.strerror or error}") from error
        shown = f"[{host}]" if ":" in host else host
        self.address = f"http://{shown}:{self._server.server_port}/metrics"

    def update(self, tick: Tick) -> None:
        for gpu in tick.gpus:
            if not isinstance(gpu.xids, Unread) and gpu.xids:
                self._xids[gpu.index] = gpu.xids[-1]
        self._tick = tick

    def collect(self) -> Iterator[Any]:
        """The metrics of the latest tick; a value that could not be read has no sample."""
        from prometheus_client.core import GaugeMetricFamily, UntypedMetricFamily

        tick = self._tick
        if tick is None:
            return
        # A counter would be renamed to end in _total, which dcgm-exporter's do not.
        for table, family in ((_GAUGES, GaugeMetricFamily), (_COUNTERS, UntypedMetricFamily)):
            for name, (help_text, value_of) in table.items():
                metric = family(name, help_text, labels=_LABELS)
                for gpu in tick.gpus:
                    value = value_of(gpu)
                    if name == "DCGM_FI_DEV_XID_ERRORS":
                        value = self._xids.get(gpu.index, 0)
                    if value is not None and not isinstance(value, Unread):
                        metric.add_metric(_labels(tick, gpu), float(value))
                yield metric

    def __enter__(self) -> "Exporter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def parse_address(where: str) -> tuple[str, int]:
    """Host and port of "[ADDRESS]:PORT" or "PORT"; the host is loopback unless named.

    Raises:
        UsageError: there is no port in it.
    """
    host, _, port = where.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"--prometheus {where!r}: write it as :9400 or ADDRESS:9400")
    return host.strip("[]") or "127.0.0.1", int(port)


def _labels(tick: Tick, gpu: GpuTick) -> list[str]:
    return [
        str(gpu.index),
        read(gpu.uuid) or "",
        read(gpu.pci_bus_id) or "",
        f"nvidia{gpu.index}",
        read(gpu.name) or "",
        tick.host.name,
        read(tick.driver_version) or "",
    ]


def _mib(value: int | Unread) -> Value:
    return _scaled(value, 1 / _MIB)


def _scaled(value: float | Unread, factor: float) -> Value:
    return value if isinstance(value, Unread) else value * factor
