"""`nvidia-smi -q`, the long form: a section a GPU, its values indented below their headings."""

import re

from envcheck.facts import NOT_ASKED, Gpu, Missing
from envcheck.kb import Knowledge
from envcheck.readers import words

MIB = 1 << 20
MOST = 128  # GPUs of one paste
_HEAD = "NVSMI LOG"
_GPU = re.compile(r"^GPU ([0-9A-Fa-f]{8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.\d)$", re.MULTILINE)
_LINE = re.compile(r"([A-Z][^:\n]{1,60}?)\s*:\s*(\S.{0,200})")


def read(text: str, kb: Knowledge) -> "tuple[tuple[Gpu, ...], str | Missing, str | Missing] | None":
    """GPUs, driver version and CUDA version; None when the text has no such output."""
    start = text.find(_HEAD)
    if start < 0:
        return None
    region = text[start : start + (4 << 20)]
    marks = list(_GPU.finditer(region))[:MOST]
    head = region[: marks[0].start()] if marks else region
    driver = re.search(r"(?:Driver|KMD) Version\s*:\s*(\d{3}\.\d{2,3}(?:\.\d{1,2})?)", head)
    cuda = re.search(r"CUDA (?:UMD )?Version\s*:\s*(\d{1,2}\.\d{1,2})", head)
    devices = tuple(
        _gpu(
            place,
            mark[1],
            region[mark.end() : marks[place + 1].start() if place + 1 < len(marks) else None],
            kb,
        )
        for place, mark in enumerate(marks)
    )
    return devices, driver[1] if driver else NOT_ASKED, cuda[1] if cuda else NOT_ASKED


def _gpu(index: int, bus: str, section: str, kb: Knowledge) -> Gpu:
    values: dict[str, str] = {}
    under = ""
    for line in section[:64_000].split("\n"):
        match = _LINE.fullmatch(line.strip())
        if match is None:
            under = line.strip()
        else:
            values.setdefault(f"{under}/{match[1]}", match[2])
            values.setdefault(match[1], match[2])
    fields: dict[str, object] = {"pci_address": f"{bus[4:]}".lower()}
    if values.get("GPU UUID", "").startswith("GPU-"):
        fields["uuid"] = values["GPU UUID"]
    total = re.match(r"(\d{1,9}) MiB", values.get("FB Memory Usage/Total", ""))
    if total:
        fields["memory_bytes"] = int(total[1]) * MIB
    device = re.fullmatch(r"0x([0-9A-Fa-f]{4})10DE", values.get("Device Id", ""))
    if device:
        fields["pci_id"] = f"10de:{device[1].lower()}"
    for field, key in (
        ("mig_enabled", "MIG Mode/Current"),
        ("ecc_enabled", "ECC Mode/Current"),
        ("persistence", "Persistence Mode"),
    ):
        if values.get(key) in ("Enabled", "Disabled"):
            fields[field] = values[key] == "Enabled"
    for field, key in (
        ("row_remap_pending", "Remapped Rows/Pending"),
        ("row_remap_failed", "Remapped Rows/Remapping Failure Occurred"),
    ):
        if values.get(key) in ("Yes", "No"):
            fields[field] = values[key] == "Yes"
    return words.gpu(index, values.get("Product Name", ""), kb, **fields)
