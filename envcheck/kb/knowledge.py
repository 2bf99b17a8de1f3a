"""The knowledge base as one object; each data file is read when it is first asked for.

Must not know any machine. Subjects are imported when they are asked for, for quick starts.
"""

import os
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from envcheck.kb.rows import read_file

if TYPE_CHECKING:
    from envcheck.kb.builds import BuildTable
    from envcheck.kb.channels import ChannelTable
    from envcheck.kb.cuda import CudaTable
    from envcheck.kb.driver import DriverTable
    from envcheck.kb.extensions import ExtensionTable
    from envcheck.kb.ffmpeg import FfmpegTable
    from envcheck.kb.gpus import GpuTable, PciGpu, PciTable
    from envcheck.kb.images import ImageTable
    from envcheck.kb.known_issues import IssueTable
    from envcheck.kb.names import GpuMatch
    from envcheck.kb.packages import PackageTable
    from envcheck.kb.pyslowfast import PyslowfastTable
    from envcheck.kb.smoke import SmokeTable
    from envcheck.kb.torch import TorchTable

PACKAGED = Path(__file__).parent / "data"

_File = TypeVar("_File")


class Knowledge:
    """World facts. Every attribute may raise KnowledgeError when its file is bad."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self._folders = folders

    @cached_property
    def cuda(self) -> "CudaTable":
        """Toolkits, drivers they need, nvcc's limits."""
        from envcheck.kb.cuda import CudaFile, CudaTable

        return CudaTable(self._read("cuda.toml", CudaFile))

    @cached_property
    def drivers(self) -> "DriverTable":
        """Driver branches and the packages that bring them."""
        from envcheck.kb.driver import DriverFile, DriverTable

        return DriverTable(self._read("driver.toml", DriverFile))

    @cached_property
    def gpus(self) -> "GpuTable":
        """Architectures, chips and products."""
        from envcheck.kb.gpus import GpuFile, GpuTable, ProductFile

        return GpuTable(
            self._read("gpus.toml", GpuFile), lambda: self._read("products.toml", ProductFile)
        )

    @cached_property
    def images(self) -> "ImageTable":
        """What names of container images say."""
        from envcheck.kb.images import ImageFile, ImageTable

        return ImageTable(self._read("images.toml", ImageFile))

    @cached_property
    def pci(self) -> "PciTable":
        """Chips by PCI device id."""
        from envcheck.kb.gpus import PciFile, PciTable

        return PciTable(self._read("pci.toml", PciFile), self.gpus)

    @cached_property
    def torch(self) -> "TorchTable":
        """torch releases and their companions."""
        from envcheck.kb.torch import TorchFile, TorchTable

        return TorchTable(self._read("torch.toml", TorchFile))

    @cached_property
    def packages(self) -> "PackageTable":
        """Python packages that clash with torch."""
        from envcheck.kb.packages import PackageFile, PackageTable

        return PackageTable(self._read("packages.toml", PackageFile))

    @cached_property
    def channels(self) -> "ChannelTable":
        """How wheels are asked for, and conda channels."""
        from envcheck.kb.channels import ChannelFile, ChannelTable

        return ChannelTable(self._read("channels.toml", ChannelFile))

    @cached_property
    def extensions(self) -> "ExtensionTable":
        """Packages that compile CUDA kernels against torch."""
        from envcheck.kb.extensions import ExtensionFile, ExtensionTable

        return ExtensionTable(self._read("extensions.toml", ExtensionFile))

    @cached_property
    def ffmpeg(self) -> "FfmpegTable":
        """FFmpeg releases, nv-codec-headers, and the drivers those need."""
        from envcheck.kb.ffmpeg import FfmpegFile, FfmpegTable

        return FfmpegTable(self._read("ffmpeg.toml", FfmpegFile))

    @cached_property
    def pyslowfast(self) -> "PyslowfastTable":
        """Patches for a PySlowFast checkout, and what its imports are installed by."""
        from envcheck.kb.pyslowfast import PyslowfastFile, PyslowfastTable

        return PyslowfastTable(self._read("pyslowfast.toml", PyslowfastFile))

    @cached_property
    def smoke(self) -> "SmokeTable":
        """How far off a right result may be, and how fast each GPU should be."""
        from envcheck.kb.smoke import SmokeFile, SmokeTable

        return SmokeTable(self._read("smoke.toml", SmokeFile))

    @cached_property
    def builds(self) -> "BuildTable":
        """torch wheels and the GPU code they hold."""
        from envcheck.kb.builds import BuildTable

        return BuildTable(folder / "builds" for folder in self._folders)

    @cached_property
    def issues(self) -> "IssueTable":
        """Known error messages with cause and remedy."""
        from envcheck.kb.known_issues import IssueTable

        return IssueTable(tuple(folder / "known_issues" for folder in self._folders))

    def gpu_by_name(self, text: str) -> "GpuMatch":
        """The product a text names ("H100", "GeForce RTX 4090 Laptop GPU"), or suggestions."""
        from envcheck.kb.names import find

        return find(text, self.gpus.spellings)

    def gpu_by_pci_id(self, text: str) -> "PciGpu | None":
        """The chip behind "10de:2330", "2330" or NVML's 0x233010de; None: not known."""
        return self.pci.by_id(text)

    def _read(self, name: str, shape: type[_File]) -> _File:
        present = [folder / name for folder in self._folders if (folder / name).exists()]
        return read_file(present[-1] if present else self._folders[0] / name, shape)


@lru_cache
def _load(folders: tuple[Path, ...]) -> Knowledge:
    return Knowledge(folders)


def load(override: Path | None = None) -> Knowledge:
    """The packaged knowledge base. A file of the same name in `override`, or else in the directory
    ENVCHECK_KB names, takes the place of the packaged one.
    """
    chosen = override or (Path(os.environ["ENVCHECK_KB"]) if "ENVCHECK_KB" in os.environ else None)
    return _load((PACKAGED,) if chosen is None else (PACKAGED, chosen))
