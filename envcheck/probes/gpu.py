"""Every NVIDIA GPU: what NVML says, joined with what the PCI bus shows. Must not judge them."""

import re
from typing import TypeVar

import msgspec

from envcheck.facts import (
    NOT_ASKED,
    Container,
    Gpu,
    Gpus,
    MigInstance,
    Missing,
    absent,
    blocked,
    failed,
)
from envcheck.kb import Knowledge
from envcheck.nvml.readings import GpuReading, Inventory, Modes, NvmlError, NvmlUnavailable
from envcheck.probes.host import Host
from envcheck.probes.pci import DEVICES, PciDevice

T = TypeVar("T")

# NVML's names for "this card, driver or library has no such thing".
UNSUPPORTED = frozenset(
    ("NOT_SUPPORTED", "FUNCTION_NOT_FOUND", "NOT_FOUND", "ARGUMENT_VERSION_MISMATCH")
)
UNREAD = frozenset(("NOT_READ", "NO_PERMISSION"))  # they say nothing of the GPU itself
# Batch systems keep a job from opening the GPUs of others: NVML leaves those out.
BATCH = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "FLUX_JOB_ID")
SILENT = "on the PCI bus but not answering the driver"
FALLEN = "fallen off the PCI bus: its configuration space reads as all ones"


def read_gpus(
    host: Host,
    nvml: Inventory | NvmlUnavailable | Missing,
    pci: tuple[PciDevice, ...] | Missing,
    container: Container | Missing,
    kb: Knowledge | None = None,
) -> Gpus | Missing:
    """NVML's GPUs in its order, then those only the PCI bus shows; Missing when nobody could look.

    `kb` fills in the compute capability and name of a GPU that NVML does not tell, by its PCI id.
    """
    on_bus = () if isinstance(pci, Missing) else tuple(d for d in pci if d.kind == "gpu")
    # one that is passed to a virtual machine is that machine's
    on_bus = tuple(d for d in on_bus if d.driver is None or not d.driver.startswith("vfio"))
    if isinstance(nvml, Inventory):
        gpus = [_from_nvml(reading) for reading in nvml.gpus]
        gpus = _with_bus(host, gpus, on_bus, container)
    elif isinstance(pci, Missing):
        return pci
    else:
        gpus = [
            _from_pci(device, index, _gone(host, device)) for index, device in enumerate(on_bus)
        ]
    known = [_with_knowledge(gpu, kb) for gpu in gpus] if kb else gpus
    by_id = [str(gpu.index) for gpu, told in zip(gpus, known, strict=True) if gpu.sm != told.sm]
    source = "NVML" if isinstance(nvml, Inventory) else DEVICES
    return Gpus(
        devices=tuple(known),
        sources={
            "*": source,
            "devices": f"NVML, {DEVICES}" if isinstance(nvml, Inventory) else DEVICES,
            "sm": f"PCI device id (GPU {', '.join(by_id)})" if by_id else source,
        },
    )


# ---- NVML ----------------------------------------------------------------------------------


def _from_nvml(reading: GpuReading) -> Gpu:
    lost, hung = _fault(reading)
    rows, pages = _value(reading.remapped_rows), _value(reading.retired_pages_pending)
    pending: bool | Missing = pages
    if not isinstance(rows, Missing):  # newer cards remap rows, older ones retire pages
        pending = rows.pending or pages is True
    return Gpu(
        index=reading.index,
        name=_value(reading.name),
        uuid=_value(reading.uuid),
        pci_address=_value(reading.pci_bus_id),
        pci_id=_value(reading.pci_device_id),
        sm=_value(reading.compute_capability),
        memory_bytes=_value(reading.memory_total_bytes),
        memory_used_bytes=_value(reading.memory_used_bytes),
        lost=lost,
        hung=hung,
        mig_enabled=_current(reading.mig_mode),
        mig_instances=() if _current(reading.mig_mode) is False else _mig(reading),
        ecc_enabled=_current(reading.ecc_mode),
        ecc_uncorrectable=_value(reading.ecc_uncorrected_volatile),
        ecc_uncorrectable_total=_value(reading.ecc_uncorrected_aggregate),
        row_remap_pending=pending,
        row_remap_failed=rows if isinstance(rows, Missing) else rows.failure,
        throttle_reasons=_value(reading.throttle_names),
        temperature_c=_value(reading.temperature_c),
        pcie_width=_value(reading.pcie_width),
        pcie_width_max=_value(reading.pcie_width_max),
        pcie_gen=_value(reading.pcie_gen),
        pcie_gen_max=_value(reading.pcie_gen_max),
        persistence=_value(reading.persistence_mode),
    )


def _fault(reading: GpuReading) -> tuple[str | Missing | None, str | Missing | None]:
    """Whether the GPU is lost, and the call that never came back."""
    fault = reading.fault
    if fault is None and isinstance(reading.uuid, NvmlError) and reading.uuid.name in UNREAD:
        fault = reading.uuid
    if fault is None:
        return None, None
    if fault.name in UNREAD:
        return _missing(fault), _missing(fault)
    if fault.name == "TIMEOUT":
        return None, fault.call or str(fault)
    return str(fault), None


def _mig(reading: GpuReading) -> tuple[MigInstance, ...] | Missing:
    devices = _value(reading.mig_devices)
    if isinstance(devices, Missing):
        return devices
    return tuple(
        MigInstance(str(device.uuid), device.profile, _value(device.memory_total_bytes))
        for device in devices
    )


def _current(mode: Modes | NvmlError) -> bool | Missing:
    """A mode this GPU does not have is not on."""
    if isinstance(mode, NvmlError):
        return False if mode.name in UNSUPPORTED else _missing(mode)
    return mode.current


def _value(value: "T | NvmlError") -> "T | Missing":
    return _missing(value) if isinstance(value, NvmlError) else value


def _missing(error: NvmlError) -> Missing:
    if error.name in UNSUPPORTED:
        return absent(str(error))
    return blocked(str(error)) if error.name == "NO_PERMISSION" else failed(str(error))


# ---- the PCI bus ---------------------------------------------------------------------------


def _with_bus(
    host: Host, gpus: list[Gpu], on_bus: tuple[PciDevice, ...], container: Container | Missing
) -> list[Gpu]:
    """NVML's GPUs, and those it works without: lost ones, and ones that another driver has."""
    addresses = {gpu.pci_address for gpu in gpus}
    left = [device for device in on_bus if device.address not in addresses]
    silent = [device for device in left if device.driver == "nvidia" and _given(host, device)]
    unnamed = [gpu.index for gpu in gpus if isinstance(gpu.pci_address, Missing)]
    if len(unnamed) == len(silent):
        # NVML refused their handles, so they have no address; it counts in the order of the bus.
        found = dict(zip(unnamed, silent, strict=True))
        gpus = [_at(gpu, found.get(gpu.index)) for gpu in gpus]
        silent = []
    gpus = list(gpus)
    for device in silent:
        gone = _gone(host, device)
        gpus.append(_from_pci(device, len(gpus), gone if isinstance(gone, str) else SILENT))
    # A container sees the whole bus; what was not given to it is none of its GPUs.
    if not isinstance(container, Missing) and container.runtime is None:
        for device in left:
            if device.driver != "nvidia":
                gpus.append(_from_pci(device, len(gpus), None))
    return gpus


def _at(gpu: Gpu, device: PciDevice | None) -> Gpu:
    if device is None:
        return gpu
    return msgspec.structs.replace(
        gpu, name=device.name, pci_address=device.address, pci_id=device.pci_id
    )


def _given(host: Host, device: PciDevice) -> bool:
    """Whether this process may use the GPU at all, so that NVML would list it."""
    text = host.read(f"/proc/driver/nvidia/gpus/{device.address}/information", 4096)
    minor = re.search(r"(?m)^Device Minor:\s*(\d{1,4})\s*$", str(text))
    in_batch_job = any(host.environ.get(variable) for variable in BATCH)
    return bool(minor and host.usable(f"/dev/nvidia{minor.group(1)}") and not in_batch_job)


def _gone(host: Host, device: PciDevice) -> str | Missing:
    """All ones are what a read from a device gives that is gone; `lspci` then prints "rev ff"."""
    head = host.read_bytes(f"{DEVICES}/{device.address}/config", 4)
    return FALLEN if head == b"\xff\xff\xff\xff" else NOT_ASKED


def _from_pci(device: PciDevice, index: int, lost: str | Missing | None) -> Gpu:
    return Gpu(
        index=index,
        name=device.name,
        pci_address=device.address,
        pci_id=device.pci_id,
        lost=lost,
    )


def _with_knowledge(gpu: Gpu, kb: Knowledge) -> Gpu:
    known = kb.gpu_by_pci_id(gpu.pci_id) if isinstance(gpu.pci_id, str) else None
    if known is None:
        return gpu
    sm = known.sm if isinstance(gpu.sm, Missing) else gpu.sm
    name = gpu.name
    if isinstance(name, Missing):
        name = known.names[0] if len(known.names) == 1 else f"NVIDIA {known.chip}"
    return msgspec.structs.replace(gpu, sm=sm, name=name)
