"""The published models chosen by what a user asks for, each with its exact counts where known.

Must not know how they are printed.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from envcheck.errors import UsageError
from envcheck.video.catalogue import Architecture, Model, architectures, models

# Datasets as the catalogue calls them, and as others do.
DATASETS = {
    "K400": ("kinetics400", "kinetics"),
    "K600": ("kinetics600",),
    "SSv2": ("somethingsomethingv2", "ssv2"),
    "Charades": (),
    "AVA": (),
    "IN1K": ("imagenet1k", "imagenet"),
}
ZOOS = {"pyslowfast": "facebookresearch/SlowFast", "pytorchvideo": "facebookresearch/pytorchvideo"}
SAME_PARAMETERS = 0.02  # heads for other numbers of classes differ by less
ROUNDING = 0.0051  # published GFLOPs have two decimals

Convention = str  # "conv", "conv+bn", or "" where it is not known


class Counts(msgspec.Struct, frozen=True):
    """What is exact of the architecture, for Kinetics-400's classes."""

    architecture: str  # pytorchvideo's, as `smoke slowfast --model` has it
    parameters: int
    gflops_conv: float  # multiply-adds of convolutions and products, in thousand millions
    gflops_conv_bn: float  # and 5 for each element that a batch norm produces


class Listed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One published model and what its GFLOPs count."""

    name: str  # the checkpoint's file
    model: Model
    convention: Convention = ""  # of `model.flops_g`
    counts: Counts | None = None

    @property
    def top1(self) -> float | None:
        """In percent; of the fullest test, where several were published."""
        return self.model.top1 or self.model.top1_30view or self.model.top1_10view


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which models are asked for. Everything given must hold."""

    names: tuple[str, ...] = ()  # in the checkpoint's, configuration's or hub's name; one of them
    arch: str = ""
    dataset: str = ""
    zoo: str = ""
    pretrain: str = ""  # "none": trained from scratch
    hub: bool = False  # torch.hub knows it by name
    max_gflops: float | None = None
    max_params: float | None = None  # millions
    min_top1: float | None = None  # percent


Order = dict[str, Callable[[Listed], float]]
_FAR = 1e9
ORDERS: Order = {
    "top1": lambda row: -(row.top1 or 0.0),
    "gflops": lambda row: row.model.flops_g or _FAR,
    "params": lambda row: row.model.params_m or _FAR,
}


def listed(wanted: Wanted, order: str = "") -> tuple[Listed, ...]:
    """The published models that are asked for, in the catalogue's order or another of ORDERS.

    Raises:
        UsageError: no model has that architecture, data set or pre-training.
    """
    rows = [_listed(model) for model in _once_each()]
    for test in _tests(wanted, rows):
        rows = [row for row in rows if test(row)]
    return tuple(sorted(rows, key=ORDERS[order]) if order else rows)


def _once_each() -> tuple[Model, ...]:
    """The published rows, those of one checkpoint on one data set as one: each has some numbers."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for model in models():
        key = (model.url, model.dataset)
        row = {name: value for name, value in msgspec.structs.asdict(model).items() if value}
        have = found.setdefault(key, row)
        if have is not row:
            fuller, other = sorted((have, row), key=len, reverse=True)
            found[key] = {
                **other,
                **fuller,
                "arch": max(have["arch"], row["arch"], key=len),
                "source": f"{have['source']}, {row['source']}",
            }
    return tuple(Model(**row) for row in found.values())


def _tests(wanted: Wanted, rows: Sequence[Listed]) -> list[Callable[[Listed], bool]]:
    tests: list[Callable[[Listed], bool]] = []
    if wanted.names:
        words = [_norm(name) for name in wanted.names]
        tests.append(lambda row: any(word in text for word in words for text in _names(row)))
    if wanted.arch:
        arch = _norm(wanted.arch)
        if not any(_is_arch(row.model.arch, arch) for row in rows):
            every = sorted({_norm(row.model.arch.partition(" ")[0]) for row in rows})
            raise UsageError(f"no architecture is called {wanted.arch!r}: {', '.join(every)}")
        tests.append(lambda row: _is_arch(row.model.arch, arch))
    if wanted.dataset:
        dataset = _dataset(wanted.dataset)
        tests.append(lambda row: row.model.dataset == dataset)
    if wanted.pretrain:
        start = _norm(wanted.pretrain)
        starts = dict.fromkeys(_pretrain(row.model) for row in rows)
        if not any(start in text for text in starts):
            raise UsageError(f"no model starts from {wanted.pretrain!r}: {', '.join(starts)}")
        tests.append(lambda row: start in _pretrain(row.model))
    if wanted.zoo:
        source = ZOOS[wanted.zoo]
        tests.append(lambda row: row.model.source.startswith(f"{source}@"))
    if wanted.hub:
        tests.append(lambda row: row.model.hub_name is not None)
    for value, most in (
        (lambda row: row.model.flops_g, wanted.max_gflops),
        (lambda row: row.model.params_m, wanted.max_params),
    ):
        if most is not None:
            tests.append(_at_most(value, most))
    if wanted.min_top1 is not None:
        least = wanted.min_top1
        tests.append(lambda row: (row.top1 or 0.0) >= least)
    return tests


def _at_most(value: Callable[[Listed], float | None], most: float) -> Callable[[Listed], bool]:
    """What is not published is not known to be small enough."""
    return lambda row: (found := value(row)) is not None and found <= most


def _listed(model: Model) -> Listed:
    file = model.url.rpartition("/")[2]
    name = file if "." in file.partition("?")[0] else (model.config or file).rpartition("/")[2]
    for row in architectures().values():
        convention = _convention(model, row)
        if convention:
            counts = Counts(
                row.name, row.parameters, row.macs / 1e9, (row.macs + 5 * row.norm_elements) / 1e9
            )
            return Listed(name=name, model=model, convention=convention, counts=counts)
    return Listed(name=name, model=model)


def _convention(model: Model, row: Architecture) -> Convention:
    """What the model's published GFLOPs count, if it is this architecture; else ""."""
    if model.flops_g is None or model.params_m is None:
        return ""
    if abs(model.params_m * 1e6 / row.parameters - 1) > SAME_PARAMETERS:
        return ""
    if abs(model.flops_g - row.macs / 1e9) < ROUNDING:
        return "conv"
    same = abs(model.flops_g - (row.macs + 5 * row.norm_elements) / 1e9) < ROUNDING
    return "conv+bn" if same else ""


def _is_arch(arch: str, wanted: str) -> bool:
    """Whether "MViTv2-S" is a "mvitv2", a "mvit" or a "mvitv2s"; SlowFast is no "slow"."""
    words = [_norm(word) for word in re.split(r"[- _(]", arch) if word]
    starts = ["".join(words[:count]) for count in range(1, len(words) + 1)]
    return any(start == wanted or re.sub(r"v\d$", "", start) == wanted for start in starts) or (
        _norm(arch) == wanted
    )


def _dataset(text: str) -> str:
    for name, others in DATASETS.items():
        if _norm(text) in (_norm(name), *others):
            return name
    raise UsageError(f"no data set is called {text!r}: {', '.join(DATASETS)}")


def _pretrain(model: Model) -> str:
    text = _norm(model.pretrain or "none")
    return text.replace("kinetics", "k")


def _names(row: Listed) -> tuple[str, ...]:
    texts = (row.name, row.model.config, row.model.hub_name)
    return tuple(_norm(text) for text in texts if text)


def _norm(text: str) -> str:
    """Letters and digits only; R(2+1)D is written r2plus1d."""
    return re.sub(r"[^a-z0-9]", "", text.casefold().replace("+", "plus"))
