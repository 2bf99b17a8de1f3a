"""Checks of the patient's Python and of packages that clash with torch. Pure."""

import shlex
from collections.abc import Iterator

from envcheck.facts import (
    Distribution,
    Missing,
    Purpose,
    PythonEnv,
    TorchBuild,
    Why,
    known,
    or_none,
)
from envcheck.finding import ERROR, NOTE, WARNING, Evidence, Finding, Remedy, seen
from envcheck.kb import Guard, Knowledge
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.install import interpreter
from envcheck.rules.install_packages import install_command
from envcheck.rules.versions import ordered

# conda's own names for packages that pip knows by another
CONDA_NAMES = {"torch": "pytorch"}
RELEASE_WHEELS = ("pip", "uv")  # what others build, they build for other Pythons, too


@rule("PYE001", severity=ERROR, subject="python")
def python_too_new(
    python: PythonEnv, torch: TorchBuild | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """There is no torch wheel for this Python version.

    Why: torch's wheels are compiled for each Python minor version, and a new Python gets them some
    months after its release. Until then pip says `No matching distribution found for torch`.

    Confirm: the list of wheels names no such version (cp313 is Python 3.13).

        python -m pip download --no-deps torch

    Fix: make an environment with an older Python; envcheck names the newest that fits.

    Sources: https://github.com/pytorch/pytorch/blob/main/RELEASE.md#release-compatibility-matrix
    """
    if known(python.implementation) != "cpython":
        raise NotApplicable
    here = _wheel_python(python)
    if not isinstance(torch, Missing) and known(python.tag).rpartition("-")[2] in (
        or_none(torch.compiled_for) or ()
    ):
        return  # it was compiled for this very Python
    if isinstance(torch, Missing):
        if torch.why is not Why.ABSENT:
            known(torch)
        releases = kb.torch.releases
        subject, severity = f"No torch release up to {releases[-1].version}", ERROR
    else:
        release = kb.torch.release(known(torch.version))
        if release is None or or_none(torch.installer) not in RELEASE_WHEELS:
            raise NotApplicable
        releases = (release,)
        subject, severity = f"torch {release.version}", WARNING
    known_here = {version for release in releases for version in release.python}
    alike = [version for version in known_here if _threaded(version) == _threaded(here)]
    if any(_python_order(here) <= _python_order(version) for version in alike):
        return
    best = max((v for v in known_here if not _threaded(v)), key=_python_order)
    yield Finding(
        severity=severity,
        message=f"{subject} has no wheel for Python {here}; the newest it is built for is {best}.",
        evidence=(*seen(python, "version", "tag"), Evidence("wheels", best, releases[-1].source)),
        remedy=Remedy(
            f"Make an environment with Python {best} and install torch there.",
            (f"conda create -n torch python={best}",) if python.manager == "conda" else (),
        ),
    )


@rule("PYE002", severity=ERROR, subject="python")
def numpy2_with_torch_built_for_numpy1(
    python: PythonEnv, torch: TorchBuild, purpose: Purpose, kb: Knowledge
) -> Iterator[Finding]:
    """NumPy 2 is installed, and this torch was compiled for NumPy 1.

    Why: the C interface of NumPy changed with version 2. `import torch` still works and prints
    `Failed to initialize NumPy: _ARRAY_API not found`; from then on every `tensor.numpy()` and
    `torch.from_numpy()` raises `RuntimeError: Numpy is not available`.

    Confirm: it raises.

        python -c "import torch; torch.ones(1).numpy()"

    Fix: install NumPy 1, or a torch that was compiled for NumPy 2.

    Sources: https://numpy.org/doc/stable/numpy_2_0_migration_guide.html
    https://github.com/pytorch/pytorch/issues/107302
    """
    yield from _clash("numpy2_with_torch_built_for_numpy1", python, torch, purpose, kb)


@rule("PYE003", severity=WARNING, subject="python")
def setuptools_too_new(
    python: PythonEnv, torch: TorchBuild, purpose: Purpose, kb: Knowledge
) -> Iterator[Finding]:
    """setuptools is newer than this torch can work with.

    Why: old torch releases use parts of setuptools that later ones dropped: `distutils.version`
    (in `torch.utils.tensorboard`) and `pkg_resources.packaging` (in `torch.utils.cpp_extension`,
    when an extension is compiled).

    Confirm: the import fails.

        python -c "import torch.utils.cpp_extension"

    Fix: install the older setuptools that envcheck names, or a newer torch. With build isolation
    pip brings a setuptools of its own: then use `--no-build-isolation`.

    Sources: https://github.com/pytorch/pytorch/issues/69894
    https://setuptools.pypa.io/en/stable/history.html
    """
    yield from _clash("setuptools_too_new", python, torch, purpose, kb)


@rule("PYE004", severity=ERROR, subject="python")
def mkl_too_new(
    python: PythonEnv, torch: TorchBuild, purpose: Purpose, kb: Knowledge
) -> Iterator[Finding]:
    """MKL is newer than this conda build of torch was linked for.

    Why: conda's torch loads MKL as a shared library. A later MKL dropped symbols it needs, and
    `import torch` fails with `undefined symbol: iJIT_NotifyEvent`. torch from pip carries MKL in
    itself and is not concerned.

    Confirm: the import fails and names the symbol.

        python -c "import torch"

    Fix: install the older MKL into the environment.

    Sources: https://github.com/pytorch/pytorch/issues/123097
    """
    yield from _clash("mkl_too_new", python, torch, purpose, kb)


@rule("PYE005", severity=WARNING, subject="python")
def mixed_pip_conda(python: PythonEnv) -> Iterator[Finding]:
    """torch or torchvision is there twice.

    Why: a copy from conda and one from pip write into one folder and leave a mixture; a copy in the
    user's own site folder hides the environment's. Python imports the first one it finds, whatever
    the other's package manager believes, and compiled companions may belong to the other.

    Confirm: it lists every copy and who installed it.

        python -c "import importlib.metadata as m; print([(d.version, d._path) for d in m.distributions() if d.name in ('torch', 'torchvision')])"

    Fix: remove one of the copies, then install the other again, since removing may take shared
    files along.

    Sources: https://docs.conda.io/projects/conda/en/stable/user-guide/tasks/manage-environments.html#using-pip-in-an-environment
    """  # noqa: E501
    known(python.distributions)
    for name in ("torch", "torchvision"):
        copies = _copies(python, name)
        if len(copies) > 1 and not _meant(python, copies):
            yield Finding(
                severity=NOTE if len({copy.version for copy in copies}) == 1 else WARNING,
                message=f"{name} is there {len(copies)} times: "
                + ", ".join(_described(copy) for copy in copies)
                + ". Python imports the first.",
                evidence=tuple(Evidence(name, copy.version, copy.path) for copy in copies),
                remedy=_keep_one(name, copies, python),
            )


def _wheel_python(python: PythonEnv) -> str:
    """This Python as torch's wheels are named for it: "3.13", free-threaded "3.13t"."""
    major, minor = (*ordered(python.version), 0)[:2]
    tag = or_none(python.tag) or ""
    return f"{major}.{minor}" + ("t" if tag.endswith("t") else "")


def _threaded(version: str) -> bool:
    return version.endswith("t")


def _python_order(version: str) -> tuple[int, ...]:
    return ordered(version.removesuffix("t"))


def _clash(
    name: str, python: PythonEnv, torch: TorchBuild, purpose: Purpose, kb: Knowledge
) -> Iterator[Finding]:
    """The clashes of that name between an installed package and torch or what stands on it."""
    known(python.distributions)
    judged = False
    for guard in kb.packages.guards:
        installed = python.find(guard.package)
        version = _subject_version(guard.subject, python, torch)
        if guard.name != name or not installed or version is None:
            continue
        if guard not in kb.packages.guards_for(guard.subject, version):
            continue
        if not _concerns(guard, python, torch, purpose):
            continue
        judged = True
        found = installed[0]
        if kb.packages.broken_by(guard, found.version):
            yield Finding(
                severity=ERROR if guard.scope == "build" else None,
                message=f"{guard.package} {found.version} does not go with {guard.subject}"
                f" {version}: {guard.what}.",
                evidence=(
                    Evidence(guard.package, found.version, found.path),
                    Evidence(guard.subject, version, _subject_source(guard.subject, python, torch)),
                ),
                remedy=Remedy(
                    f"Install {guard.package}{guard.pin}, or a newer {guard.subject}.",
                    (install_command(python, (f"{guard.package}{guard.pin}",), like=found),),
                    "safe",
                ),
            )
            return
    if not judged:
        raise NotApplicable


def _subject_version(subject: str, python: PythonEnv, torch: TorchBuild) -> str | None:
    if subject == "torch":
        return known(torch.version)
    copies = python.find(subject)
    return copies[0].version if copies else None


def _subject_source(subject: str, python: PythonEnv, torch: TorchBuild) -> str:
    return torch.source("version") if subject == "torch" else python.find(subject)[0].path


def _concerns(guard: Guard, python: PythonEnv, torch: TorchBuild, purpose: Purpose) -> bool:
    windows = (or_none(python.platform) or "linux").startswith("win")
    if guard.platform and (guard.platform == "windows") != windows:
        return False
    if guard.installer and guard.installer != or_none(torch.installer):
        return False
    return guard.scope == "run" or purpose == "build"


def _copies(python: PythonEnv, name: str) -> tuple[Distribution, ...]:
    """Every copy of a package, the one Python imports first; then what only conda knows of."""
    copies = [dist for dist in python.find(name) if not _recorded(dist) and not _leftover(dist)]
    if any(dist.installer in ("", "conda") for dist in copies):
        return tuple(copies)  # conda's record speaks of one of them
    records = [dist for dist in python.find(CONDA_NAMES.get(name, name)) if _recorded(dist)]
    return (*copies, *records)


def _recorded(dist: Distribution) -> bool:
    """A record of conda's own, without Python metadata beside it."""
    return "/conda-meta/" in dist.path


def _leftover(dist: Distribution) -> bool:
    """A folder such as ~orch-2.4.0.dist-info, which pip leaves behind and Python does not read."""
    return dist.path.rpartition("/")[2].startswith("~")


def _meant(python: PythonEnv, copies: tuple[Distribution, ...]) -> bool:
    """A virtual environment that puts its own copy before the system's is doing its job."""
    prefix = or_none(python.prefix)
    own = [copy for copy in copies if prefix and copy.path.startswith(f"{prefix}/")]
    return python.manager == "venv" and own == [copies[0]]


def _described(dist: Distribution) -> str:
    folder = dist.path.rpartition("/")[0]
    return f"{dist.version} in {folder} ({dist.installer or 'installer not recorded'})"


def _keep_one(name: str, copies: tuple[Distribution, ...], python: PythonEnv) -> Remedy:
    conda = [copy for copy in copies if copy.installer == "conda"]
    uninstall = f"{interpreter(python)} -m pip uninstall -y {name}"
    prefix = or_none(python.prefix)
    if conda and prefix:
        spec = shlex.quote(f"{conda[0].name}={conda[0].version}")
        return Remedy(
            "Remove pip's copy and install conda's again, or make a new environment.",
            (
                uninstall,
                f"conda install -p {shlex.quote(prefix)} --force-reinstall {spec}",
            ),
            "safe",
        )
    return Remedy(
        "Remove the copy Python imports; the other one is imported then. Remove that one, too, and"
        f" install {name} again when it is not the one you want.",
        (uninstall,),
    )
