"""Remedies that install torch or a driver, worked out for this machine. Pure."""

import shlex

from envcheck.facts import Driver, Gpus, Missing, PythonEnv, TorchBuild, or_none
from envcheck.finding import Effect, Remedy
from envcheck.kb import Knowledge
from envcheck.resolve import Choice, Wanted, best


def interpreter(python: PythonEnv | Missing) -> str:
    """The patient's interpreter as a shell writes it."""
    executable = None if isinstance(python, Missing) else or_none(python.executable)
    return shlex.quote(executable or "python")


def install_torch(
    kb: Knowledge,
    gpus: Gpus | Missing,
    driver: Driver | Missing,
    python: PythonEnv | Missing,
    companions: tuple[str, ...] = (),
) -> Remedy:
    """The newest torch build that fits every GPU here, this driver and this Python."""
    wanted = _wanted(gpus, driver, python)
    choice = best(wanted, kb)
    if choice is None:
        return Remedy(
            "No torch release fits these GPUs, this driver and this Python together"
            f" ({_said(wanted)}): change the driver or the Python version, or build torch from"
            " source."
        )
    build = choice.build
    return Remedy(
        text=f"Install torch {build.torch} for CUDA {build.cuda}, which fits"
        f" {_said(wanted) or 'current GPUs'}.",
        commands=(pip_install(choice, python, companions),),
        safety="safe",
        effects=(
            Effect("torch.version", f"{build.torch}+cu{(build.cuda or '').replace('.', '')}"),
            Effect("torch.cuda", build.cuda),
            Effect("torch.sass", build.sass),
            Effect("torch.ptx", build.ptx),
        ),
    )


def pip_install(
    choice: Choice, python: PythonEnv | Missing, companions: tuple[str, ...] = ()
) -> str:
    """The pip command for a build, its companions and the vendor's index."""
    packages = " ".join(choice.packages(companions))
    return (
        f"{interpreter(python)} -m pip install --upgrade --force-reinstall {packages}"
        f" --index-url {choice.index_url}"
    )


def repair_torch(torch: TorchBuild, python: PythonEnv | Missing) -> Remedy:
    """The same torch again, over what is left of it."""
    version = or_none(torch.version)
    public = version.partition("+")[0] if version else None
    spec = f"torch=={public}" if public else "torch"
    return Remedy(
        text="Install the same version again over it.",
        commands=(f"{interpreter(python)} -m pip install --force-reinstall --no-deps {spec}",),
        safety="safe",
        effects=(Effect("torch.broken", None),),
    )


def _wanted(gpus: Gpus | Missing, driver: Driver | Missing, python: PythonEnv | Missing) -> Wanted:
    devices = () if isinstance(gpus, Missing) else gpus.known_devices()
    sms = tuple(dict.fromkeys(gpu.sm for gpu in devices if isinstance(gpu.sm, str)))
    version = None if isinstance(python, Missing) else or_none(python.version)
    platform = None if isinstance(python, Missing) else or_none(python.platform)
    return Wanted(
        sms=sms,
        driver=None if isinstance(driver, Missing) else or_none(driver.version),
        python=".".join(version.split(".")[:2]) if version else None,
        platform=platform or "linux-x86_64",
    )


def _said(wanted: Wanted) -> str:
    parts = [f"sm_{sm.replace('.', '')}" for sm in wanted.sms]
    parts += [f"driver {wanted.driver}"] if wanted.driver else []
    parts += [f"Python {wanted.python}"] if wanted.python else []
    return ", ".join(parts)
