"""A plan that suits the healthy machine, for rule tests."""

from typing import Any

from envcheck.facts.plan import BaseImage, GpuAccess, Plan, Wanted


def torch(**changes: Any) -> Wanted:
    """torch 2.4.0 for CUDA 12.1, pinned in line 3."""
    fields: dict[str, Any] = {
        "specifier": "==2.4.0",
        "version": "2.4.0",
        "cuda": "12.1",
        "where": "Dockerfile:3",
    }
    return Wanted(name="torch", **{**fields, **changes})


def plan(*wanted: Wanted, **changes: Any) -> Plan:
    """An image on CUDA 12.1 that is started with a GPU."""
    fields: dict[str, Any] = {
        "files": ("Dockerfile",),
        "wanted": wanted or (torch(), Wanted(name="numpy", specifier="<2", where="Dockerfile:4")),
        "base_image": BaseImage(
            name="nvidia/cuda:12.1.1-runtime-ubuntu22.04",
            cuda="12.1",
            libc="glibc",
            where="Dockerfile:1",
        ),
        "gpu_access": GpuAccess(asked=True, service="train", where="compose.yaml:2"),
        "capabilities": "compute,utility",
        "sources": {"capabilities": "Dockerfile:2"},
    }
    return Plan(**{**fields, **changes})
