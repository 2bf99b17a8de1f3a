"""`read_inventory` with the real nvidia-ml-py on a simulated driver that works."""

from pathlib import Path

import pytest

from envcheck.nvml.inventory import read_inventory
from envcheck.nvml.readings import (
    Fabric,
    GpuReading,
    Inventory,
    Modes,
    NvmlError,
    RemappedRows,
    throttle_names,
)
from tests.nvml.conftest import Fleet
from tests.nvmlstub import build_stub

ODD_GPU = {
    "name": "Tesla V100-SXM2-16GB",
    "uuid": "GPU-0a",
    "serial": "0324",
    "vbios": "88.00.43.00.04",
    "architecture": 5,
    "cc": "7.0",
    "pci_id": "10de:1db1",
    "bus_id": "00000001:AF:00.0",
    "mem_total_mib": 16384,
    "mem_used_mib": 100,
    "ecc_mode": 0,
    "ecc_mode_pending": 1,
    "ecc_uncorrected": 2,
    "ecc_uncorrected_total": 7,
    "remap_corrected": 1,
    "remap_uncorrected": 3,
    "remap_pending": 1,
    "retired_pending": 1,
    "throttle": 0x48,
    "temp_c": 88,
    "power_w": 250,
    "power_limit_w": 300,
    "pcie_gen": 1,
    "pcie_gen_max": 3,
    "pcie_width": 8,
    "persistence": 0,
    "compute_mode": 3,
    "fabric_state": 3,
    "fabric_status": 3,
    "fabric_health": 1,
    "display": 1,
}


def inventory(env: dict[str, str], timeout_s: float = 10) -> Inventory:
    read = read_inventory(timeout_s, env=env)
    assert isinstance(read, Inventory), read
    return read


@pytest.mark.parametrize("count", [0, 1, 2, 8, 16])
def test_every_gpu_is_there_in_order(simulated: Fleet, count: int) -> None:
    gpus = inventory(simulated([{"uuid": f"GPU-{index}"} for index in range(count)])).gpus
    assert [(gpu.index, gpu.uuid) for gpu in gpus] == [(n, f"GPU-{n}") for n in range(count)]
    assert all(gpu.error is None and gpu.fault is None for gpu in gpus)


def test_driver(simulated: Fleet, stub_library: Path) -> None:
    read = inventory(simulated(1, driver="570.10", nvml="12.570.10", cuda=12080))
    assert read.driver_version == "570.10"
    assert read.nvml_version == "12.570.10"
    assert read.cuda_driver_version == "12.8"
    assert read.library_path == str((stub_library / "libnvidia-ml.so.1").resolve())


def test_every_field_of_a_gpu(simulated: Fleet) -> None:
    (gpu,) = inventory(simulated([ODD_GPU])).gpus
    assert gpu == GpuReading(
        index=0,
        uuid="GPU-0a",
        name="Tesla V100-SXM2-16GB",
        serial="0324",
        vbios="88.00.43.00.04",
        architecture="volta",
        compute_capability="7.0",
        pci_bus_id="0001:af:00.0",
        pci_device_id="10de:1db1",
        memory_total_bytes=16384 << 20,
        pcie_gen_max=3,
        pcie_width_max=16,
        memory_used_bytes=100 << 20,
        mig_mode=Modes(False, False),
        mig_devices=(),
        ecc_mode=Modes(current=False, pending=True),
        ecc_uncorrected_volatile=2,
        ecc_uncorrected_aggregate=7,
        remapped_rows=RemappedRows(correctable=1, uncorrectable=3, pending=True, failure=False),
        retired_pages_pending=True,
        throttle_reasons=0x48,
        temperature_c=88,
        power_mw=250_000,
        power_limit_mw=300_000,
        pcie_gen=1,
        pcie_width=8,
        persistence_mode=False,
        compute_mode="exclusive_process",
        fabric=Fabric(state="completed", status="NOT_SUPPORTED", health_mask=1),
        display_attached=True,
        display_active=True,
    )
    assert gpu.throttle_names == ("hw_slowdown", "hw_thermal_slowdown")


def test_a_field_not_supported_is_an_error_in_that_field_only(simulated: Fleet) -> None:
    (gpu,) = inventory(simulated([{"na": ["power", "ecc", "mig", "throttle"]}])).gpus
    assert gpu.power_mw == NvmlError(3, "NOT_SUPPORTED", "nvmlDeviceGetPowerUsage")
    assert gpu.ecc_mode == NvmlError(3, "NOT_SUPPORTED", "nvmlDeviceGetEccMode")
    assert gpu.mig_devices == NvmlError(3, "NOT_SUPPORTED", "nvmlDeviceGetMigMode")
    assert gpu.throttle_names == gpu.throttle_reasons
    assert gpu.temperature_c == 35
    assert gpu.fault is None


def test_mig_instances(simulated: Fleet) -> None:
    sliced = {
        "mig": [
            {"gi": 3, "ci": 1, "mem_total_mib": 9856, "name": "NVIDIA H100 MIG 1g.10gb"},
            {"gi": 2, "uuid": "MIG-b", "name": "odd"},
        ]
    }
    whole, parent, empty = inventory(simulated([{}, sliced, {"mig": [], "mig_pending": 0}])).gpus
    assert whole.mig_mode == Modes(False, False)
    assert parent.mig_mode == Modes(True, True)
    assert empty.mig_mode == Modes(current=True, pending=False)
    assert empty.mig_devices == ()
    assert not isinstance(parent.mig_devices, NvmlError)
    first, second = parent.mig_devices
    assert (first.profile, first.memory_total_bytes) == ("1g.10gb", 9856 << 20)
    assert (first.gpu_instance, first.compute_instance) == (3, 1)
    assert (second.uuid, second.profile) == ("MIG-b", "")


def test_older_driver_lacks_functions(simulated: Fleet) -> None:
    newer = {
        "nvmlDeviceGetMemoryInfo_v2",
        "nvmlDeviceGetTemperatureV",
        "nvmlDeviceGetCurrentClocksEventReasons",
        "nvmlDeviceGetGpuFabricInfoV",
    }
    gone = {"nvmlDeviceGetCudaComputeCapability", "nvmlSystemGetCudaDriverVersion_v2"}
    library = build_stub(hide=sorted(newer | gone))
    read = inventory(simulated([ODD_GPU], library=library))
    (gpu,) = read.gpus
    # The older call stands in where there is one; its memory figure includes the driver's own.
    assert gpu.memory_used_bytes == (100 + 551) << 20
    assert gpu.temperature_c == 88
    assert gpu.throttle_reasons == 0x48
    assert gpu.fabric == Fabric(state="completed", status="NOT_SUPPORTED", health_mask=0)
    assert isinstance(gpu.compute_capability, NvmlError)
    assert gpu.compute_capability.name == "FUNCTION_NOT_FOUND"
    assert isinstance(read.cuda_driver_version, NvmlError)
    assert read.cuda_driver_version.name == "FUNCTION_NOT_FOUND"


def test_what_the_library_prints_does_not_spoil_the_answer(simulated: Fleet) -> None:
    assert len(inventory(simulated(2, stdout='{"value": 1}')).gpus) == 2


def test_text_that_is_not_utf8(simulated: Fleet, tmp_path: Path) -> None:
    env = simulated([{"name": "NAME"}])
    path = tmp_path / "fleet.json"
    path.write_bytes(path.read_bytes().replace(b"NAME", b"\xff\xfe"))
    (gpu,) = inventory(env).gpus
    assert isinstance(gpu.name, NvmlError)
    assert (gpu.name.name, gpu.name.detail) == ("UNKNOWN", "the text is not UTF-8")
    assert gpu.compute_capability == "9.0"


def test_throttle_names() -> None:
    assert throttle_names(0) == ()
    assert throttle_names(0x181) == ("gpu_idle", "hw_power_brake_slowdown", "display_clock_setting")
    assert throttle_names(1 << 40) == ("bit_40",)
