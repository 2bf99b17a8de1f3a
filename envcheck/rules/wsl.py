"""Checks of WSL, where the GPU and its driver are those of Windows. Pure."""

from collections.abc import Iterator

from envcheck.facts import (
    Container,
    Driver,
    Environment,
    Gpus,
    Host,
    Library,
    Loader,
    Missing,
    TorchBuild,
    known,
    or_none,
)
from envcheck.finding import ERROR, WARNING, Effect, Evidence, Finding, Remedy, seen
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.common import gpu_names, visible
from envcheck.rules.mend import by_apt

GPU_LIMIT = 3  # https://github.com/microsoft/WSL/issues/8447: with four the count fails
LIBRARIES = "/usr/lib/wsl/"


@rule("CTR003", severity=ERROR, subject="container")
def wsl1_or_linux_driver_in_wsl(
    container: Container,
    driver: Driver,
    loader: Loader | Missing,
    host: Host | Missing,
    torch: TorchBuild | Missing,
) -> Iterator[Finding]:
    """WSL 1 has no GPU; in WSL 2 a Linux driver hides the one that Windows provides.

    Why: WSL 2 puts the Windows driver's libcuda into /usr/lib/wsl/lib. A Linux driver package
    inside WSL brings a libcuda that looks for a kernel module which is not there. WSL 1 translates
    system calls and reaches no GPU at all.

    Confirm: the path is below /usr/lib/wsl.

        ldconfig -p | grep libcuda.so.1

    Fix: in WSL 1, convert the distribution from PowerShell with `wsl --set-version`. In WSL 2,
    remove the Linux driver; the driver is installed in Windows only, and the toolkit without a
    driver (`cuda-toolkit-…`).

    Sources: https://docs.nvidia.com/cuda/wsl-user-guide/index.html
    https://learn.microsoft.com/en-us/windows/wsl/tutorials/gpu-compute
    """
    wsl = known(container.wsl)
    if not wsl:
        raise NotApplicable
    if wsl == 1:
        wanted = not isinstance(torch, Missing) and torch.wants_cuda
        yield Finding(
            severity=ERROR if wanted else WARNING,
            message="This is WSL 1, which has no GPU: CUDA needs WSL 2.",
            evidence=seen(container, "wsl"),
            remedy=Remedy(
                "In PowerShell, look up the distribution's name with `wsl -l -v` and convert it"
                " with `wsl --set-version NAME 2`."
            ),
        )
        return
    if or_none(container.runtime):
        raise NotApplicable  # Docker's toolkit puts the Windows libraries where it likes
    library = _linux_libcuda(driver, loader)
    if library is None and driver.nvml == "ok":
        return
    built = or_none(driver.dkms) or or_none(driver.module_built)
    if library is None and not built:
        known(driver.nvml)  # without it nobody knows whether the Windows driver answers
        return
    place = library.path if library else "a kernel module of its own"
    yield Finding(
        message=f"A Linux NVIDIA driver is installed in WSL 2 ({place}); only the Windows driver's"
        f" libcuda below {LIBRARIES}lib works here.",
        evidence=(
            *seen(container, "wsl"),
            *((Evidence("libcuda.so.1", library.path, library.via),) if library else ()),
            *seen(driver, "nvml", "dkms"),
        ),
        remedy=_without_linux_driver(library, host),
    )


def _linux_libcuda(driver: Driver, loader: Loader | Missing) -> Library | None:
    """The Linux driver's libcuda that WSL would load, or that lies about while NVML fails."""
    if isinstance(loader, Missing):
        return None
    taken = or_none(loader.libcuda)
    candidates: tuple[Library, ...] = (taken,) if taken else ()
    if driver.nvml != "ok":
        candidates += or_none(loader.libcuda_copies) or ()
    for library in candidates:
        # A cuda-compat libcuda is another check's.
        if not library.path.startswith(LIBRARIES) and "/compat/" not in library.path:
            return library
    return None


def _without_linux_driver(library: Library | None, host: Host | Missing) -> Remedy:
    text = (
        "Remove the Linux driver from WSL; one that came as a .run file with"
        " `sudo nvidia-uninstall`. Keep the driver of Windows up to date instead."
    )
    if library is None or not by_apt(host):
        return Remedy(text, safety="root")
    return Remedy(
        text=text,
        commands=(
            f"sudo apt-get purge --autoremove $(dpkg -S {library.path} | cut -d: -f1)",
            "sudo ldconfig",
        ),
        safety="root",
    )


@rule("CTR004", severity=ERROR, subject="container")
def wsl_gpu_count_limit(
    container: Container, gpus: Gpus, environment: Environment | Missing
) -> Iterator[Finding]:
    """WSL 2 shows CUDA more GPUs than it can open.

    Why: with four GPUs or more visible, counting them fails in WSL 2: `cudaGetDeviceCount` returns
    error 2, `out of memory`, and torch sees no GPU at all. With three it works.

    Confirm: it fails; with CUDA_VISIBLE_DEVICES=0,1,2 before it, it prints 3.

        python -c "import torch; torch.cuda.init(); print(torch.cuda.device_count())"

    Fix: show at most three GPUs to each process, or use Linux without Windows.

    Sources: https://github.com/microsoft/WSL/issues/8447
    https://github.com/microsoft/WSL/issues/12467
    """
    if known(container.wsl) != 2:
        raise NotApplicable
    shown = visible(gpus, environment)
    if len(shown) <= GPU_LIMIT:
        return
    first = ",".join(str(gpu.index) for gpu in shown[:GPU_LIMIT])
    yield Finding(
        message=f"{len(shown)} GPUs are visible in WSL 2, where CUDA can open {GPU_LIMIT}.",
        evidence=(
            *seen(container, "wsl"),
            Evidence("gpus", gpu_names(shown), gpus.source("devices")),
        ),
        remedy=Remedy(
            text=f"Show each process at most {GPU_LIMIT} GPUs, or use Linux without Windows.",
            commands=(f"export CUDA_VISIBLE_DEVICES={first}",),
            safety="safe",
            effects=(Effect("environment.variables.CUDA_VISIBLE_DEVICES", first),),
        ),
    )
