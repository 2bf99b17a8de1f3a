"""Checks of TORCH_CUDA_ARCH_LIST, which extension builds obey. Pure."""

import re
from collections.abc import Iterator

from envcheck import compat
from envcheck.facts import Environment, Gpus, Missing, Purpose, TorchBuild, known, or_none
from envcheck.finding import NOTE, WARNING, Evidence, Finding, Remedy
from envcheck.kb import Knowledge
from envcheck.kb.sm import Sm
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.common import gpu_names, visible
from envcheck.rules.rebuild import arch_list

VARIABLE = "TORCH_CUDA_ARCH_LIST"
_ENTRY = re.compile(r"(\d{1,2}\.\d[af]?)(\+PTX)?", re.ASCII)
_NAME = re.compile(r"[A-Z][a-z]+(?:\+\w+)*(?:\+PTX)?")  # "Hopper", "Ampere+PTX"


@rule("CUD006", severity=NOTE, subject="cuda")
def arch_list_without_gpu(
    environment: Environment,
    gpus: Gpus,
    torch: TorchBuild | Missing,
    purpose: Purpose,
    kb: Knowledge,
) -> Iterator[Finding]:
    """TORCH_CUDA_ARCH_LIST names no architecture that this machine's GPU runs, or none at all.

    Why: every extension that is compiled while the variable is set gets code for what it names
    alone. On another GPU the first kernel ends with `no kernel image is available for execution on
    the device`. An entry that is not written like `9.0` or `9.0+PTX` ends the build with `Unknown
    CUDA arch (90) or GPU not supported`.

    Confirm: the list holds the compute capability of the GPU.

        echo "$TORCH_CUDA_ARCH_LIST"

    Fix: set it to the GPU's, or unset it: the GPUs that are visible are taken then.

    Sources: https://pytorch.org/docs/stable/cpp_extension.html
    https://github.com/pytorch/pytorch/blob/main/torch/utils/cpp_extension.py
    """
    value = environment.get(VARIABLE) or ""
    shown = [gpu for gpu in visible(gpus, environment) if isinstance(gpu.sm, str)]
    entries = [entry for entry in re.split(r"[;\s]+", value) if entry]
    build = None if isinstance(torch, Missing) else torch
    if not entries or not shown or (build and build.wants_cuda is False):
        raise NotApplicable
    wrong = [entry for entry in entries if not (_ENTRY.fullmatch(entry) or _NAME.fullmatch(entry))]
    if wrong:
        problem = f"torch does not know {', '.join(wrong)}; it is written like 9.0 or 9.0+PTX"
    else:
        cuda = or_none(build.cuda) if build else None
        unfit = tuple(gpu for gpu in shown if not _runs(entries, known(gpu.sm), cuda, kb))
        if not unfit:
            return
        problem = f"what is compiled so has no code for {gpu_names(unfit)}"
    right = arch_list(build, gpus, environment, kb) if build else ""
    yield Finding(
        severity=WARNING if purpose == "build" else NOTE,
        message=f"{VARIABLE} is {value!r}: {problem}.",
        evidence=(Evidence(VARIABLE, value, environment.source("variables")),),
        remedy=Remedy("Name this machine's GPUs.", (f'export {VARIABLE}="{right}"',), "safe")
        if right
        else Remedy("Let the visible GPUs be taken.", (f"unset {VARIABLE}",), "safe"),
    )


def _runs(entries: list[str], sm: str, cuda: str | None, kb: Knowledge) -> bool:
    named = [match for entry in entries if (match := _ENTRY.fullmatch(entry))]
    if len(named) < len(entries):
        raise NotApplicable  # a generation's name: which architectures it means, torch knows
    sass = {Sm.parse(match[1]).sass for match in named}
    ptx = {Sm.parse(match[1]).ptx for match in named if match[2]}
    return compat.runs(sass, ptx, sm, cuda=cuda, kb=kb).runs
