"""Which CUDA runtime a library was linked with. Must not know which one is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

STATIC = "static"
REGISTER = "__cudaRegisterFatBinary"  # every object with GPU code calls it when it is loaded


def cuda_runtime(needed: Iterable[str], fatbins: int, undefined: Iterable[str]) -> str | None:
    """Major version of the runtime it links, "12"; "static": its own copy; None: none of its own.

    Args:
        needed: DT_NEEDED.
        fatbins: how many it holds.
        undefined: names it leaves to other libraries.
    """
    for name in needed:
        # Repaired wheels carry a copy whose name holds a hash: "libcudart-9335f6a2.so.12".
        stem, _, version = name.partition(".so.")
        major = version.partition(".")[0]
        if stem.startswith("libcudart") and major.isdecimal():
            return major
    return STATIC if fatbins and REGISTER not in undefined else None
