"""The exact commands that install a judged build: pip, uv and conda, with companions and guards.

Pure. Must not know why a build was chosen.
"""

import msgspec

from envcheck import compat
from envcheck.kb import Guard, Knowledge, order
from envcheck.kb.channels import Channel, ForgeBuild
from envcheck.resolve.judge import Judged
from envcheck.resolve.request import Request


class Install(msgspec.Struct, frozen=True, kw_only=True):
    """One command each. `conda` is None where no conda channel has such a build."""

    pip: str
    uv: str
    conda: str | None


class Wheels(msgspec.Struct, frozen=True, kw_only=True):
    """What pip and uv are asked for."""

    torch: tuple[str, ...]  # "torch==2.4.0", "torchvision==0.19.0", …
    guards: tuple[str, ...]  # "numpy<2"
    option: str = ""  # "--index-url"; empty: the configured index has these very wheels
    url: str = ""

    @property
    def requirements(self) -> tuple[str, ...]:
        return self.torch + self.guards

    @property
    def index(self) -> tuple[str, ...]:
        """The option and the address, or nothing."""
        return (self.option, self.url) if self.option else ()


class Conda(msgspec.Struct, frozen=True, kw_only=True):
    """What conda or mamba is asked for."""

    specs: tuple[str, ...]  # "pytorch=2.8.0=cuda129*", "torchvision=0.23.0"
    channels: tuple[str, ...]  # the first one goes first


def install(
    judged: Judged, request: Request, kb: Knowledge, extra: tuple[str, ...] = ()
) -> Install:
    """The commands for a build. `extra`: packages beside torch whose guards are minded."""
    wheel = wheels(judged, kb, extra)
    words = " ".join((*map(quoted, wheel.requirements), *wheel.index))
    env = conda(judged, request, kb, extra)
    return Install(
        pip=f"pip install {words}",
        uv=f"uv pip install {words}",
        conda=None if env is None else _conda_command(env),
    )


def wheels(judged: Judged, kb: Knowledge, extra: tuple[str, ...] = ()) -> Wheels:
    """Pinned requirements and the index that has them: the configured one where the build is what
    it brings anyway, the vendor's otherwise.
    """
    build, guards = judged.build, _guards(judged, kb, "pip", extra)
    pins = {"torch": build.torch, **judged.companions}
    plain = tuple(f"{name}=={version}" for name, version in pins.items())
    if build.default:
        return Wheels(torch=plain, guards=guards)
    url = kb.torch.index_url(judged.cuda)
    if order(build.torch) >= order(kb.channels.wheels.plain_since):
        return Wheels(torch=plain, guards=guards, option="--index-url", url=url)
    local = f"+cu{judged.cuda.replace('.', '')}"
    exact = tuple(pin if pin.startswith("torchaudio") else pin + local for pin in plain)
    return Wheels(torch=exact, guards=guards, option="--extra-index-url", url=url)


def conda(
    judged: Judged, request: Request, kb: Knowledge, extra: tuple[str, ...] = ()
) -> Conda | None:
    """The conda packages that come nearest: the vendor's channel for this very CUDA, or else
    conda-forge's build for the same major version, where that runs too; None: there is none.
    """
    build, python = judged.build, request.machine.python
    guards = _guards(judged, kb, "conda", extra)
    channel = kb.channels.vendor(build.torch, judged.cuda, build.platform)
    if channel is not None:
        return _vendor(judged, channel, guards) if _fits(python, channel.python) else None
    for row in kb.channels.forge(build.torch, judged.cuda, build.platform):
        if _fits(python, row.python) and _runs(row, request, kb):
            return _forge(row, request, guards)
    return None


def quoted(requirement: str) -> str:
    """Quoted as bash, PowerShell and cmd read it alike."""
    return f'"{requirement}"' if any(sign in requirement for sign in "<>*;!~ ") else requirement


def _vendor(judged: Judged, channel: Channel, guards: tuple[str, ...]) -> Conda:
    pins = {"pytorch": judged.build.torch, **judged.companions}
    specs = tuple(f"{name}=={version}" for name, version in pins.items())
    cuda = channel.pin.replace("{cuda}", judged.cuda)
    return Conda(specs=(*specs, cuda, *guards), channels=channel.channels)


def _forge(row: ForgeBuild, request: Request, guards: tuple[str, ...]) -> Conda:
    pins = {"torchvision": row.torchvision, "torchaudio": row.torchaudio}
    specs = (f"{name}={pins[name]}" for name in request.companions if pins.get(name))
    torch = f"pytorch={row.torch}=cuda{row.cuda.replace('.', '')}*"
    return Conda(specs=(torch, *specs, *guards), channels=("conda-forge",))


def _fits(python: str | None, has: tuple[str, ...]) -> bool:
    return python is None or python in has


def _runs(row: ForgeBuild, request: Request, kb: Knowledge) -> bool:
    """Whether conda-forge's own build runs on every GPU and is served by the driver."""
    for card in request.machine.gpus:
        code = compat.runs(row.sass, row.ptx, card.sm, cuda=row.cuda, kb=kb)
        if code.how not in ("native", "binary"):
            return False
    driver, windows = request.machine.driver, request.windows_driver
    return driver is None or (
        compat.driver_serves(driver, row.cuda, windows=windows, kb=kb).serves is True
    )


def _guards(
    judged: Judged, kb: Knowledge, installer: str, extra: tuple[str, ...]
) -> tuple[str, ...]:
    """Pins that keep packages away which break this torch, or what is to be installed beside it."""
    windows = judged.build.platform == "windows-x86_64"

    def minded(guard: Guard) -> bool:
        return (
            guard.scope == "run"
            and guard.installer in (None, installer)
            and guard.platform in (None, "windows" if windows else "linux")
        )

    rows = [*kb.packages.guards_for("torch", judged.build.torch)]
    rows += [guard for name in extra for guard in kb.packages.guards_for(name, None)]
    return tuple(dict.fromkeys(f"{row.package}{row.pin}" for row in rows if minded(row)))


def _conda_command(env: Conda) -> str:
    channels = " ".join(f"-c {name}" for name in env.channels)
    return f"conda install {' '.join(map(quoted, env.specs))} {channels}"
