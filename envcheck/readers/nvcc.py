"""`nvcc --version` as pasted text."""

import re

from envcheck.facts import Cuda, Snapshot

_RELEASE = re.compile(r"Cuda compilation tools, release (\d{1,2}\.\d{1,2})")


def read(text: str) -> Snapshot:
    """The compiler's release; an empty Snapshot when the text has none."""
    match = _RELEASE.search(text)
    if match is None:
        return Snapshot()
    return Snapshot(cuda=Cuda(nvcc_version=match[1], sources={"*": "nvcc --version"}))
