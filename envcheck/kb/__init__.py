"""World facts with source and date: drivers, CUDA, GPUs, torch. Must not know any machine."""

from envcheck.kb.builds import Build, BuildTable, Platform
from envcheck.kb.cuda import CudaTable, NvccVerdict
from envcheck.kb.driver import Branch, DriverTable, Package
from envcheck.kb.gpus import Arch, Gpu, GpuClass, GpuTable, PciGpu
from envcheck.kb.knowledge import PACKAGED, Knowledge, load
from envcheck.kb.names import GpuMatch
from envcheck.kb.packages import Guard, PackageTable
from envcheck.kb.rows import KnowledgeError, Row
from envcheck.kb.sm import Sm, SmError
from envcheck.kb.torch import Gap, Pair, Release, TorchTable
from envcheck.kb.versions import VersionError, minor, order

__all__ = [
    "PACKAGED",
    "Arch",
    "Branch",
    "Build",
    "BuildTable",
    "CudaTable",
    "DriverTable",
    "Gap",
    "Gpu",
    "GpuClass",
    "GpuMatch",
    "GpuTable",
    "Guard",
    "Knowledge",
    "KnowledgeError",
    "NvccVerdict",
    "Package",
    "PackageTable",
    "Pair",
    "PciGpu",
    "Platform",
    "Release",
    "Row",
    "Sm",
    "SmError",
    "TorchTable",
    "VersionError",
    "load",
    "minor",
    "order",
]
