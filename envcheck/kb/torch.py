"""torch releases, the companions that pair with them, and where their wheels lie.

Must not know which GPU code a build holds (that is `builds`) or any machine.
"""

import msgspec

from envcheck.kb.pep440 import within
from envcheck.kb.rows import NonEmpty, Row, SassName, VersionText
from envcheck.kb.versions import VersionError, order


class Release(Row, frozen=True, kw_only=True):
    """One torch release; Python versions and pins are those of the default Linux x86_64 wheel."""

    version: VersionText  # "2.4.0"
    python: tuple[str, ...]  # "3.8", …; "3.13t" is free-threaded
    cuda: VersionText  # of the wheel that plain `pip install torch` brings
    variants: tuple[VersionText, ...]  # every CUDA variant published, the default one included
    cudnn: VersionText | None = None
    nccl: VersionText | None = None
    triton: VersionText | None = None
    setuptools: str | None = None  # what its metadata asks of setuptools


class Pair(Row, frozen=True, kw_only=True):
    """A release of a companion and the torch it was made for."""

    package: NonEmpty  # "torchvision"
    version: VersionText  # "0.19.0"
    torch: NonEmpty  # PEP 440 specifier, "==2.4.0"


class Gap(Row, frozen=True, kw_only=True):
    """A side library of torch that lacks an architecture which libtorch_cuda has."""

    torch: NonEmpty  # PEP 440 specifier
    library: NonEmpty  # "libtorch_cuda_linalg.so"
    lacks: tuple[SassName, ...]
    what: NonEmpty  # what fails, in one sentence


class Index(Row, frozen=True, kw_only=True):
    """Where wheels of a CUDA variant lie. `{tag}` stands for cu121."""

    url: NonEmpty


class TorchFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    release: tuple[Release, ...]
    pair: tuple[Pair, ...]
    gap: tuple[Gap, ...]
    index: Index


class TorchTable:
    """Look-ups over torch.toml."""

    def __init__(self, file: TorchFile) -> None:
        self.releases = tuple(sorted(file.release, key=lambda row: order(row.version)))
        self.pairs = tuple(sorted(file.pair, key=lambda row: order(row.version)))
        self.gaps = file.gap
        self.index = file.index

    def release(self, torch: str) -> Release | None:
        """The release of "2.4.0" or "2.4.0+cu121"; None: not known."""
        try:
            wanted = order(torch.partition("+")[0])
        except VersionError:
            return None
        return next((row for row in self.releases if order(row.version) == wanted), None)

    def pair(self, package: str, torch: str) -> str | None:
        """The newest release of torchvision, torchaudio or torchcodec made for this torch."""
        for row in reversed(self.pairs):
            if row.package == package and within(torch, row.torch):
                return row.version
        return None

    def fits(self, package: str, version: str, torch: str) -> bool | None:
        """Whether a companion was made for this torch; None: that companion is not known."""
        for row in self.pairs:
            if row.package == package and within(version, f"=={row.version}"):
                return within(torch, row.torch)
        return None

    def gaps_of(self, torch: str) -> tuple[Gap, ...]:
        """The side libraries of this torch that lack an architecture."""
        return tuple(row for row in self.gaps if within(torch, row.torch))

    def index_url(self, cuda: str | None) -> str:
        """The vendor's wheel index of a CUDA variant: "12.1" → …/cu121; None → …/cpu."""
        tag = "cpu" if cuda is None else "cu" + cuda.replace(".", "")
        return self.index.url.replace("{tag}", tag)
