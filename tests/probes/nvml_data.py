"""NVML readings for tests of probes: a healthy H100, and changes to it."""

from typing import Any

from envcheck.nvml.readings import Fabric, GpuReading, Inventory, Modes, NvmlError, RemappedRows

UNSUPPORTED = NvmlError(3, "NOT_SUPPORTED", "nvmlDeviceGetSomething")
GIB = 1 << 30


def reading(index: int = 0, **changes: Any) -> GpuReading:
    """A healthy H100 at PCI bus `index`."""
    values: dict[str, Any] = {
        "uuid": f"GPU-0000000{index}",
        "name": "NVIDIA H100 80GB HBM3",
        "serial": "1650123456789",
        "vbios": "96.00.74.00.01",
        "architecture": "hopper",
        "compute_capability": "9.0",
        "pci_bus_id": f"0000:{index:02x}:00.0",
        "pci_device_id": "10de:2330",
        "memory_total_bytes": 80 * GIB,
        "pcie_gen_max": 5,
        "pcie_width_max": 16,
        "memory_used_bytes": GIB,
        "mig_mode": Modes(False, False),
        "mig_devices": (),
        "ecc_mode": Modes(True, True),
        "ecc_uncorrected_volatile": 0,
        "ecc_uncorrected_aggregate": 2,
        "remapped_rows": RemappedRows(1, 0, False, False),
        "retired_pages_pending": UNSUPPORTED,
        "throttle_reasons": 0x41,
        "temperature_c": 35,
        "power_mw": 70_000,
        "power_limit_mw": 700_000,
        "pcie_gen": 4,
        "pcie_width": 8,
        "persistence_mode": True,
        "compute_mode": "default",
        "fabric": UNSUPPORTED,
        "display_attached": False,
        "display_active": False,
    }
    return GpuReading(index=index, **{**values, **changes})


def dead(index: int, error: NvmlError) -> GpuReading:
    """A GPU that gives nothing but this error."""
    fields = set(GpuReading.__struct_fields__) - {"index", "error"}
    return reading(index, error=error, **dict.fromkeys(fields, error))


def inventory(*gpus: GpuReading, **changes: Any) -> Inventory:
    values: dict[str, Any] = {
        "driver_version": "550.54.15",
        "nvml_version": "12.550.54.15",
        "cuda_driver_version": "12.4",
        "library_path": "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.550.54.15",
    }
    return Inventory(gpus=gpus, **{**values, **changes})


def fabric(state: str, status: str = "SUCCESS") -> Fabric:
    return Fabric(state, status, 0)
