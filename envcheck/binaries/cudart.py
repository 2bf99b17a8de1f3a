"""Which CUDA runtime a library was linked with. Must not know which one is installed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

STATIC = "static"
REGISTER = "__cudaRegisterFatBinary"  # every object with GPU code calls it when it is loaded

# Repaired wheels carry a copy whose name holds a hash: "libcudart-9335f6a2.so.12".
_NAME = re.compile(r"libcudart(?:[-.][0-9a-f]+)?\.so\.(\d+)", re.ASCII)


def cuda_runtime(needed: Iterable[str], fatbins: int, undefined: Iterable[str]) -> str | None:
    """Major version of the runtime it links, "12"; "static": its own copy; None: none of its own.

    Args:
        needed: DT_NEEDED.
        fatbins: how many it holds.
        undefined: names it leaves to other libraries.
    """
    for name in needed:
        match = _NAME.match(name)
        if match:
            return match[1]
    return STATIC if fatbins and REGISTER not in undefined else None
