"""Which torch build fits these GPUs, this driver and this Python, and the command that installs it.

Pure: facts (real or what-if) and knowledge in, ranked builds out. Must not know probes.
"""

import msgspec

from envcheck import compat
from envcheck.kb import Knowledge
from envcheck.kb.builds import Build
from envcheck.kb.versions import order


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a build must fit; None and () mean "not known", which excludes nothing."""

    sms: tuple[str, ...] = ()  # compute capabilities, "9.0"
    driver: str | None = None  # "535.104.05"
    python: str | None = None  # "3.11"
    platform: str = "linux-x86_64"


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One build, with the companions that pair with it and where its wheels lie."""

    build: Build
    torchvision: str | None
    torchaudio: str | None
    index_url: str

    def packages(self, companions: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Pinned requirements of torch and the named companions."""
        pins = {"torchvision": self.torchvision, "torchaudio": self.torchaudio}
        return (
            f"torch=={self.build.torch}",
            *(f"{name}=={pins[name]}" for name in companions if pins.get(name)),
        )


def best(wanted: Wanted, kb: Knowledge) -> Choice | None:
    """The newest torch release that fits, in its newest CUDA variant that the driver serves."""
    fitting = [build for build in kb.builds if fits(build, wanted, kb)]
    if not fitting:
        return None
    build = max(fitting, key=lambda row: (order(row.torch), order(row.cuda or "0")))
    return Choice(
        build=build,
        torchvision=kb.torch.pair("torchvision", build.torch),
        torchaudio=kb.torch.pair("torchaudio", build.torch),
        index_url=kb.torch.index_url(build.cuda),
    )


def fits(build: Build, wanted: Wanted, kb: Knowledge) -> bool:
    """Whether nothing known speaks against a CUDA build."""
    if build.cuda is None or build.platform != wanted.platform or not build.sass:
        return False
    if wanted.python and build.python and wanted.python not in build.python:
        return False
    if not all(
        compat.runs(build.sass, build.ptx, sm, cuda=build.cuda, kb=kb).runs for sm in wanted.sms
    ):
        return False
    return wanted.driver is None or (
        compat.driver_serves(wanted.driver, build.cuda, kb=kb).serves is True
    )
