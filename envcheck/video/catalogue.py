"""The model catalogue: architectures that can be built and counted, published models, class names.

Must not know whether anything of it is installed.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from envcheck.errors import UsageError
from envcheck.kb.rows import NonEmpty, Row, read_file

DATA = Path(__file__).parent / "data"
GOLDEN = DATA / "golden.json"  # what the golden clip must give, by architecture
CLIP = DATA / "clip.mp4"  # every frame's content is known: `smoke_forward.known_content`
LABEL_LIMIT = 1 << 20  # bytes of a file of class names


class Architecture(Row, frozen=True, kw_only=True):
    """One model that pytorchvideo builds, and its exact counts for one clip."""

    name: NonEmpty
    builder: NonEmpty  # "module:function"
    options: dict[str, Any] = {}
    frames: int  # of the clip; the fast pathway's, where there are two
    rate: int  # frames of the video between two of the clip
    crop: int  # pixels
    alpha: int  # fast frames for each slow one; 0: one pathway
    parameters: int
    macs: int  # multiply-adds of convolutions and matrix products
    norm_elements: int  # elements that batch norms produce
    published: float  # GFLOPs of the published table …
    convention: Literal["conv", "conv+bn"]  # … and what it counts

    @property
    def gflops(self) -> float:
        """The published number worked out from the exact counts, in its own convention."""
        norm = 5 * self.norm_elements if self.convention == "conv+bn" else 0
        return (self.macs + norm) / 1e9

    @property
    def published_words(self) -> str:
        what = "convolutions only" if self.convention == "conv" else "batch norm counted"
        return f"{self.published:.2f} G, {what}"


class Model(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of a published model zoo. Accuracies in percent, `source` is file and line."""

    arch: str
    url: str
    source: str
    section: str
    dataset: str
    size: str | None = None
    frames: int | None = None
    rate: int | None = None
    resolution: str | None = None
    top1: float | None = None
    top5: float | None = None
    top1_10view: float | None = None
    top1_30view: float | None = None
    map: float | None = None
    params_m: float | None = None  # millions
    flops_g: float | None = None  # thousand millions a view
    spatial_views: int | None = None
    temporal_views: int | None = None
    pretrain: str | None = None
    pretrain_url: str | None = None
    training: str | None = None
    hub_name: str | None = None
    builder: str | None = None
    config: str | None = None  # PySlowFast's, without ".yaml"
    config_exists: bool | None = None
    config_finetune: str | None = None
    method: str | None = None
    rho: float | None = None
    latency_ms: float | None = None
    k400_linear_top1: float | None = None
    ucf101_top1: float | None = None
    ava_map: float | None = None
    ava_version: str | None = None
    ssv2_top1: float | None = None
    note: str | None = None  # what is wrong with the row as it is published


class _Architectures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    architecture: tuple[Architecture, ...]


class _Models(msgspec.Struct, frozen=True):
    models: tuple[Model, ...]


@lru_cache
def architectures() -> dict[str, Architecture]:
    """Every architecture by name, in the catalogue's order."""
    rows = read_file(DATA / "architectures.toml", _Architectures).architecture
    return {row.name: row for row in rows}


def architecture(name: str) -> Architecture:
    """The architecture of that name.

    Raises:
        UsageError: there is none; the known ones are named.
    """
    known = architectures()
    if name not in known:
        raise UsageError(f"no model is called {name!r}: there are {', '.join(known)}")
    return known[name]


@lru_cache
def models() -> tuple[Model, ...]:
    """Every published model: PySlowFast's and pytorchvideo's zoos, row for row."""
    return msgspec.json.decode((DATA / "models.json").read_bytes(), type=_Models).models


@lru_cache
def kinetics400() -> tuple[str, ...]:
    """The 400 classes of Kinetics-400 in the order of the models' outputs, which is alphabetical.

    From torchvision/models/_meta.py of torchvision 0.19; equal to data/label_map.txt of
    github.com/google-deepmind/kinetics-i3d at 0667e889.
    """
    return tuple((DATA / "kinetics400.txt").read_text(encoding="utf-8").splitlines())


def read_labels(path: str) -> tuple[str, ...]:
    """Class names from a file: one a line, or JSON, a list or name → index.

    Raises:
        UsageError: unreadable, too large, or neither.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(LABEL_LIMIT + 1)
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}") from error
    if len(data) > LABEL_LIMIT:
        raise UsageError(f"{path}: larger than {LABEL_LIMIT >> 20} MiB, no list of classes is")
    if not text.lstrip().startswith(("{", "[")):
        return tuple(line.strip() for line in text.splitlines() if line.strip())
    try:
        held = msgspec.json.decode(data, type=list[str] | dict[str, int])
    except (msgspec.DecodeError, RecursionError) as error:
        raise UsageError(f"{path}: neither a list of names nor name → index: {error}") from error
    if isinstance(held, list):
        return tuple(held)
    names = {index: name.strip('"') for name, index in held.items()}
    if sorted(names) != list(range(len(held))):
        raise UsageError(f"{path}: the indices are not 0 to {len(held) - 1}, each once")
    return tuple(names[index] for index in range(len(names)))
