"""What the Ansible roles for CUDA and torch must know, written out of the knowledge base as YAML.

Must not judge: which build runs is asked of `envcheck.compat` and `envcheck.resolve`.
"""

import json
import textwrap
from collections.abc import Mapping

from envcheck import compat
from envcheck.kb import Knowledge, minor, order
from envcheck.kb.builds import Build
from envcheck.resolve.install import wheels
from envcheck.resolve.judge import glibc_of, judge
from envcheck.resolve.request import Card, Machine, Request

HEADER = """---
# Written by `make docs` from the data files in envcheck/kb/data/; a test compares them.
"""


def stack_files(kb: Knowledge) -> dict[str, str]:
    """Path below `ansible/` → text."""
    return {
        "roles/cuda_toolkit/vars/main/limits.yml": _limits(kb),
        "roles/mamba_env/vars/main/torch_builds.yml": _builds(kb),
    }


def _limits(kb: Knowledge) -> str:
    """Per CUDA minor release: newest gcc and glibc nvcc accepts, capabilities it compiles for."""
    text = f"{HEADER}cuda_toolkit_limits:\n"
    for row in sorted(kb.cuda.nvccs, key=lambda row: order(row.cuda)):
        able = [
            arch.sm for arch in kb.gpus.archs if kb.cuda.nvcc_targets(row.cuda, arch.sm).compiles
        ]
        text += f'  "{row.cuda}":\n'
        text += _lines({"gcc": row.gcc, "glibc": row.glibc, "compute_capabilities": able}, 4)
    return text


def _builds(kb: Knowledge) -> str:
    """torch → CUDA → architecture → what pip is asked for, and what the build runs on."""
    tree: dict[str, dict[str, dict[str, str]]] = {}
    for build in kb.builds:
        if build.cuda is not None and build.platform.startswith("linux-"):
            architectures = tree.setdefault(build.torch, {}).setdefault(minor(build.cuda), {})
            architecture = build.platform.removeprefix("linux-")
            architectures[architecture] = _lines(_entry(build, build.cuda, kb), 8)
    text = f"{HEADER}mamba_env_torch_builds:\n"
    for torch, by_cuda in tree.items():
        text += f'  "{torch}":\n'
        for cuda, architectures in by_cuda.items():
            text += f'    "{cuda}":\n'
            text += "".join(f"      {name}:\n{lines}" for name, lines in architectures.items())
    return text


def _entry(build: Build, cuda: str, kb: Knowledge) -> dict[str, object]:
    """What `envcheck compat --format ansible` says of this build, for every GPU it runs on."""
    able = tuple(
        arch.sm
        for arch in kb.gpus.archs
        if compat.runs(build.sass, build.ptx, arch.sm, cuda=cuda, kb=kb).how in ("native", "binary")
    )
    request = Request(
        machine=Machine(gpus=tuple(Card(None, sm) for sm in able), platform=build.platform),
        torch=f"=={build.torch}",
        cuda=cuda,
    )
    (judged,) = judge(request, kb)
    wheel = wheels(judged, kb)
    floor = kb.cuda.floor(cuda)
    return {
        "requirements": wheel.requirements,
        "index": " ".join(wheel.index),
        "python": build.python,
        "glibc": glibc_of(build),
        "driver": floor.linux if floor else None,
        "compute_capabilities": able,
    }


def _lines(entry: Mapping[str, object], indent: int) -> str:
    """A line a key, wrapped where a list is long; JSON is YAML."""
    start = " " * indent
    return "".join(
        textwrap.fill(
            f"{key}: {json.dumps(value, default=list)}",
            width=110,
            initial_indent=start,
            subsequent_indent=start + " " * (len(key) + 3),  # below the list's first item
            break_on_hyphens=False,
            break_long_words=False,
        )
        + "\n"
        for key, value in entry.items()
    )
