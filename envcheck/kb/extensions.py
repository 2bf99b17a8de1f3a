"""Packages with CUDA kernels of their own, and how they are compiled. Must not know any machine."""

import msgspec

from envcheck.kb.rows import NonEmpty, Row


class Kernels(Row, frozen=True, kw_only=True):
    """A package that holds CUDA code when it is built as it should be."""

    package: NonEmpty  # normalised, "flash-attn"
    install: str  # "git+https://…"; "": name==version
    environment: tuple[str, ...]  # "FORCE_CUDA=1"
    library: str = ""  # the compiled module it is nothing without, "detectron2/_C"
    unstated: tuple[str, ...] = ()  # packages it imports and does not ask for: "setuptools"


class ExtensionFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    extension: tuple[Kernels, ...]


class ExtensionTable:
    """Look-ups over extensions.toml."""

    def __init__(self, file: ExtensionFile) -> None:
        self.rows = file.extension

    def find(self, package: str) -> Kernels | None:
        """The row of a distribution; None: it may have no CUDA kernels at all."""
        return next((row for row in self.rows if row.package == package), None)
