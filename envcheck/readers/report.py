"""Whatever was pasted → one Snapshot: every reader reads it, and what they found is put together.

What the text does not say is `Missing(NOT_ASKED)`.
"""

import re

import msgspec

from envcheck.facts import (
    FACT_NAMES,
    Distribution,
    Gpus,
    Missing,
    PythonEnv,
    Snapshot,
    Symptom,
    Symptoms,
    TorchBuild,
    merge,
    or_none,
)
from envcheck.kb import Knowledge
from envcheck.readers import collect_env, detectron2_env, nvcc, nvidia_smi, packages, symptom, words
from envcheck.readers.text import clean, condensed

_CONTAINER = re.compile(
    r"\b(?:docker|podman|kubernetes|kubectl|apptainer|singularity)\b", re.IGNORECASE
)


def read_report(text: str, kb: Knowledge) -> Snapshot | None:
    """The machine that a pasted text describes; None when no reader knows any of it."""
    text = clean(text)
    found = [
        _packages(text, kb),
        nvcc.read(text),
        nvidia_smi.read(text, kb),
        detectron2_env.read(text, kb),
        collect_env.read(text, kb),
    ]
    symptoms = symptom.read(condensed(text), kb)
    snapshot = Snapshot(origin="report")
    for one in found:
        snapshot = _together(snapshot, one)
    if not symptoms.symptoms and all(
        isinstance(snapshot.fact(name), Missing) for name in FACT_NAMES
    ):
        return None
    inferred = (*_inferred(text, snapshot), *symptoms.symptoms)
    symptoms = msgspec.structs.replace(symptoms, symptoms=inferred)
    return msgspec.structs.replace(snapshot, symptoms=_symptoms(snapshot.symptoms, symptoms))


def _inferred(text: str, snapshot: Snapshot) -> tuple[Symptom, ...]:
    """A CUDA torch without any GPU, in a text that speaks of containers."""
    torch, gpus = snapshot.torch, snapshot.gpus
    if not isinstance(torch, TorchBuild) or not torch.wants_cuda:
        return ()
    if not isinstance(gpus, Gpus) or gpus.devices:
        return ()
    said = _CONTAINER.search(text)
    if said is None:
        return ()
    line = symptom.line_at(text, *said.span())
    return (words.inferred("container_without_gpu", "report-container", line),)


def _together(base: Snapshot, over: Snapshot) -> Snapshot:
    """Both; the second takes precedence field by field, package by package, GPU by GPU."""
    python = base.python
    merged = merge(base, over)
    if isinstance(base.gpus, Gpus) and isinstance(over.gpus, Gpus) and over.gpus.devices:
        merged = msgspec.structs.replace(merged, gpus=_gpus(base.gpus, over.gpus))
    if isinstance(python, PythonEnv) and isinstance(merged.python, PythonEnv):
        listed = or_none(merged.python.distributions) or ()
        names = {dist.name for dist in listed}
        more = tuple(dist for dist in or_none(python.distributions) or () if dist.name not in names)
        if more:
            whole = msgspec.structs.replace(merged.python, distributions=(*listed, *more))
            merged = msgspec.structs.replace(merged, python=whole)
    return merged


def _gpus(base: Gpus, over: Gpus) -> Gpus:
    below = {gpu.index: gpu for gpu in base.known_devices()}
    devices = []
    for gpu in over.known_devices():
        under = below.get(gpu.index, gpu)
        said = {
            name: value
            for name in gpu.__struct_fields__
            if not isinstance(value := getattr(gpu, name), Missing)
        }
        devices.append(msgspec.structs.replace(under, **said))
    return msgspec.structs.replace(over, devices=tuple(devices))


def _symptoms(found: "Symptoms | Missing", messages: Symptoms) -> Symptoms:
    if isinstance(found, Missing):
        return messages
    return msgspec.structs.replace(found, symptoms=(*found.symptoms, *messages.symptoms))


def _packages(text: str, kb: Knowledge) -> Snapshot:
    """A list of packages, and the torch that is among them."""
    listed = packages.lists(text)
    if not listed:
        return Snapshot()
    source = "the list of packages"
    python = PythonEnv(
        executable="python",
        chosen_by="the report",
        distributions=listed,
        sources={"*": source},
    )
    mine = next((dist for dist in listed if dist.name == "torch"), None)
    if mine is None:
        return Snapshot(origin="report", python=python)
    return Snapshot(origin="report", python=python, torch=_torch(mine, listed, source, kb))


def _torch(
    mine: Distribution, listed: tuple[Distribution, ...], source: str, kb: Knowledge
) -> TorchBuild:
    cuda = words.cuda_of(mine.version)
    if mine.build:
        cuda = words.cuda_of_build(mine.build)
    build = words.torch_build(mine.version, cuda, "linux-x86_64", source, kb)
    return msgspec.structs.replace(
        build, companions=words.companions(listed), installer=mine.installer
    )
