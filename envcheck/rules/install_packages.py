"""Commands that install Python packages with what manages the patient's environment. Pure."""

import shlex

from envcheck.facts import Distribution, Missing, PythonEnv, or_none
from envcheck.rules.install import interpreter


def install_command(
    python: PythonEnv | Missing,
    requirements: tuple[str, ...],
    *,
    like: Distribution | None = None,
    options: str = "",
) -> str:
    """Installs requirements the way the package `like` was installed: conda, uv or pip.

    `options` are pip's own; conda is told nothing but names and versions.
    """
    specs = " ".join(shlex.quote(spec) for spec in requirements)
    known_env = None if isinstance(python, Missing) else python
    prefix = or_none(known_env.prefix) if known_env else None
    if like and like.installer == "conda" and prefix:
        return f"conda install -p {shlex.quote(prefix)} {specs}"
    words = f"{options} {specs}".strip()
    if known_env and like and like.installer == "uv" and not known_env.find("pip"):
        return f"uv pip install --python {interpreter(python)} {words}"
    return f"{interpreter(python)} -m pip install {words}"
