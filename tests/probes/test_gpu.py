"""GPUs joined from NVML and the PCI bus."""

from pathlib import Path

import msgspec
import pytest

from envcheck.facts import NOT_ASKED, Container, Gpu, Gpus, MigInstance, Missing, Why, absent
from envcheck.kb import load
from envcheck.nvml.readings import (
    Inventory,
    MigDevice,
    Modes,
    NvmlError,
    NvmlUnavailable,
    RemappedRows,
)
from envcheck.probes.gpu import read_gpus
from envcheck.probes.pci import read_pci
from tests.probes.nvml_data import GIB, UNSUPPORTED, dead, inventory, reading
from tests.roots import Content, Files, host_of, pci_device

KERNEL: dict[str, Content] = {"proc/sys/kernel/osrelease": "6.8.0-45-generic\n"}
BARE = Container(runtime=None, wsl=0)
DOCKER = Container(runtime="docker", wsl=0)
NO_DRIVER = NvmlUnavailable("driver_not_loaded", "nvmlInit_v2: DRIVER_NOT_LOADED", "nvmlInit_v2")
LOST = NvmlError(15, "GPU_IS_LOST", "nvmlDeviceGetHandleByIndex_v2")


def gpus(
    base: Path,
    nvml: Inventory | NvmlUnavailable | Missing,
    *parts: Files,
    container: Container | Missing = BARE,
    environ: dict[str, str] | None = None,
    drop: tuple[str, ...] = (),
    know: bool = False,
) -> tuple[Gpu, ...]:
    files = {name: content for part in (KERNEL, *parts) for name, content in part.items()}
    host = host_of(base, {n: c for n, c in files.items() if n not in drop}, environ)
    fact = read_gpus(host, nvml, read_pci(host), container, load() if know else None)
    assert isinstance(fact, Gpus)
    known = fact.known_devices()
    assert [gpu.index for gpu in known] == list(range(len(known)))
    return known


def bus(*numbers: int, driver: str = "nvidia") -> dict[str, Content]:
    files: dict[str, Content] = {}
    for number in numbers:
        files |= pci_device(f"0000:{number:02x}:00.0", "2330", driver=driver)
    return files


# ---- NVML alone ----------------------------------------------------------------------------


def test_every_value_of_a_healthy_gpu(tmp_path: Path) -> None:
    (gpu,) = gpus(tmp_path, inventory(reading(0)))
    assert gpu == Gpu(
        index=0,
        name="NVIDIA H100 80GB HBM3",
        uuid="GPU-00000000",
        pci_address="0000:00:00.0",
        pci_id="10de:2330",
        sm="9.0",
        memory_bytes=80 * GIB,
        memory_used_bytes=GIB,
        lost=None,
        hung=None,
        mig_enabled=False,
        mig_instances=(),
        ecc_enabled=True,
        ecc_uncorrectable=0,
        ecc_uncorrectable_total=2,
        row_remap_pending=False,
        row_remap_failed=False,
        throttle_reasons=("gpu_idle", "hw_thermal_slowdown"),
        temperature_c=35,
        pcie_width=8,
        pcie_width_max=16,
        pcie_gen=4,
        pcie_gen_max=5,
        persistence=True,
    )


def test_a_gpu_without_ecc_and_mig_has_them_off(tmp_path: Path) -> None:
    (gpu,) = gpus(
        tmp_path,
        inventory(
            reading(
                ecc_mode=UNSUPPORTED,
                mig_mode=NvmlError(13, "FUNCTION_NOT_FOUND", "nvmlDeviceGetMigMode"),
                mig_devices=UNSUPPORTED,
                remapped_rows=UNSUPPORTED,
                ecc_uncorrected_volatile=UNSUPPORTED,
                temperature_c=NvmlError(999, "UNKNOWN", "nvmlDeviceGetTemperature"),
                memory_used_bytes=NvmlError(4, "NO_PERMISSION", "nvmlDeviceGetMemoryInfo"),
            )
        ),
    )
    assert gpu.ecc_enabled is False
    assert gpu.mig_enabled is False
    assert gpu.mig_instances == ()
    reasons = [
        value.why
        for value in (gpu.ecc_uncorrectable, gpu.temperature_c, gpu.memory_used_bytes)
        if isinstance(value, Missing)
    ]
    assert reasons == [Why.ABSENT, Why.FAILED, Why.BLOCKED]
    assert "nvmlDeviceGetTemperature" in str(gpu.temperature_c)
    assert (gpu.lost, gpu.hung) == (None, None)


@pytest.mark.parametrize(
    ("rows", "pages", "pending"),
    [
        (RemappedRows(0, 1, True, False), UNSUPPORTED, True),
        (RemappedRows(0, 1, False, False), UNSUPPORTED, False),
        (UNSUPPORTED, True, True),
        (UNSUPPORTED, False, False),
    ],
)
def test_memory_waiting_to_be_replaced(
    tmp_path: Path, rows: RemappedRows | NvmlError, pages: bool | NvmlError, pending: bool
) -> None:
    nvml = inventory(reading(remapped_rows=rows, retired_pages_pending=pages))
    assert gpus(tmp_path, nvml)[0].row_remap_pending is pending


def test_mig_instances(tmp_path: Path) -> None:
    device = MigDevice(
        index=0,
        uuid="MIG-1",
        name="NVIDIA H100 80GB HBM3 MIG 3g.40gb",
        memory_total_bytes=40 * GIB,
        gpu_instance=1,
        compute_instance=0,
    )
    nvml = inventory(reading(mig_mode=Modes(True, True), mig_devices=(device,)))
    (gpu,) = gpus(tmp_path, nvml)
    assert gpu.mig_enabled is True
    assert gpu.mig_instances == (MigInstance("MIG-1", "3g.40gb", 40 * GIB),)


# ---- lost and hung -------------------------------------------------------------------------


def test_a_lost_gpu_keeps_its_place_on_the_bus(tmp_path: Path) -> None:
    nvml = inventory(reading(0), dead(1, LOST), reading(2))
    found = gpus(tmp_path, nvml, bus(0, 1, 2))
    assert len(found) == 3
    assert found[1].lost == "nvmlDeviceGetHandleByIndex_v2: GPU_IS_LOST"
    assert found[1].hung is None
    assert (found[1].pci_address, found[1].pci_id) == ("0000:01:00.0", "10de:2330")
    assert [gpu.lost for gpu in (found[0], found[2])] == [None, None]


def test_a_hung_gpu_names_the_call(tmp_path: Path) -> None:
    hang = NvmlError(10, "TIMEOUT", "nvmlDeviceGetPowerUsage", "no answer for 2 s")
    (gpu,) = gpus(tmp_path, inventory(reading(0, error=hang, power_mw=hang)), bus(0))
    assert gpu.hung == "nvmlDeviceGetPowerUsage"
    assert gpu.lost is None
    assert gpu.name == "NVIDIA H100 80GB HBM3"


def test_an_unknown_error_for_the_handle_is_a_lost_gpu(tmp_path: Path) -> None:
    unknown = NvmlError(999, "UNKNOWN", "nvmlDeviceGetHandleByIndex_v2")
    (gpu,) = gpus(tmp_path, inventory(dead(0, unknown)))
    assert gpu.lost == "nvmlDeviceGetHandleByIndex_v2: UNKNOWN"
    assert gpu.pci_address == Missing(Why.FAILED, str(unknown))


def test_a_gpu_that_was_not_read_is_neither_lost_nor_sound(tmp_path: Path) -> None:
    for error, why in (
        (NvmlError(-2, "NOT_READ", "", "no time was left"), Why.FAILED),
        (NvmlError(4, "NO_PERMISSION", "nvmlDeviceGetHandleByIndex_v2"), Why.BLOCKED),
    ):
        quiet = msgspec.structs.replace(dead(0, error), error=None)
        for nvml_gpu in (dead(0, error), quiet):
            (gpu,) = gpus(tmp_path, inventory(nvml_gpu))
            assert isinstance(gpu.lost, Missing)
            assert isinstance(gpu.hung, Missing)
            assert gpu.lost.why is why


def test_a_gpu_missing_in_nvml_is_lost(tmp_path: Path) -> None:
    found = gpus(tmp_path, inventory(reading(0)), bus(0, 1))
    assert len(found) == 2
    assert found[1].lost == "on the PCI bus but not answering the driver"
    assert found[1].pci_address == "0000:01:00.0"


def test_a_gpu_fallen_off_the_bus_says_so(tmp_path: Path) -> None:
    gone: Files = {"sys/bus/pci/devices/0000:01:00.0/config": b"\xff" * 64}
    found = gpus(tmp_path / "nvml", inventory(reading(0)), bus(0, 1), gone)
    assert "fallen off the PCI bus" in str(found[1].lost)
    without = gpus(tmp_path / "none", NO_DRIVER, bus(0, 1), gone)
    assert without[0].lost == NOT_ASKED
    assert "fallen off the PCI bus" in str(without[1].lost)


def test_a_gpu_of_another_driver_is_not_lost(tmp_path: Path) -> None:
    files = {**bus(0), **bus(1, driver="nouveau"), **bus(2, driver="")}
    found = gpus(tmp_path, inventory(reading(0)), files)
    assert [gpu.lost for gpu in found] == [None, None, None]
    assert [gpu.pci_address for gpu in found[1:]] == ["0000:01:00.0", "0000:02:00.0"]


def test_a_gpu_given_to_a_virtual_machine_is_not_ours(tmp_path: Path) -> None:
    files = {**bus(0), **bus(1, driver="vfio-pci")}
    assert len(gpus(tmp_path / "nvml", inventory(reading(0)), files)) == 1
    assert len(gpus(tmp_path / "none", NO_DRIVER, files)) == 1


def test_gpus_of_others_in_a_batch_job_are_not_lost(tmp_path: Path) -> None:
    job = {"SLURM_JOB_ID": "42"}
    assert len(gpus(tmp_path, inventory(reading(0)), bus(0, 1), environ=job)) == 1


# ---- containers ----------------------------------------------------------------------------


def test_a_container_has_the_gpus_it_was_given(tmp_path: Path) -> None:
    nvml = inventory(msgspec.structs.replace(reading(1), index=0))
    others = ("dev/nvidia0", "dev/nvidia2", "dev/nvidia3")
    files = {**bus(0, 1, 2, 3), **bus(4, driver="")}
    found = gpus(tmp_path, nvml, files, container=DOCKER, drop=others)
    assert [gpu.pci_address for gpu in found] == ["0000:01:00.0"]


def test_a_lost_gpu_of_a_container(tmp_path: Path) -> None:
    others = ("dev/nvidia2", "dev/nvidia3")
    found = gpus(tmp_path, inventory(reading(0)), bus(0, 1, 2, 3), container=DOCKER, drop=others)
    assert [gpu.pci_address for gpu in found] == ["0000:00:00.0", "0000:01:00.0"]
    assert found[1].lost == "on the PCI bus but not answering the driver"


def test_a_container_without_nvml_shows_the_hosts_gpus(tmp_path: Path) -> None:
    found = gpus(tmp_path, NO_DRIVER, bus(0, 1), container=DOCKER)
    assert [gpu.pci_id for gpu in found] == ["10de:2330", "10de:2330"]


# ---- the bus alone, and nothing at all -----------------------------------------------------


def test_without_nvml_the_bus_and_the_tables_tell(tmp_path: Path) -> None:
    ids: Files = {"usr/share/misc/pci.ids": "\n10de  NVIDIA\n\t2330  GH100 [H100 SXM5 80GB]\n"}
    (plain,) = gpus(tmp_path / "plain", NO_DRIVER, bus(0), ids)
    assert (plain.name, plain.sm) == ("GH100 [H100 SXM5 80GB]", NOT_ASKED)
    (told,) = gpus(tmp_path / "told", NO_DRIVER, bus(0), ids, know=True)
    assert (told.name, told.sm) == ("GH100 [H100 SXM5 80GB]", "9.0")
    (named,) = gpus(tmp_path / "named", NO_DRIVER, bus(0), know=True)
    assert "H100" in str(named.name)
    assert named.uuid == NOT_ASKED


def test_a_compute_capability_from_the_pci_id_says_so(tmp_path: Path) -> None:
    old = reading(1, compute_capability=NvmlError(13, "FUNCTION_NOT_FOUND", "nvmlDeviceGet"))
    host = host_of(tmp_path, KERNEL)
    fact = read_gpus(host, inventory(reading(0), old), (), BARE, load())
    assert isinstance(fact, Gpus)
    assert [gpu.sm for gpu in fact.known_devices()] == ["9.0", "9.0"]
    assert fact.source("sm") == "PCI device id (GPU 1)"
    assert fact.source("name") == "NVML"


def test_an_unknown_pci_id_is_no_guess(tmp_path: Path) -> None:
    files = pci_device("0000:01:00.0", "ffff")
    (gpu,) = gpus(tmp_path, NO_DRIVER, files, know=True)
    assert gpu.sm == NOT_ASKED
    assert gpu.name == absent("no pci.ids names it")


def test_no_gpu_is_an_empty_list(tmp_path: Path) -> None:
    assert gpus(tmp_path, NO_DRIVER, {"sys/bus/cpu/x": ""}) == ()
    assert gpus(tmp_path, inventory(), {}) == ()


def test_nobody_could_look(tmp_path: Path) -> None:
    image = host_of(tmp_path, {})
    assert read_gpus(image, NOT_ASKED, read_pci(image), BARE) == NOT_ASKED
    hidden = host_of(tmp_path / "hidden", KERNEL)
    fact = read_gpus(hidden, NO_DRIVER, read_pci(hidden), BARE)
    assert isinstance(fact, Missing)
    assert fact.why is Why.ABSENT


def test_wsl_has_gpus_that_no_bus_shows(tmp_path: Path) -> None:
    wsl = Container(runtime=None, wsl=2)
    (gpu,) = gpus(tmp_path, inventory(reading(0)), container=wsl)
    assert gpu.lost is None
