"""FFmpeg releases, the headers they compile with, and the drivers those need.

Must not know any machine.
"""

from typing import Annotated

import msgspec

from envcheck.kb.rows import KnowledgeError, NonEmpty, Row, VersionText
from envcheck.kb.versions import VersionError, order

Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
Commit = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40}$")]


class Sdk(Row, frozen=True, kw_only=True):
    """A version of NVIDIA's Video Codec SDK."""

    sdk: VersionText  # "12.1"
    linux: VersionText  # the oldest driver whose NVENC accepts it
    windows: VersionText


class Headers(Row, frozen=True, kw_only=True):
    """A tag of nv-codec-headers to compile with."""

    sdk: VersionText
    tag: NonEmpty  # "n12.1.14.0"
    commit: Commit


class Release(Row, frozen=True, kw_only=True):
    """A release of FFmpeg, and the SDKs whose headers it compiles with."""

    series: VersionText  # "7.1"
    version: VersionText  # "7.1.5"
    sha256: Sha256  # of ffmpeg-VERSION.tar.xz
    oldest: VersionText
    newest: VersionText
    npp: bool  # it can be built with libnpp


class Stock(Row, frozen=True, kw_only=True):
    """What a distribution has."""

    distro: NonEmpty  # "debian12"
    ffmpeg: VersionText
    sdk: VersionText  # of the headers its FFmpeg was built with
    clang: NonEmpty  # package and program


class Default(Row, frozen=True, kw_only=True):
    """What to compile where nothing else decides."""

    version: VersionText
    npp_below: VersionText  # libnpp of a CUDA toolkit older than this is what FFmpeg can use


class FfmpegFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sdk: tuple[Sdk, ...]
    headers: tuple[Headers, ...]
    release: tuple[Release, ...]
    stock: tuple[Stock, ...]
    default: Default


class FfmpegTable:
    """Look-ups over ffmpeg.toml."""

    def __init__(self, file: FfmpegFile) -> None:
        self.sdks = file.sdk  # the oldest first
        self.headers = file.headers
        self.releases = file.release
        self.stock = file.stock
        self.default = file.default
        known = {row.sdk for row in file.sdk}
        used = [row.sdk for row in file.headers] + [row.sdk for row in file.stock]
        for sdk in used:
            if sdk not in known:
                raise KnowledgeError(f"ffmpeg.toml: no driver is known for SDK {sdk}")

    def sdk_of_driver(self, minimum: str) -> Sdk | None:
        """The SDK whose oldest Linux driver this is, as an FFmpeg names it; None: not known."""
        try:
            return next((row for row in self.sdks if order(row.linux) == order(minimum)), None)
        except VersionError:
            return None

    def newest_for(self, driver: str, *, windows: bool = False) -> Headers | None:
        """The newest headers to compile with that this driver accepts; None: it is too old.

        Raises:
            VersionError: not a driver version.
        """
        wanted = order(driver)
        served = {
            row.sdk for row in self.sdks if order(row.windows if windows else row.linux) <= wanted
        }
        fitting = [row for row in self.headers if row.sdk in served]
        return max(fitting, key=lambda row: order(row.sdk), default=None)
