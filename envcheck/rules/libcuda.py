"""Checks of libcuda.so.1: is it found, and is it the driver's own. Pure."""

from collections.abc import Iterator

from envcheck import compat
from envcheck.facts import (
    Container,
    Driver,
    Environment,
    Gpu,
    Gpus,
    Library,
    Loader,
    Missing,
    Why,
    known,
    or_none,
)
from envcheck.finding import (
    ERROR,
    WARNING,
    Effect,
    Evidence,
    Finding,
    Remedy,
    Severity,
    seen,
)
from envcheck.kb import Knowledge
from envcheck.rules import shadow
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.common import visible
from envcheck.rules.versions import ordered


@rule("LIB003", severity=ERROR, subject="loader")
def cuda_compat_shadow(
    loader: Loader,
    driver: Driver,
    gpus: Gpus | Missing,
    environment: Environment | Missing,
    kb: Knowledge,
) -> Iterator[Finding]:
    """A libcuda.so.1 that is not the driver's is found before the driver's own.

    Why: a cuda-compat package brings the libcuda of a newer driver, so that data-centre GPUs run a
    newer CUDA on an older driver. Under a newer driver it is the older half: `system has
    unsupported display driver / cuda driver combination` (error 803). GeForce cards refuse it:
    `forward compatibility was attempted on non supported HW` (error 804). A toolkit's stub is only
    there to link against (error 34).

    Confirm: it names the file that is loaded.

        python -c "import ctypes; ctypes.CDLL('libcuda.so.1'); print(*(l for l in open('/proc/self/maps') if 'libcuda.so' in l))"

    Fix: take the folder out of LD_LIBRARY_PATH or /etc/ld.so.conf.d, or remove cuda-compat.

    Sources: https://docs.nvidia.com/deploy/cuda-compatibility/forward-compatibility.html
    """  # noqa: E501
    library = loader.libcuda
    if isinstance(library, Missing):
        if library.why is not Why.ABSENT:
            known(library)
        raise NotApplicable
    problem = _wrong(library, loader, driver, gpus, environment, kb)
    if problem is None:
        return
    severity, reason = problem
    yield Finding(
        severity=severity,
        message=f"libcuda.so.1 is taken from {library.path}: {reason}.",
        evidence=(
            Evidence("libcuda.so.1", library.path, library.via),
            *seen(driver, "version"),
            *seen(loader, "ld_library_path"),
        ),
        remedy=_take_out(library, loader, driver),
    )


def _wrong(
    library: Library,
    loader: Loader,
    driver: Driver,
    gpus: Gpus | Missing,
    environment: Environment | Missing,
    kb: Knowledge,
) -> tuple[Severity, str] | None:
    if "/stubs/" in library.path:
        return ERROR, "a toolkit's stub, which reaches no GPU"
    own = known(driver.version)
    if not shadow.is_stand_in(library.path):
        if library.version == own:
            return None
        if not _drivers_copies(loader, own):
            raise NotApplicable  # there is no other to prefer: driver_library_mismatch judges
    version = known(library.version)
    here, base = ordered(version), ordered(own)
    if here < base:
        return ERROR, f"it belongs to driver {version}, older than the driver, {own}"
    if here == base:
        return None
    package = kb.drivers.branch_of(version)
    if package is None:
        return None
    shown = () if isinstance(gpus, Missing) else visible(gpus, environment)
    problems = [problem for gpu in shown if (problem := _refused(gpu, own, package.cuda, kb))]
    return max(problems, key=lambda problem: problem[0].rank, default=None)


def _refused(gpu: Gpu, driver: str, cuda: str, kb: Knowledge) -> tuple[Severity, str] | None:
    """Why this GPU or its driver does not take the libcuda of a cuda-compat package."""
    product = kb.gpu_by_name(gpu.name).gpu if isinstance(gpu.name, str) else None
    kind = product.class_ if product else None
    verdict = compat.driver_serves(driver, cuda, gpu_class=kind, compat_package=cuda, kb=kb)
    forward = kb.cuda.forward
    if verdict.serves is False:
        certain = kind is not None and kind not in (*forward.works, *forward.some)
        return (ERROR if certain else WARNING), verdict.reason
    if verdict.serves is None and kind in forward.some:
        return WARNING, verdict.reason
    return None


def _drivers_copies(loader: Loader, version: str | Missing) -> list[Library]:
    """The libcuda files of this machine that are the driver's own."""
    return [
        copy
        for copy in or_none(loader.libcuda_copies) or ()
        if copy.version == version and not shadow.is_stand_in(copy.path)
    ]


def _take_out(library: Library, loader: Loader, driver: Driver) -> Remedy:
    copies = _drivers_copies(loader, driver.version)
    effects = (Effect("loader.libcuda", copies[0]),) if copies else ()
    if library.via == "LD_LIBRARY_PATH":
        return Remedy(
            "Start without that folder in LD_LIBRARY_PATH.",
            (shadow.path_command(loader, (library,)),),
            "safe",
            effects,
        )
    folder = library.path.rpartition("/")[0]
    return Remedy(
        f"Remove the cuda-compat package, or the line for {folder} from the files that the command"
        " names, then run sudo ldconfig.",
        ("grep -rn . /etc/ld.so.conf /etc/ld.so.conf.d",),
        "manual",
        effects,
    )


@rule("LIB004", severity=ERROR, subject="loader")
def libcuda_not_on_path(
    loader: Loader, driver: Driver | Missing, container: Container | Missing
) -> Iterator[Finding]:
    """The driver's libcuda.so.1 is on this machine, but not where the loader looks.

    Why: CUDA opens libcuda.so.1 by name. The driver's own copy must lie in a folder the loader
    searches; otherwise `torch.cuda.is_available()` is False although `nvidia-smi` works. Seen with
    WSL, NixOS and images that take the library in at an unusual place.

    Confirm: it names no file.

        ldconfig -p | grep libcuda.so.1

    Fix: add the folder to the loader's configuration, or to LD_LIBRARY_PATH.

    Sources: https://docs.nvidia.com/cuda/wsl-user-guide/index.html
    https://man7.org/linux/man-pages/man8/ldconfig.8.html
    """
    if not isinstance(loader.libcuda, Missing):
        return
    if loader.libcuda.why is not Why.ABSENT:
        known(loader.libcuda)
    copies = [lib for lib in known(loader.libcuda_copies) if not shadow.is_stand_in(lib.path)]
    if not copies or not _driver_works(driver, container):
        raise NotApplicable
    folder = copies[0].path.rpartition("/")[0]
    yield Finding(
        message=f"{copies[0].path} is there, and the loader finds no libcuda.so.1.",
        evidence=(
            *seen(loader, "libcuda", "ld_library_path"),
            Evidence("libcuda copy", copies[0].path, loader.source("libcuda_copies")),
        ),
        remedy=Remedy(
            f"Add {folder} to the folders the loader searches.",
            (
                f"echo {shadow.quoted(folder)} | sudo tee /etc/ld.so.conf.d/nvidia-libcuda.conf",
                "sudo ldconfig",
            ),
            "root",
            (Effect("loader.libcuda", copies[0]),),
        ),
    )


def _driver_works(driver: Driver | Missing, container: Container | Missing) -> bool:
    wsl = None if isinstance(container, Missing) else or_none(container.wsl)
    if wsl:
        return True
    if isinstance(driver, Missing):
        return False
    return driver.nvml == "ok" or isinstance(driver.module_version, str)
