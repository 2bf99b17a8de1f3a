"""The host that an image or a plan is judged for: this machine, a snapshot, what is said of it."""

from collections.abc import Sequence

import msgspec

from envcheck.facts import (
    NOT_ASKED,
    Container,
    Driver,
    Gpu,
    Gpus,
    Host,
    Missing,
    Snapshot,
    merge,
    or_none,
)
from envcheck.kb import Knowledge
from envcheck.kb.builds import Platform

HOST = ("host", "container", "driver", "gpus")  # what a host gives to what runs on it
LOOKED_FOR = (*HOST, "python")  # the interpreter is what a list of packages is installed for
SAID = "the command line"
_PLATFORMS: tuple[Platform, ...] = ("linux-x86_64", "linux-aarch64", "windows-x86_64")


def host(
    kb: Knowledge,
    *,
    gpu: Sequence[str] = (),
    driver: str | None = None,
    snapshot: Snapshot | None = None,
    timeout: float = 10.0,
) -> Snapshot:
    """Driver, GPUs, system and Python of the host; what is said of it goes before what is there.

    Raises:
        UsageError: no such GPU or driver is known.
    """
    if gpu or driver:
        base = snapshot if snapshot is not None else Snapshot(origin="flags")
        return merge(_only(base), _said(kb, gpu, driver))
    if snapshot is not None:
        return _only(snapshot)
    from envcheck.probes.take import take_snapshot

    taken, _ = take_snapshot(python=None, facts=LOOKED_FOR, purpose="run", timeout=timeout, kb=kb)
    return taken


def python_of(snapshot: Snapshot) -> tuple[str | None, Snapshot]:
    """The version of the host's Python, "3.11.7", and the host without it."""
    python = snapshot.python
    version = None if isinstance(python, Missing) else or_none(python.version)
    return version, msgspec.structs.replace(snapshot, python=NOT_ASKED)


def platform_of(snapshot: Snapshot) -> Platform:
    """The wheel platform of a host; Linux on x86_64 where nothing is said."""
    if not isinstance(snapshot.host, Missing):
        arch, system = or_none(snapshot.host.arch), or_none(snapshot.host.platform)
        for platform in _PLATFORMS:
            if platform == f"{system or 'linux'}-{arch}":
                return platform
    return "linux-x86_64"


def _only(snapshot: Snapshot) -> Snapshot:
    kept = {name: snapshot.fact(name) for name in LOOKED_FOR}
    return msgspec.structs.replace(Snapshot(), origin=snapshot.origin, **kept)


def _said(kb: Knowledge, gpu: Sequence[str], driver: str | None) -> Snapshot:
    from envcheck.resolve.whatif import card, known_driver

    cards = [card(name, kb) for name in gpu]
    driver = known_driver(driver, kb) if driver else None
    sources = {"*": SAID}
    return Snapshot(
        origin="flags",
        gpus=Gpus(
            devices=tuple(
                Gpu(index=index, name=one.name or NOT_ASKED, sm=one.sm)
                for index, one in enumerate(cards)
            ),
            sources=sources,
        )
        if cards
        else NOT_ASKED,
        driver=Driver(version=driver, module_version=driver, sources=sources)
        if driver
        else NOT_ASKED,
        host=Host(platform="linux", sources=sources),
        container=Container(runtime=None, wsl=0, jetson=None, sources=sources),
    )
