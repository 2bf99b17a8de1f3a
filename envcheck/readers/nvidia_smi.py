"""What nvidia-smi prints: the table of every layout, `-L`, `--query-gpu` CSV, and its failures.

The long form (`-q`) is `nvidia_smi_q`.
"""

import csv
import re
from collections.abc import Iterator

import msgspec

from envcheck.facts import (
    NOT_ASKED,
    Driver,
    Gpu,
    Gpus,
    Missing,
    Snapshot,
    failed,
)
from envcheck.kb import Knowledge
from envcheck.readers import nvidia_smi_q, words

SOURCE = "nvidia-smi"
MIB = 1 << 20
MOST = 128  # GPUs of one paste

_HEAD = re.compile(
    r"NVIDIA-SMI[ ]{1,9}\S{1,24}[ ]{1,20}(?:Driver|KMD) Version:[ ]{0,9}"
    r"(\d{3}\.\d{2,3}(?:\.\d{1,2})?)"
    r"(?:[ ]{1,20}CUDA (?:UMD )?Version:[ ]{0,9}(\d{1,2}\.\d{1,2}|N/A|ERR!))?"
)
_ROW = re.compile(
    r"\|[ ]{1,4}(\d{1,3})[ ]{1,4}(\S.{0,60}?)[ ]{1,30}(On|Off|WDDM|TCC|MCDM|N/A)[ ]{0,3}\|"
    r"[ ]{0,4}([0-9A-F]{4,8}:[0-9A-F]{2}:[0-9A-F]{2}\.\d)[ ]{1,3}\S{1,4}[ ]{0,3}\|"
    r"[ ]{0,30}(\S{1,6})",
    re.IGNORECASE,
)
_MEMORY = re.compile(r"(\d{1,7})MiB /[ ]{0,9}(\d{1,7})MiB")
_LISTED = re.compile(r"GPU (\d{1,3}): ([^\n(]{1,80}?) \(UUID: (GPU-[0-9a-fxX-]{4,40})\)")
_FAILURES = (  # what it says when it fails → NVML's name of the failure
    ("Failed to initialize NVML: Driver/library version mismatch", "lib_rm_version_mismatch"),
    ("NVIDIA-SMI has failed because it couldn't communicate", "driver_not_loaded"),
    ("couldn't find libnvidia-ml.so library", "library_not_found"),
    ("Failed to initialize NVML: Unknown Error", "unknown"),
    ("Failed to initialize NVML: Insufficient Permissions", "no_permission"),
)


def read(text: str, kb: Knowledge) -> Snapshot:
    """The facts of whichever of its outputs stand in the text; empty when there is none."""
    if "NVIDIA-SMI" not in text and "NVSMI LOG" not in text and "GPU " not in text:
        devices, version = _from_csv(text, kb)
        return _snapshot(devices, version, NOT_ASKED) if devices else Snapshot()
    long_form = nvidia_smi_q.read(text, kb)
    if long_form is not None:
        return _snapshot(*long_form)
    head = _HEAD.search(text)
    if head:
        devices = tuple(_from_table(text[head.start() : head.start() + (256 << 10)], kb))
        cuda = head[2] if head[2] and head[2][0].isdigit() else NOT_ASKED
        return _snapshot(_with_list(devices, text), head[1], cuda)
    listed = tuple(
        words.gpu(int(index), name, kb, uuid=uuid)
        for index, name, uuid in _LISTED.findall(text)[:MOST]
    )
    if listed:
        return _snapshot(listed, NOT_ASKED, NOT_ASKED)
    devices, version = _from_csv(text, kb)
    return _snapshot(devices, version, NOT_ASKED) if devices else _failure(text)


def _snapshot(
    devices: tuple[Gpu, ...], version: "str | Missing", cuda: "str | Missing"
) -> Snapshot:
    driver = Driver(
        version=version, module_version=version, cuda=cuda, nvml="ok", sources={"*": SOURCE}
    )
    gpus = Gpus(devices=devices, sources={"*": SOURCE, "sm": words.KB}) if devices else NOT_ASKED
    return Snapshot(origin="report", driver=driver, gpus=gpus)


def _failure(text: str) -> Snapshot:
    for said, name in _FAILURES:
        if said in text:
            driver = Driver(nvml=failed(f"{name}: {said}"), sources={"*": SOURCE})
            return Snapshot(origin="report", driver=driver)
    if "\nNo devices were found\n" in f"\n{text}\n":
        return Snapshot(origin="report", gpus=Gpus(devices=(), sources={"*": SOURCE}))
    return Snapshot()


def _from_table(text: str, kb: Knowledge) -> Iterator[Gpu]:
    """The GPUs of the table; its second line of each holds the memory."""
    rows = list(_ROW.finditer(text))
    for place, row in enumerate(rows[:MOST]):
        end = rows[place + 1].start() if place + 1 < len(rows) else row.end() + 600
        rest = text[row.end() : end]
        memory = _MEMORY.search(rest)
        mig = re.search(r"\b(Enabled|Disabled)\*?[ ]{0,3}\|", rest)
        ecc = row[5]
        yield words.gpu(
            int(row[1]),
            row[2].strip(),
            kb,
            pci_address=_pci(row[4]),
            memory_bytes=int(memory[2]) * MIB if memory else NOT_ASKED,
            memory_used_bytes=int(memory[1]) * MIB if memory else NOT_ASKED,
            ecc_enabled=ecc.isdecimal() if ecc.isdecimal() or ecc == "Off" else NOT_ASKED,
            ecc_uncorrectable=int(ecc) if ecc.isdecimal() else NOT_ASKED,
            mig_enabled=mig[1] == "Enabled" if mig else NOT_ASKED,
            persistence=row[3] == "On" if row[3] in ("On", "Off") else NOT_ASKED,
        )


def _with_list(devices: tuple[Gpu, ...], text: str) -> tuple[Gpu, ...]:
    """Whole names from a `-L` list beside the table, which cuts long ones."""
    whole = {int(index): name for index, name, _ in _LISTED.findall(text)[:MOST]}
    return tuple(
        msgspec.structs.replace(gpu, name=whole[gpu.index]) if gpu.index in whole else gpu
        for gpu in devices
    )


def _pci(bus_id: str) -> str:
    """ "00000000:0C:00.0" → "0000:0c:00.0"."""
    domain, _, rest = bus_id.partition(":")
    return f"{domain[-4:]}:{rest}".lower()


def _from_csv(text: str, kb: Knowledge) -> tuple[tuple[Gpu, ...], "str | Missing"]:
    """The rows below a header of field names; without a header nobody knows what is what."""
    lines = [line for line in text.split("\n")[:20_000] if ", " in line and len(line) < 20_000]
    place = next(
        (
            i
            for i, line in enumerate(lines)
            if re.search(r"(?:^|, )(?:name|gpu_name)(?:, |$)", line)
        ),
        None,
    )
    if place is None:
        return (), NOT_ASKED
    names = [re.sub(r"\s*\[.*", "", cell).strip() for cell in lines[place].split(",")]
    if not {"name", "gpu_name"} & set(names) or len(names) < 2:
        return (), NOT_ASKED
    devices: dict[str, Gpu] = {}
    version: str | Missing = NOT_ASKED
    for row in csv.reader(lines[place + 1 : place + 1 + 4 * MOST]):
        cells = dict(zip(names, (cell.strip() for cell in row), strict=False))
        if len(row) != len(names):
            break
        driver = words.DRIVER.fullmatch(cells.get("driver_version", ""))
        version = driver[1] if driver else version
        bus = cells.get("pci.bus_id", cells.get("gpu_bus_id", ""))
        key = cells.get("uuid") or bus or cells.get("index") or str(len(devices))
        if key not in devices and len(devices) < MOST:  # a loop prints each GPU again and again
            devices[key] = _gpu_of(cells, len(devices), bus, kb)
    return tuple(devices.values()), version


def _gpu_of(cells: dict[str, str], index: int, bus: str, kb: Knowledge) -> Gpu:
    said = cells.get("index", "")
    fields: dict[str, object] = {}
    if re.fullmatch(r"\d{1,2}\.\d", cells.get("compute_cap", "")):
        fields["sm"] = cells["compute_cap"]
    total = re.match(r"\d{1,9}", cells.get("memory.total", ""))
    if total:
        fields["memory_bytes"] = int(total[0]) * MIB
    if bus and re.fullmatch(r"[0-9A-Fa-f]{4,8}(?::[0-9A-Fa-f]{2}){2}\.\d", bus):
        fields["pci_address"] = _pci(bus)
    if cells.get("uuid", "").startswith("GPU-"):
        fields["uuid"] = cells["uuid"]
    if cells.get("mig.mode.current") in ("Enabled", "Disabled"):
        fields["mig_enabled"] = cells["mig.mode.current"] == "Enabled"
    name = cells.get("name", cells.get("gpu_name", ""))
    return words.gpu(int(said) if said.isdecimal() else index, name, kb, **fields)
