"""Checks of the packages torch pins exactly. Pure."""

import shlex
from collections.abc import Iterator

from envcheck.facts import Missing, PythonEnv, TorchBuild, known
from envcheck.finding import ERROR, Effect, Evidence, Finding, Remedy, words
from envcheck.kb.pep440 import violates
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.install import interpreter


@rule("TCH010", severity=ERROR, subject="torch")
def torch_pins_violated(torch: TorchBuild, python: PythonEnv | Missing) -> Iterator[Finding]:
    """A package that torch pins exactly is missing or of another version.

    Why: a torch wheel names the exact CUDA libraries (`nvidia-*`) and triton it was built against.
    Another package's requirements, or an install with --no-deps, can leave others in place: imports
    fail with `libcudnn.so.9: cannot open shared object file` or with an undefined symbol, or
    kernels give wrong results.

    Confirm: pip names each conflict.

        python -m pip check

    Fix: install the pinned versions, and put nothing in the environment that needs others.

    Sources: https://pip.pypa.io/en/stable/cli/pip_check/
    """
    if torch.wants_cuda is False:
        raise NotApplicable
    bad = [
        pin
        for pin in known(torch.pins)
        if pin.installed is None or violates(pin.installed, pin.specifier)
    ]
    if not bad:
        return
    specs = [f"{pin.name}{pin.specifier.replace(' ', '')}" for pin in bad]
    yield Finding(
        message=f"torch {words(torch.version)} pins "
        + ", ".join(
            f"{pin.name}{pin.specifier} ({pin.installed or 'not'} installed)" for pin in bad[:5]
        )
        + (f" and {len(bad) - 5} more" if len(bad) > 5 else "")
        + ".",
        evidence=tuple(
            Evidence(pin.name, pin.installed or "not installed", torch.source("pins"))
            for pin in bad[:5]
        ),
        remedy=Remedy(
            "Install what torch pins.",
            (
                f"{interpreter(python)} -m pip install --no-deps "
                + " ".join(shlex.quote(spec) for spec in specs),
            ),
            "safe",
            (Effect("torch.pins", ()),),
        ),
    )
