"""The proof of a PySlowFast checkout: where it is, which configuration, which jobs.

Must not know what mends it.
"""

from pathlib import Path

import msgspec

from envcheck.errors import UsageError
from envcheck.facts import Trials
from envcheck.smoke.prover import Prover, devices_of
from envcheck.smoke.run import Progress

PACKAGE = "slowfast/config/defaults.py"  # every checkout has it
# The smallest of its SlowFast models on Kinetics first.
USUAL = ("Kinetics/SLOWFAST_4x16_R50.yaml", "Kinetics/SLOWFAST_8x8_R50.yaml")


class Checkout(msgspec.Struct, frozen=True):
    """A checkout, and the configuration whose model is to be built. Absolute paths."""

    repo: str
    cfg: str


def checkout(repo: str, cfg: str | None) -> Checkout:
    """The checkout in a folder; a configuration is a file, or named from the checkout's `configs`.

    Raises:
        UsageError: no checkout, or no such configuration.
    """
    root = Path(repo).absolute()
    try:
        if not (root / PACKAGE).is_file():
            above = f"; {root.parent} is one" if (root.parent / PACKAGE).is_file() else ""
            raise UsageError(f"{repo} is no checkout of PySlowFast: it has no {PACKAGE}{above}")
        configs = root / "configs"
        found = sorted((configs / "Kinetics").glob("SLOWFAST*.yaml"))
        places = [Path(cfg), configs / cfg] if cfg else [*(configs / u for u in USUAL), *found]
        chosen = next((place for place in places if place.is_file()), None)
    except (OSError, ValueError) as error:  # a name too long, or with a NUL
        raise UsageError(f"{repo}: {error}") from error
    if chosen is None:
        wanted = f"{cfg}: no such file" if cfg else "no configuration of SlowFast"
        raise UsageError(f"{wanted}, neither here nor in {configs}: name one with --cfg")
    return Checkout(str(root), str(chosen.absolute()))


def prove_pyslowfast(
    python: str, device: str, checkout: Checkout, timeout: float, progress: Progress
) -> Trials:
    """A checkout's imports and one model, on every GPU that is asked for, or on the CPU."""
    prover = Prover(python, "smoke_pyslowfast.py", timeout, progress)
    options = {"repo": checkout.repo, "cfg": checkout.cfg}
    for name in devices_of(device, prover):
        prover.prove(name, options)
    return Trials(target="pyslowfast", trials=prover.trials())
