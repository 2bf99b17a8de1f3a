"""Checks of how a package with a compiled module lies in its environment. Pure.

They judge packages that are known to need one, `kb/data/extensions.toml`: what `import` would meet.
"""

from collections.abc import Iterator

from envcheck.facts import (
    Cuda,
    Environment,
    Extension,
    Gpus,
    Missing,
    PythonEnv,
    TorchBuild,
    Why,
    known,
    or_none,
)
from envcheck.finding import ERROR, NOTE, WARNING, Effect, Evidence, Finding, Remedy, words
from envcheck.kb import Knowledge
from envcheck.kb.pep440 import violates
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.install import interpreter
from envcheck.rules.install_packages import install_command
from envcheck.rules.linkage import title
from envcheck.rules.rebuild import rebuild

SHOWN = 5  # requirements that are named


@rule("EXT006", severity=ERROR, subject="extension")
def extension_missing(
    extension: Extension,
    torch: TorchBuild | Missing,
    python: PythonEnv | Missing,
    gpus: Gpus | Missing,
    environment: Environment | Missing,
    cuda: Cuda | Missing,
    kb: Knowledge,
) -> Iterator[Finding]:
    """A package that was asked for is not installed, or only its metadata is left of it.

    Why: an install or a removal that was interrupted leaves the folder `…-0.6.dist-info`, so that
    pip believes it is there, and `import` ends with `ModuleNotFoundError`. Or it was never
    installed for this interpreter, but for another one.

    Confirm: the import fails.

        python -c "import detectron2"

    Fix: install it for this interpreter. It is compiled against torch, so torch comes first.

    Sources: https://detectron2.readthedocs.io/en/latest/tutorials/install.html
    """
    _compiled_module(extension, kb)
    if not _gone(extension):
        return
    left = f", only {extension.path} is left of it" if extension.path else ""
    yield Finding(
        message=f"{extension.name} is not installed for this Python{left}.",
        evidence=(Evidence(extension.name, words(extension.version), extension.path),),
        remedy=_build(extension, torch, python, gpus, environment, cuda, kb),
    )


@rule("EXT007", severity=ERROR, subject="extension")
def extension_not_compiled(
    extension: Extension,
    torch: TorchBuild | Missing,
    python: PythonEnv | Missing,
    gpus: Gpus | Missing,
    environment: Environment | Missing,
    cuda: Cuda | Missing,
    kb: Knowledge,
) -> Iterator[Finding]:
    """A package lies there without the compiled module it needs, or with one for another Python.

    Why: a source tree that was never built, a build that failed and was passed over, or an
    environment whose Python was changed: `_C.cpython-310-….so` is not seen by Python 3.11. The
    import of the package works, and `cannot import name '_C'` follows.

    Confirm: the import fails.

        python -c "import torch, detectron2._C"

    Fix: compile it for this Python.

    Sources: https://detectron2.readthedocs.io/en/latest/tutorials/install.html#common-installation-issues
    https://docs.python.org/3/library/importlib.html#importlib.machinery.EXTENSION_SUFFIXES
    """
    library = _compiled_module(extension, kb)
    if not extension.folder:
        raise NotApplicable
    if known(extension.files) or extension.damaged:
        return
    others = extension.other_python
    here = "" if isinstance(python, Missing) else f" {words(python.version)}"
    seen = (
        f"{others[0].rpartition('/')[2]} is for another Python than this{here}"
        if others
        else f"{extension.folder}/{library} is not there"
    )
    yield Finding(
        message=f"{title(extension)} has no compiled module for this Python: {seen}.",
        evidence=tuple(Evidence("compiled module", path, "") for path in others)
        or (Evidence("compiled module", "none", f"{extension.folder}/{library}*.so"),),
        remedy=_build(extension, torch, python, gpus, environment, cuda, kb),
    )


@rule("EXT008", severity=ERROR, subject="extension")
def extension_damaged(
    extension: Extension,
    torch: TorchBuild | Missing,
    python: PythonEnv | Missing,
    gpus: Gpus | Missing,
    environment: Environment | Missing,
    cuda: Cuda | Missing,
    kb: Knowledge,
) -> Iterator[Finding]:
    """The compiled module of a package is no sound library: cut short, empty or something else.

    Why: a full disk, an interrupted copy, a file of Git LFS that was never fetched, or a file for
    another kind of processor. The import ends with `file too short`, `invalid ELF header`, `cannot
    open shared object file`, or in a crash.

    Confirm: it tells whether it is an ELF library.

        file detectron2/_C*.so

    Fix: see that there is room on the disk, and compile it again.

    Sources: https://man7.org/linux/man-pages/man5/elf.5.html
    """
    _compiled_module(extension, kb)
    for file in extension.damaged:
        yield Finding(
            message=f"{title(extension)}: {file.path} cannot be loaded: {file.problem}.",
            evidence=(Evidence("compiled module", file.problem, file.path),),
            remedy=_build(extension, torch, python, gpus, environment, cuda, kb),
        )


@rule("EXT009", severity=WARNING, subject="extension")
def extension_hidden(
    extension: Extension, python: PythonEnv | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """There is more than one copy of a package, and which one is imported depends on the place.

    Why: a second copy on `sys.path`, such as a clone beside an installed package, or a clone in the
    current folder, which comes first for `python -m`, `python -c` and notebooks. The one that is
    imported may have no compiled module, `cannot import name '_C'`, or one for another torch.

    Confirm: it prints which copy is imported from here.

        python -c "import detectron2; print(detectron2.__file__)"

    Fix: start Python in another folder, and keep one copy.

    Sources: https://detectron2.readthedocs.io/en/latest/tutorials/install.html#common-installation-issues
    """
    library = _compiled_module(extension, kb)
    package = library.partition("/")[0]
    if extension.copies:
        yield Finding(
            message=f"{package} is there {len(extension.copies) + 1} times: it is imported from"
            f" {extension.folder}, and is also in {', '.join(extension.copies)}.",
            evidence=(
                Evidence("imported", f"{extension.folder}/{package}", "sys.path"),
                *(Evidence("copy", f"{each}/{package}", "sys.path") for each in extension.copies),
            ),
            remedy=Remedy(
                "Keep one. This removes the copy that pip knows; a folder that a .pth file or"
                " PYTHONPATH names has to be taken out there.",
                (f"{interpreter(python)} -m pip uninstall -y {extension.name}",),
            ),
        )
    if extension.hidden_by:
        yield Finding(
            severity=NOTE,
            message=f"Python started in {extension.hidden_by} imports the {package} of that folder"
            f" in the place of {extension.folder}/{package}.",
            evidence=(Evidence("current folder", f"{extension.hidden_by}/{package}", "PWD"),),
            remedy=Remedy("Start Python in another folder.", ("cd /",), "safe"),
        )


@rule("EXT010", severity=WARNING, subject="extension")
def extension_requirements_unmet(
    extension: Extension, python: PythonEnv, kb: Knowledge
) -> Iterator[Finding]:
    """Packages that a compiled package asks for are missing or of versions it does not accept.

    Why: `--no-deps`, or another package that asked for newer ones, such as iopath 0.1.10 beside
    detectron2, which accepts less than that. Missing ones end in `ModuleNotFoundError` when the
    part that needs them is imported; others may work or not. Some it imports without asking for
    them: `pkg_resources` of setuptools, which environments of new Pythons do not have.

    Confirm: pip names each conflict.

        python -m pip check

    Fix: install what it asks for.

    Sources: https://github.com/facebookresearch/detectron2/blob/main/setup.py
    https://pip.pypa.io/en/stable/cli/pip_check/
    """
    row = kb.extensions.find(extension.name)
    if row is None or not row.library or not extension.folder:
        raise NotApplicable
    known(python.distributions)
    unstated = [name for name in row.unstated if not python.find(name)]
    bad = [
        pin
        for pin in (or_none if unstated else known)(extension.requires) or ()
        if pin.installed is None or (pin.specifier and violates(pin.installed, pin.specifier))
    ]
    if not bad and not unstated:
        return
    pins = {guard.package: guard.pin for guard in kb.packages.guards_for(extension.name, None)}
    told = [f"{pin.name}{pin.specifier} ({pin.installed or 'not'} installed)" for pin in bad]
    told += [f"{name}, which it imports without saying so (not installed)" for name in unstated]
    more = f" and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    needed = (
        *(f"{pin.name}{pin.specifier.replace(' ', '')}" for pin in bad),
        *(f"{name}{pins.get(name, '')}" for name in unstated),
    )
    yield Finding(
        message=f"{title(extension)} asks for {'; '.join(told[:SHOWN])}{more}.",
        evidence=tuple(
            Evidence(pin.name, pin.installed or "not installed", extension.path)
            for pin in bad[:SHOWN]
        ),
        remedy=Remedy(
            "Install what it asks for.",
            (install_command(python, needed),),
            "safe",
            (Effect(f"extensions.packages.{extension.name}.requires", ()),),
        ),
    )


def _gone(extension: Extension) -> bool:
    if extension.folder:
        return False
    if isinstance(extension.files, Missing) and extension.files.why is Why.ABSENT:
        return True
    return not known(extension.files)


def _compiled_module(extension: Extension, kb: Knowledge) -> str:
    """The module it is nothing without, "detectron2/_C".

    Raises:
        NotApplicable: none is known.
    """
    row = kb.extensions.find(extension.name)
    if row is None or not row.library:
        raise NotApplicable
    return row.library


def _build(
    extension: Extension,
    torch: TorchBuild | Missing,
    python: PythonEnv | Missing,
    gpus: Gpus | Missing,
    environment: Environment | Missing,
    cuda: Cuda | Missing,
    kb: Knowledge,
) -> Remedy:
    if isinstance(torch, Missing) or or_none(torch.version) is None:
        return Remedy(f"Install torch first, then {extension.name}: it is compiled against torch.")
    return rebuild(extension, torch, python, gpus, environment, cuda, kb)
