"""What a torch build must run on, asked or out of a machine's facts.

Must not know how facts are found, nor any build.
"""

from typing import TypeGuard

import msgspec

from envcheck.facts import Container, Driver, Gpus, Host, Missing, PythonEnv, or_none
from envcheck.kb import Sm, SmError, VersionError, order
from envcheck.kb.builds import Platform

COMPANIONS = ("torchvision", "torchaudio")
_PLATFORMS: dict[str, Platform] = {
    "linux-x86_64": "linux-x86_64",
    "linux-aarch64": "linux-aarch64",
    "windows-x86_64": "windows-x86_64",
}


class Card(msgspec.Struct, frozen=True):
    """A GPU model. Several of one model count once."""

    name: str | None  # "NVIDIA H100 80GB HBM3"; None: only the compute capability is known
    sm: str  # "9.0"

    def __str__(self) -> str:
        sass = f"sm_{self.sm.replace('.', '')}"
        return f"{self.name} ({sass})" if self.name else sass


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What a build must run on; None and () mean "not known"."""

    gpus: tuple[Card, ...] = ()
    driver: str | None = None  # "535.104.05"
    python: str | None = None  # "3.11", "3.13t"
    glibc: str | None = None  # "2.31"
    platform: Platform = "linux-x86_64"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A machine, and which builds are asked about."""

    machine: Machine
    torch: str | None = None  # PEP 440 specifier, "==2.4.*"
    cuda: str | None = None  # "12.1"
    wsl: bool = False  # Linux with the Windows driver
    companions: tuple[str, ...] = COMPANIONS  # to be installed with torch

    @property
    def windows_driver(self) -> bool:
        """Whether driver versions are counted as on Windows."""
        return self.wsl or self.machine.platform == "windows-x86_64"


def request_of(
    gpus: Gpus | Missing,
    driver: Driver | Missing,
    python: PythonEnv | Missing,
    host: Host | Missing,
    container: Container | Missing,
    companions: tuple[str, ...] = COMPANIONS,
) -> Request | None:
    """What a build must run on here; what is missing excludes nothing. None: there are no builds
    for such a platform.
    """
    platform = _PLATFORMS.get(_known(python, "platform") or "linux-x86_64")
    if platform is None:
        return None
    devices = () if isinstance(gpus, Missing) else gpus.known_devices()
    return Request(
        machine=Machine(
            gpus=tuple(Card(or_none(gpu.name), gpu.sm) for gpu in devices if _is_sm(gpu.sm)),
            driver=_known(driver, "version"),
            python=_python(python),
            glibc=_number(_known(host, "glibc")),
            platform=platform,
        ),
        wsl=not isinstance(container, Missing) and bool(or_none(container.wsl)),
        companions=companions,
    )


def _known(fact: Driver | Host | PythonEnv | Missing, field: str) -> str | None:
    value = None if isinstance(fact, Missing) else getattr(fact, field)
    return value if isinstance(value, str) else None


def _python(python: PythonEnv | Missing) -> str | None:
    """ "3.13", and "3.13t" for a free-threaded one."""
    version, tag = _known(python, "version") or "", _known(python, "tag") or ""
    number = _number(".".join(version.split(".")[:2]))
    return number and number + ("t" if tag.endswith("t") else "")


def _number(version: str | None) -> str | None:
    """A version that can be compared; None for any other text."""
    try:
        return version if version and order(version) else None
    except VersionError:
        return None


def _is_sm(text: str | Missing) -> TypeGuard[str]:
    try:
        return isinstance(text, str) and bool(Sm.parse(text))
    except SmError:
        return False
