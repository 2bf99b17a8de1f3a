"""NVIDIA GPUs: architectures, chips, products, PCI device ids. Must not know any machine."""

import re
from collections.abc import Callable
from functools import cached_property
from typing import Literal

import msgspec

from envcheck.kb.rows import KnowledgeError, NonEmpty, PciId, Row, SmText, VersionText

GpuClass = Literal["datacenter", "workstation", "geforce", "laptop", "jetson"]
OpenModules = Literal["unsupported", "supported", "required"]

_PCI_ID = re.compile(r"(?:0x)?10de:(?:0x)?([0-9a-f]{4})|0x([0-9a-f]{4})10de|(?:0x)?([0-9a-f]{4})")


class Arch(Row, frozen=True, kw_only=True):
    """One compute capability."""

    sm: SmText  # "8.9"
    family: NonEmpty  # "Ada"
    first_branch: int | None = None  # oldest driver branch that knows it; None: ancient
    last_branch: int | None = None  # newest branch that still has it; None: still there
    open_modules: OpenModules
    integrated: bool = False  # a Jetson's GPU: code for discrete GPUs does not run on it
    discrete_code_since: VersionText | None = None  # … but for CUDA from this release on
    same_as: SmText | None = None  # another name of this capability: 10.1 became 11.0


class Chip(Row, frozen=True, kw_only=True):
    """A GPU chip by NVIDIA's code name."""

    chip: NonEmpty  # "AD102"
    sm: SmText
    nvenc: int | None = None  # NVENC engines; None: not recorded


class Product(Row, frozen=True, kw_only=True, rename={"class_": "class"}):
    """A GPU as it is sold, named as the driver names it."""

    name: NonEmpty  # "NVIDIA H100 80GB HBM3"
    chip: NonEmpty
    class_: GpuClass
    aliases: tuple[str, ...] = ()
    memory: tuple[int, ...] = ()  # GB, every size sold under this name
    pci: tuple[PciId, ...] = ()
    open_modules: OpenModules | None = None  # where it differs from its architecture's
    arm: bool = False  # sold together with an Arm CPU only: Grace, DGX Spark
    note: str = ""


class Ids(Row, frozen=True, kw_only=True):
    """PCI device ids (vendor 10de) of a chip."""

    chip: NonEmpty
    ids: tuple[PciId, ...]


class GpuFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    arch: tuple[Arch, ...]
    chip: tuple[Chip, ...]


class ProductFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    product: tuple[Product, ...]


class PciFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    device: tuple[Ids, ...]


class Gpu(msgspec.Struct, frozen=True, kw_only=True):
    """A product together with what its chip and architecture say."""

    name: str
    sm: str  # "9.0"
    family: str
    chip: str
    class_: GpuClass
    memory: tuple[int, ...]
    nvenc: int | None
    open_modules: OpenModules
    arm: bool  # its host is linux-aarch64, as a Jetson's is
    note: str
    kind: str
    source: str


class PciGpu(msgspec.Struct, frozen=True, kw_only=True):
    """What a PCI device id alone tells: the chip, and the names it is sold under."""

    chip: str
    sm: str
    family: str
    names: tuple[str, ...]
    source: str


class GpuTable:
    """Look-ups over gpus.toml and, only when a name is asked for, products.toml."""

    def __init__(self, file: GpuFile, products: Callable[[], ProductFile]) -> None:
        self.archs = file.arch
        self.chips = {row.chip: row for row in file.chip}
        self._archs = {row.sm: row for row in file.arch}
        self._products = products
        for chip in file.chip:
            if chip.sm not in self._archs:
                raise KnowledgeError(f"gpus.toml: {chip.chip}: unknown architecture {chip.sm}")

    @cached_property
    def products(self) -> tuple[Product, ...]:
        """What is sold, the newest first."""
        products = self._products().product
        for product in products:
            if product.chip not in self.chips:
                raise KnowledgeError(f"products.toml: {product.name}: unknown chip {product.chip}")
        return products

    def arch(self, sm: str) -> Arch | None:
        """The architecture of "8.9"; None: unknown, newer than this table."""
        return self._archs.get(sm)

    @cached_property
    def gpus(self) -> tuple[Gpu, ...]:
        """Every product with its chip's and architecture's facts."""
        return tuple(self._gpu(product) for product in self.products)

    @cached_property
    def spellings(self) -> tuple[tuple[str, Gpu], ...]:
        """Every name and alias with its product."""
        return tuple(
            (spelling, gpu)
            for product, gpu in zip(self.products, self.gpus, strict=True)
            for spelling in (product.name, *product.aliases)
        )

    def _gpu(self, product: Product) -> Gpu:
        chip = self.chips[product.chip]
        arch = self._archs[chip.sm]
        return Gpu(
            name=product.name,
            sm=chip.sm,
            family=arch.family,
            chip=chip.chip,
            class_=product.class_,
            memory=product.memory,
            nvenc=chip.nvenc,
            open_modules=product.open_modules or arch.open_modules,
            arm=product.arm or arch.integrated,
            note=product.note,
            kind=product.kind,
            source=product.source,
        )


class PciTable:
    """Look-ups over pci.toml, the chips behind PCI device ids."""

    def __init__(self, file: PciFile, gpus: GpuTable) -> None:
        self._gpus = gpus
        self._rows: dict[str, Ids] = {}
        for row in file.device:
            if row.chip not in gpus.chips:
                raise KnowledgeError(f"pci.toml: unknown chip {row.chip}")
            for device in row.ids:
                if device in self._rows:
                    raise KnowledgeError(f"pci.toml: {device} stands twice")
                self._rows[device] = row

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id known, as four hexadecimal digits."""
        return tuple(sorted(self._rows))

    def by_id(self, text: str) -> PciGpu | None:
        """The chip of "10de:2330", "2330" or NVML's 0x233010de; None: not an id known here."""
        match = _PCI_ID.fullmatch(text.strip().lower())
        device = match[1] or match[2] or match[3] if match else ""
        row = self._rows.get(device)
        if row is None:
            return None
        chip = self._gpus.chips[row.chip]
        arch = self._gpus.arch(chip.sm)
        names = (product.name for product in self._gpus.products if device in product.pci)
        return PciGpu(
            chip=row.chip,
            sm=chip.sm,
            family=arch.family if arch else "",
            names=tuple(names),
            source=row.source,
        )
