"""nvidia-smi's own words: fields, headers, cells, messages and exit codes."""

import os
import re
from datetime import datetime

import pytest

from envcheck.errors import UsageError
from envcheck.nvml.readings import NvmlError
from envcheck.watch.query import (
    Format,
    QueryError,
    fields,
    header,
    parse_fields,
    parse_format,
    row,
)
from tests.watch.conftest import Command, Fleet

NOT_SUPPORTED = NvmlError(3, "NOT_SUPPORTED", "")
NOW = datetime(2026, 7, 3, 22, 11, 9, 916_499)
SIX = "name,utilization.gpu,utilization.memory,memory.total,memory.free,memory.used"
MIB = 1 << 20


def line(names: str, *readings: object, units: bool = True, driver: str = "590.48.01") -> str:
    chosen = parse_fields(names)
    return row(chosen, readings, Format(units=units), now=NOW, driver=driver)


def test_headers_name_the_unit() -> None:
    assert header(parse_fields(SIX)) == (
        "name, utilization.gpu [%], utilization.memory [%], memory.total [MiB],"
        " memory.free [MiB], memory.used [MiB]"
    )


def test_aliases_print_the_canonical_name() -> None:
    names = "gpu_name,gpu_bus_id,clocks.sm,clocks_throttle_reasons.active,remapped_rows.dbe"
    assert header(parse_fields(names)) == (
        "name, pci.bus_id, clocks.current.sm [MHz], clocks_event_reasons.active,"
        " remapped_rows.uncorrectable"
    )


# Cells as public outputs of nvidia-smi show them.
@pytest.mark.parametrize(
    ("names", "readings", "expected"),
    [
        ("timestamp,index", (None, 0), "2026/07/03 22:11:09.916, 0"),
        ("memory.total,memory.used", ([143771 * MIB, 32361 * MIB + 1, 0, 0],) * 2,
         "143771 MiB, 32362 MiB"),
        ("power.draw,power.limit", (627_400, 700_000), "627.40 W, 700.00 W"),
        ("pstate,pci.bus,pci.device_id", (0, {"bus": 0x83}, {"pciDeviceId": 0x233510DE}),
         "P0, 0x83, 0x233510DE"),
        ("clocks_event_reasons.active,clocks_event_reasons.sw_power_cap", (4, 4),
         "0x0000000000000004, Active"),
        ("clocks_event_reasons.gpu_idle", (4,), "Not Active"),
        ("compute_mode,compute_cap,persistence_mode", (0, [9, 0], 1), "Default, 9.0, Enabled"),
        ("remapped_rows.pending,remapped_rows.correctable", ([0, 0, 0, 0],) * 2, "No, 0"),
        ("temperature.gpu,temperature.memory", (52, NOT_SUPPORTED), "52, N/A"),
        ("utilization.gpu,fan.speed", (NOT_SUPPORTED, NOT_SUPPORTED), "[N/A], [N/A]"),
        ("fabric.state,fabric.status,fabric.cliqueId",
         ({"state": 3, "status": 0, "clique_id": 0},) * 3, "Completed, Success, 0"),
        ("fabric.state", (NOT_SUPPORTED,), "N/A"),
        ("edpp_multiplier,inforom.checksum_validation", (100, None), "100.00 %, valid"),
        ("clocks_event_reasons_counters.sw_power_cap", (212553937,), "212553937 us"),
        ("utilization.gpu", (NvmlError(16, "RESET_REQUIRED", ""),), "[GPU requires reset]"),
        ("utilization.gpu", (NvmlError(15, "GPU_IS_LOST", ""),), "[GPU is lost]"),
        ("utilization.gpu", (NvmlError(4, "NO_PERMISSION", ""),), "[Insufficient Permissions]"),
        ("utilization.gpu", (NvmlError(999, "UNKNOWN", ""),), "[Unknown Error]"),
        ("platform.chassis_serial_number,platform.peer_type",
         ({"chassisSerialNumber": ""}, {"peerType": 0}), ", Direct Connected"),
    ],
)  # fmt: skip
def test_cells(names: str, readings: tuple[object, ...], expected: str) -> None:
    assert line(names, *readings) == expected


def test_nounits_strips_cells_and_keeps_brackets() -> None:
    assert line("power.draw,memory.total,fan.speed", 70_890, [MIB], NOT_SUPPORTED, units=False) == (
        "70.89, 1, [N/A]"
    )


def test_deprecated_fields_by_driver_branch() -> None:
    assert line("clocks.applications.graphics", 1980, driver="590.48.01") == (
        "[Requested functionality has been deprecated]"
    )
    assert line("clocks.applications.graphics", 1980, driver="580.65.06") == "1980 MHz"


def test_every_field_has_a_cell() -> None:
    everything = ",".join(field.name for field in fields())
    cells = line(everything, *[NOT_SUPPORTED] * len(fields())).split(", ")
    assert len(cells) == len(fields()) > 240
    assert set(cells[1:]) == {"[N/A]", "N/A", "[Requested functionality has been deprecated]"}


def test_unknown_field() -> None:
    with pytest.raises(QueryError) as caught:
        parse_fields("name,xxx,yyy")
    assert caught.value.message == 'Field "xxx" is not a valid field to query.\n\n'
    assert caught.value.exit_code == 2


def test_formats() -> None:
    assert parse_format("csv") == Format()
    assert parse_format("csv,noheader,nounits") == Format(header=False, units=False)
    for bad in ("json", "noheader", "csv,nice"):
        with pytest.raises(UsageError):
            parse_format(bad)


def test_the_six_fields_on_a_driver(simulated: Fleet, gpu_watch: Command) -> None:
    gpu = {"util": 37, "mem_util": 12, "mem_used_mib": 100.5, "mem_reserved_mib": 551}
    ran = gpu_watch(f"--query-gpu={SIX}", "--format=csv", env=simulated([gpu, {"name": "T4"}]))
    assert ran.stdout == (
        "name, utilization.gpu [%], utilization.memory [%], memory.total [MiB],"
        " memory.free [MiB], memory.used [MiB]\n"
        "NVIDIA H100 80GB HBM3, 37 %, 12 %, 81559 MiB, 80908 MiB, 101 MiB\n"
        "T4, 0 %, 0 %, 81559 MiB, 80008 MiB, 1000 MiB\n"
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_loop_prints_the_header_once(simulated: Fleet, gpu_watch: Command) -> None:
    arguments = ("--query-gpu=timestamp,index", "--format=csv,nounits", "-lms", "50", "-n", "2")
    lines = gpu_watch(*arguments, "-i", "1,0", env=simulated(2)).stdout.splitlines()
    assert lines[0] == "timestamp, index"
    assert [text.rpartition(" ")[2] for text in lines[1:]] == ["0", "1", "0", "1"]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3}, 0", lines[1])


def test_refusals_on_the_command_line(simulated: Fleet, gpu_watch: Command) -> None:
    env = simulated(1)
    ran = gpu_watch("--query-gpu=xxx", "--format=csv", env=env)
    assert (ran.stdout, ran.returncode) == ('Field "xxx" is not a valid field to query.\n\n', 2)
    ran = gpu_watch("--query-gpu=name", env=env)
    assert ran.stdout.startswith('"--format=" switch is missing.')
    ran = gpu_watch("--query-gpu=name", "--format=csv", "-i", "7", env=env)
    assert (ran.stdout, ran.returncode) == ("No devices were found\n", 6)


def test_lost_gpu_fills_its_row(simulated: Fleet, gpu_watch: Command) -> None:
    fault = {"gpu": 0, "fn": "nvmlDeviceGetHandle", "ret": 15}
    ran = gpu_watch(
        "--query-gpu=name,power.draw", "--format=csv,noheader", env=simulated(2, faults=[fault])
    )
    assert ran.stdout == "[GPU is lost], [GPU is lost]\nNVIDIA H100 80GB HBM3, 90.00 W\n"
    assert ran.returncode == 3
    assert "GPU 0: nvmlDeviceGetHandleByIndex: GPU_IS_LOST" in ran.stderr


def test_compute_apps(simulated: Fleet, gpu_watch: Command) -> None:
    process = {"pid": os.getpid(), "mem_mib": 2566}
    ran = gpu_watch(
        "--query-compute-apps=gpu_name,gpu_uuid,pid,name,used_memory",
        "--format=csv",
        env=simulated([{"procs": [process, {**process, "type": "G"}]}, {}]),
    )
    head, row_seen = ran.stdout.splitlines()
    assert head == "gpu_name, gpu_uuid, pid, process_name, used_gpu_memory [MiB]"
    cells = row_seen.split(", ")
    assert cells[:3] == [
        "NVIDIA H100 80GB HBM3",
        "GPU-51a0b000-5717-4562-b3fc-2c963f660000",
        str(os.getpid()),
    ]
    assert cells[-1] == "2566 MiB"
