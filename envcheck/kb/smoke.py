"""How far off a right result may be, and how fast each GPU should be. Must not know any machine."""

from typing import Literal

import msgspec

from envcheck.kb.rows import NonEmpty, Row

Precision = Literal["fp32", "tf32", "fp16", "bf16"]


class Limit(Row, frozen=True, kw_only=True):
    """The largest right `measured` of a kind of proof."""

    of: NonEmpty  # "result fp32": in deviations of the exact result; "video", "frames …": levels
    value: float


class Rate(Row, frozen=True, kw_only=True):
    """What the maker's data sheet promises of one product: dense products, float32 sums."""

    gpu: NonEmpty  # as products.toml names it
    fp32: float  # TFLOP/s
    tf32: float | None = None
    fp16: float  # TFLOP/s
    bf16: float | None = None
    memory: float  # GB/s

    def of(self, name: str) -> float | None:
        """The promise for a rate as trials name them: "bf16 TFLOP/s", "memory GB/s"."""
        value: float | None = getattr(self, name.split()[0], None)
        return value


class Share(Row, frozen=True, kw_only=True):
    """The part of the data sheet's rate below which a GPU is slow."""

    of: Literal["product", "memory"]
    value: float


class SmokeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: tuple[Limit, ...]
    share: tuple[Share, ...]
    rate: tuple[Rate, ...]


class SmokeTable:
    """Look-ups over smoke.toml."""

    def __init__(self, file: SmokeFile) -> None:
        self.limits = {row.of: row.value for row in file.limit}
        self.shares = {row.of: row.value for row in file.share}
        self.rates = {row.gpu: row for row in file.rate}

    def results(self) -> dict[str, float]:
        """Precision → the largest right difference, in deviations of the exact result."""
        return {
            of.removeprefix("result "): value
            for of, value in self.limits.items()
            if of.startswith("result ")
        }

    def frames(self) -> dict[str, float]:
        """What happened to video frames → the largest right difference, in levels of 255."""
        return {
            of.removeprefix("frames "): value
            for of, value in self.limits.items()
            if of.startswith("frames ")
        }

    def slow_below(self, gpu: str, rate: str) -> float | None:
        """The rate below which a product is slow; None: not known."""
        row = self.rates.get(gpu)
        promised = None if row is None else row.of(rate)
        if promised is None:
            return None
        return promised * self.shares["memory" if rate.startswith("memory") else "product"]
