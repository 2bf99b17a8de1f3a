"""How torch is asked for: the form of the vendor's wheel commands, and conda channels.

Must not know which GPU code the wheels hold, nor any machine.
"""

import msgspec

from envcheck.kb.builds import Platform
from envcheck.kb.pep440 import within
from envcheck.kb.rows import NonEmpty, PtxName, Row, SassName, VersionText
from envcheck.kb.versions import minor


class Wheels(Row, frozen=True, kw_only=True):
    """From `plain_since` on commands name plain versions and the vendor's index alone; before,
    local versions and its index beside the usual one.
    """

    plain_since: VersionText


class Channel(Row, frozen=True, kw_only=True):
    """The vendor's conda packages of some torch releases. `{cuda}` stands for "12.1"."""

    torch: NonEmpty  # PEP 440 specifier
    cuda: tuple[VersionText, ...] = ()  # empty: every CUDA the release has wheels for
    platforms: tuple[Platform, ...]
    python: tuple[str, ...]
    pin: NonEmpty
    channels: tuple[NonEmpty, ...]


class ForgeBuild(Row, frozen=True, kw_only=True):
    """A build of conda-forge, compiled there for a list of architectures of its own."""

    torch: VersionText
    platform: Platform
    cuda: VersionText
    python: tuple[str, ...]
    sass: tuple[SassName, ...]
    ptx: tuple[PtxName, ...]
    torchvision: VersionText | None = None  # the release that pairs with it there; None: none
    torchaudio: VersionText | None = None


class ChannelFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    wheels: Wheels
    channel: tuple[Channel, ...]
    forge: tuple[ForgeBuild, ...]


class ChannelTable:
    """Look-ups over channels.toml."""

    def __init__(self, file: ChannelFile) -> None:
        self.wheels = file.wheels
        self._channels = file.channel
        self._forge = file.forge

    def vendor(self, torch: str, cuda: str, platform: str) -> Channel | None:
        """The vendor's channel that has this release for this CUDA; None: none has."""
        for row in self._channels:
            if platform in row.platforms and within(torch, row.torch):
                return row if not row.cuda or cuda in row.cuda else None
        return None

    def forge(self, torch: str, cuda: str, platform: str) -> tuple[ForgeBuild, ...]:
        """conda-forge's builds of a release for this CUDA or another of its major version, the
        nearest first.
        """
        major, number = _parts(cuda)
        rows = [
            row
            for row in self._forge
            if row.torch == torch and row.platform == platform and _parts(row.cuda)[0] == major
        ]
        return tuple(sorted(rows, key=lambda row: abs(_parts(row.cuda)[1] - number)))


def _parts(cuda: str) -> tuple[int, int]:
    major, number = minor(cuda).split(".")
    return int(major), int(number)
