"""Does this code run on this GPU, does this driver serve this CUDA: the only place that decides.

Must not know anything but the knowledge base: doctor, compat and builds all ask here.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import msgspec

from envcheck.kb import Knowledge, Sm, VersionError, load, minor, order

if TYPE_CHECKING:
    from envcheck.kb.gpus import Arch


class CodeVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether code runs on a GPU. `reason` is a phrase that begins with "it" or names the code."""

    runs: bool
    how: Literal["native", "binary", "ptx", "no"]
    reason: str
    code: str | None = None  # the code that runs: "sm_86", "compute_90"


class DriverVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a driver serves a CUDA release; `serves` is None when that cannot be known."""

    serves: bool | None
    how: Literal["native", "backward", "minor", "forward", "no", "unknown"]
    reason: str
    needed: str | None = None  # the oldest driver that would do, without a compat package
    compat: str | None = None  # a cuda-compat package that would make this driver do


class GpuVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a driver still, or already, supports a GPU; None when that cannot be known."""

    supports: bool | None
    how: Literal["ok", "dropped", "too-new", "unknown"]
    reason: str
    branch: int | None = None  # the branch to use instead: the last one, or the first one


def runs(
    sass: Iterable[str],
    ptx: Iterable[str],
    sm: Sm | str,
    *,
    cuda: str | None = None,
    driver: str | None = None,
    partial: Iterable[str] = (),
    windows: bool = False,
    kb: Knowledge | None = None,
) -> CodeVerdict:
    """Whether code runs on a GPU of this compute capability.

    Args:
        sass: architectures all kernels have, "sm_90a".
        ptx: PTX all kernels have, "compute_90".
        sm: the GPU's compute capability, "9.0".
        cuda: the CUDA the code was built with; decides about Jetson and about PTX.
        driver: the driver that would compile the PTX; None: taken as new enough.
        partial: architectures only some kernels have; they make nothing run, but the reason
            says so.

    Raises:
        SmError: `sm`, or a name in the lists, is no architecture.
    """
    kb = kb or load()
    gpu = (Sm.parse(sm) if isinstance(sm, str) else sm).plain
    arch = kb.gpus.arch(gpu.dotted)
    names = {gpu, Sm.parse(arch.same_as)} if arch and arch.same_as else {gpu}
    held = sorted({Sm.parse(name) for name in sass}, reverse=True)
    for code in held:
        if code.plain in names:
            return CodeVerdict(
                runs=True, how="native", code=code.sass, reason=f"{code.sass} is made for it"
            )
    for code in held:
        if _binary(code, gpu, arch, cuda, kb):
            reason = f"{code.sass} code runs on {gpu.dotted}: same major, lower minor version"
            return CodeVerdict(runs=True, how="binary", code=code.sass, reason=reason)
    portable = sorted({Sm.parse(name) for name in ptx}, reverse=True)
    fitting = [code for code in portable if _jits(code, gpu, names)]
    if fitting and driver is not None and cuda is not None:
        verdict = driver_serves(driver, cuda, has_ptx=True, windows=windows, kb=kb)
        if verdict.serves is False:
            reason = f"only its PTX {fitting[0].ptx} fits, and {verdict.reason}"
            return CodeVerdict(runs=False, how="no", reason=reason)
    if fitting:
        reason = f"the driver compiles its PTX {fitting[0].ptx}, if it is as new as that CUDA"
        return CodeVerdict(runs=True, how="ptx", code=fitting[0].ptx, reason=reason)
    return CodeVerdict(
        runs=False, how="no", reason=_why_not(gpu, arch, held, portable, set(partial))
    )


def driver_serves(
    driver: str,
    cuda: str,
    *,
    has_ptx: bool = False,
    gpu_class: str | None = None,
    compat_package: str | None = None,
    windows: bool = False,
    kb: Knowledge | None = None,
) -> DriverVerdict:
    """Whether programs built with a CUDA release work on a driver.

    Args:
        driver: "535.104.05".
        cuda: "12.4" or "12.4.1".
        has_ptx: the driver would have to compile PTX of that release; minor-version
            compatibility does not cover this.
        gpu_class: "datacenter", "workstation", "geforce", "laptop" or "jetson"; forward
            compatibility works on some of them only.
        compat_package: CUDA version of the cuda-compat package in use, "13.0"; None: none is.
    """
    kb = kb or load()
    try:
        have, want = order(driver), order(minor(cuda))
        offered = None if compat_package is None else minor(compat_package)
    except VersionError as error:
        return DriverVerdict(serves=None, how="unknown", reason=str(error))
    if offered is not None:
        return _with_compat(driver, cuda, offered, has_ptx, gpu_class, windows, kb)
    branch = kb.drivers.branch_of(driver)
    newest = order(branch.cuda) if branch else ()
    toolkit, floor = kb.cuda.toolkit(cuda), kb.cuda.floor(cuda)
    own = None if toolkit is None else toolkit.windows if windows else toolkit.linux
    if newest > want or (own is None and newest == want) or (own and have >= order(own)):
        how: Literal["native", "backward"] = "backward" if newest > want else "native"
        reason = f"driver {driver} is as new as CUDA {cuda}, or newer"
        return DriverVerdict(serves=True, how=how, reason=reason)
    least = None if floor is None else floor.windows if windows else floor.linux
    if not has_ptx and least is not None and have >= order(least):
        reason = f"minor-version compatibility: CUDA {want[0]}.x runs from driver {least} on"
        return DriverVerdict(serves=True, how="minor", reason=reason)
    needed = own if has_ptx or least is None else least
    if needed is None:
        reason = f"CUDA {cuda} is not known"
        return DriverVerdict(serves=None, how="unknown", reason=reason)
    what = f"PTX of CUDA {cuda}" if has_ptx else f"CUDA {cuda}"
    return DriverVerdict(
        serves=False,
        how="no",
        needed=needed,
        compat=None if windows else _compat_for(driver, want, gpu_class, kb),
        reason=f"{what} needs driver {needed} or newer, and this is {driver}",
    )


def driver_supports_gpu(driver: str, sm: Sm | str, *, kb: Knowledge | None = None) -> GpuVerdict:
    """Whether a driver has support for GPUs of a compute capability.

    Raises:
        SmError: `sm` is no compute capability.
    """
    kb = kb or load()
    gpu = (Sm.parse(sm) if isinstance(sm, str) else sm).plain
    try:
        branch = kb.drivers.branch_of(driver)
        number = branch.branch if branch else order(driver)[0]
    except VersionError as error:
        return GpuVerdict(supports=None, how="unknown", reason=str(error))
    arch = kb.gpus.arch(gpu.dotted)
    if arch is None:
        reason = f"compute capability {gpu.dotted} is not known"
        return GpuVerdict(supports=None, how="unknown", reason=reason)
    if arch.integrated:
        reason = "a Jetson's driver comes with JetPack and is not counted in these branches"
        return GpuVerdict(supports=None, how="unknown", reason=reason)
    if arch.last_branch is not None and number > arch.last_branch:
        reason = (
            f"driver branch {arch.last_branch} is the last for {arch.family} ({gpu.dotted}),"
            f" and this is {driver}"
        )
        return GpuVerdict(supports=False, how="dropped", branch=arch.last_branch, reason=reason)
    if arch.first_branch is not None and number < arch.first_branch:
        reason = (
            f"{arch.family} ({gpu.dotted}) needs driver branch {arch.first_branch} or newer,"
            f" and this is {driver}"
        )
        return GpuVerdict(supports=False, how="too-new", branch=arch.first_branch, reason=reason)
    reason = f"driver {driver} supports {arch.family} ({gpu.dotted})"
    return GpuVerdict(supports=True, how="ok", reason=reason)


def cuda_for_driver(driver: str, *, kb: Knowledge | None = None) -> str | None:
    """The newest CUDA a driver serves by itself, as nvidia-smi prints it; None: not known."""
    try:
        branch = (kb or load()).drivers.branch_of(driver)
    except VersionError:
        return None
    return branch.cuda if branch else None


def _binary(code: Sm, gpu: Sm, arch: "Arch | None", cuda: str | None, kb: Knowledge) -> bool:
    """Machine code of the same major and a lower minor version; Jetson's GPUs are apart."""
    if code.suffix == "a" or code.major != gpu.major or code.minor > gpu.minor:
        return False
    maker = kb.gpus.arch(code.plain.dotted)
    if maker is not None and maker.integrated:
        return False
    if arch is None or not arch.integrated:
        return True
    since = arch.discrete_code_since
    return since is not None and cuda is not None and order(cuda) >= order(since)


def _jits(code: Sm, gpu: Sm, names: set[Sm]) -> bool:
    """PTX runs on its own and every newer architecture, but for the arch- and family-bound."""
    if code.suffix == "a":
        return code.plain in names
    if code.suffix == "f":
        return code.major == gpu.major and code.minor <= gpu.minor
    return code.plain <= gpu


def _why_not(
    gpu: Sm, arch: "Arch | None", held: list[Sm], portable: list[Sm], partial: set[str]
) -> str:
    if not held and not portable:
        return "it holds no GPU code at all"
    has = ", ".join([code.sass for code in reversed(held)] + [code.ptx for code in portable])
    least = "" if gpu.minor == 0 or (arch and arch.integrated) else f"sm_{gpu.major}0 to "
    some = sorted(name for name in partial if Sm.parse(name).plain == gpu)
    note = f"; only some of its kernels have {some[0]}" if some else ""
    return f"it has {has}, and {gpu.dotted} needs {least}{gpu.sass} or older PTX{note}"


def _compat_for(
    driver: str, want: tuple[int, ...], gpu_class: str | None, kb: Knowledge
) -> str | None:
    """The oldest cuda-compat package that would bring this CUDA to this driver."""
    forward, branch = kb.cuda.forward, kb.drivers.branch_of(driver)
    if branch is None or gpu_class not in (None, *forward.works, *forward.some):
        return None
    for package in kb.cuda.compat_packages:
        fits = order(package.cuda)[0] == want[0] and order(package.cuda) >= want
        if fits and branch.branch in package.branches:
            return "cuda-compat-" + package.cuda.replace(".", "-")
    return None


def _with_compat(
    driver: str,
    cuda: str,
    offered: str,
    has_ptx: bool,
    gpu_class: str | None,
    windows: bool,
    kb: Knowledge,
) -> DriverVerdict:
    """The verdict when libcuda comes from a cuda-compat package instead of the driver."""
    name = "cuda-compat-" + offered.replace(".", "-")
    alone = driver_serves(driver, offered, has_ptx=True, windows=windows, kb=kb)
    package = next((row for row in kb.cuda.compat_packages if row.cuda == offered), None)
    branch, forward = kb.drivers.branch_of(driver), kb.cuda.forward
    problem = None
    if windows:
        problem = f"{name} works on Linux only"
    elif alone.serves:
        problem = f"{name} brings nothing newer than driver {driver}, and hides its libcuda"
    elif gpu_class is not None and gpu_class not in (*forward.works, *forward.some):
        problem = f"{name} does not work on {gpu_class} GPUs"
    elif package and (branch is None or branch.branch not in package.branches):
        problem = f"{name} may not be put on driver {driver}"
    if problem:
        return DriverVerdict(serves=False, how="no", needed=alone.needed, reason=problem)
    if package is None or gpu_class is None or gpu_class in forward.some:
        what = f"on {gpu_class} GPUs" if gpu_class else "on this GPU"
        reason = f"it is not known whether {name} works {what}"
        return DriverVerdict(serves=None, how="unknown", reason=reason)
    floor = kb.cuda.floor(cuda)
    same_major = floor is not None and order(floor.first) <= order(offered) < order(floor.before)
    if order(offered) >= order(minor(cuda)) or (same_major and not has_ptx):
        reason = f"{name} brings CUDA {offered} to driver {driver}"
        return DriverVerdict(serves=True, how="forward", reason=reason)
    reason = f"{name} brings CUDA {offered} only, and CUDA {cuda} is needed"
    return DriverVerdict(serves=False, how="no", needed=alone.needed, reason=reason)
