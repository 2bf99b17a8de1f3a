"""NVIDIA driver branches, and how distributions package them. Must not know any machine."""

import datetime
from typing import Literal

import msgspec

from envcheck.kb.rows import NonEmpty, Row, VersionText
from envcheck.kb.versions import order

Designation = Literal["long-term", "production", "new-feature", "toolkit", "legacy"]


class Branch(Row, frozen=True, kw_only=True):
    """A driver branch; the numbers are those of Linux, Windows releases lie between them."""

    branch: int  # 580
    designation: Designation
    cuda: VersionText  # the newest CUDA it serves by itself, as nvidia-smi prints it
    first: VersionText | None = None  # oldest release known
    last: VersionText | None = None  # newest release known on `checked`
    end_of_life: datetime.date | None = None  # the last day of the month NVIDIA names
    note: str = ""


class Package(Row, frozen=True, kw_only=True):
    """The packages that install a driver. `{branch}` stands for the branch number."""

    distro: str  # "debian12", "ubuntu2404"
    origin: Literal["nvidia", "distro"]
    branches: tuple[int, ...]
    open: str | None = None  # packages with the open kernel module
    proprietary: str | None = None
    compute: str | None = None  # headless: open module, no desktop libraries
    pin: str | None = None  # package that holds the branch, installed first
    note: str = ""


class Keyring(Row, frozen=True, kw_only=True):
    """The package that makes apt trust NVIDIA's repository of a distribution."""

    distro: str
    arch: str  # "x86_64", "aarch64"
    url: NonEmpty
    sha256: NonEmpty


class Fabric(Row, frozen=True, kw_only=True):
    """Fabric Manager and NSCQ, which must be of the driver's version on NVSwitch machines."""

    origin: Literal["nvidia", "distro"]
    os: str | None = None  # only for this ID of os-release
    first_branch: int | None = None
    last_branch: int | None = None
    packages: NonEmpty
    nvlink5: str | None = None  # what fifth-generation NVSwitches (Blackwell) need besides


class Choice(Row, frozen=True, kw_only=True):
    """The branch to install where nothing else decides."""

    branch: int


class DriverFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    default: Choice
    branch: tuple[Branch, ...]
    package: tuple[Package, ...]
    keyring: tuple[Keyring, ...]
    fabric: tuple[Fabric, ...]


class DriverTable:
    """Look-ups over driver.toml."""

    def __init__(self, file: DriverFile) -> None:
        self.default = file.default
        self.branches = tuple(sorted(file.branch, key=lambda row: row.branch))
        self.packages = file.package
        self.keyrings = file.keyring
        self.fabrics = file.fabric

    def branch_of(self, driver: str) -> Branch | None:
        """The branch a driver belongs to: the newest that is not above its first number.

        Windows 591.86 belongs to R590, as NVIDIA counts them. None: older than every branch known.

        Raises:
            VersionError: not a driver version.
        """
        number = order(driver)[0]
        known = [row for row in self.branches if row.branch <= number]
        return known[-1] if known else None

    def first_for_cuda(self, cuda: str) -> Branch | None:
        """The oldest branch that serves this CUDA by itself."""
        wanted = order(cuda)
        return next((row for row in self.branches if order(row.cuda) >= wanted), None)
