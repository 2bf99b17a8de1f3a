"""What was found, a line a subject, for every format people read.

Must not know whether it is good.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from envcheck.facts import (
    Container,
    Cuda,
    Dataset,
    Driver,
    Ffmpeg,
    FfmpegBuild,
    Gpu,
    Gpus,
    Host,
    Missing,
    PythonEnv,
    Snapshot,
    TorchBuild,
    Training,
    Trial,
    Trials,
    Why,
)
from envcheck.finding import words

F = TypeVar("F")
GIB = 1 << 30


def summary(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """(label, text) lines; what nobody asked for is left out, what is missing says why."""
    yield from _line("Machine", snapshot.host, _host)
    if not isinstance(snapshot.container, Missing) and (around := _around(snapshot.container)):
        yield "Inside", around
    yield from _line("Driver", snapshot.driver, _driver)
    yield from _gpus(snapshot.gpus)
    yield from _line("CUDA", snapshot.cuda, _cuda)
    yield from _line("Python", snapshot.python, _python)
    yield from _line("torch", snapshot.torch, _torch)
    yield from _ffmpeg(snapshot.ffmpeg)
    yield from _line("Training", snapshot.training, _training)
    yield from _trials(snapshot.trials)
    yield from _dataset(snapshot.dataset)


def _line(label: str, fact: F | Missing, line: Callable[[F], str]) -> Iterator[tuple[str, str]]:
    if not isinstance(fact, Missing):
        yield label, line(fact)
    elif fact.why is not Why.NOT_ASKED:
        yield label, str(fact)


def _around(container: Container) -> str:
    wsl = f"WSL{container.wsl}" if isinstance(container.wsl, int) and container.wsl else None
    jetson = f"Jetson, L4T {container.jetson}" if isinstance(container.jetson, str) else None
    return _join(container.runtime, wsl, jetson)


def _join(*parts: "str | Missing | None") -> str:
    return ", ".join(part for part in parts if part and not isinstance(part, Missing))


def _host(host: Host) -> str:
    glibc = None if isinstance(host.glibc, Missing) else f"glibc {host.glibc}"
    kernel = None if isinstance(host.kernel, Missing) else f"kernel {host.kernel}"
    return _join(host.os_name, kernel, glibc, host.arch) or "nothing could be read"


def _driver(driver: Driver) -> str:
    if isinstance(driver.version, Missing):
        return str(driver.version)
    flavor = None
    if not isinstance(driver.module_flavor, Missing):
        flavor = f"{driver.module_flavor} kernel module"
    cuda = None if isinstance(driver.cuda, Missing) else f"serves CUDA {driver.cuda}"
    return _join(driver.version, flavor, cuda)


def _gpus(gpus: Gpus | Missing) -> Iterator[tuple[str, str]]:
    if isinstance(gpus, Missing):
        if gpus.why is not Why.NOT_ASKED:
            yield "GPU", str(gpus)
        return
    same: dict[str, list[int]] = {}
    for gpu in gpus.known_devices():
        same.setdefault(_gpu(gpu), []).append(gpu.index)
    for text, indices in same.items():
        many = f"{len(indices)} x " if len(indices) > 1 else ""
        label = "GPU " + ",".join(map(str, indices)) if len(same) > 1 else "GPU"
        yield label, many + text
    if not gpus.devices:
        yield "GPU", "no NVIDIA GPU"


def _gpu(gpu: Gpu) -> str:
    sm = None if isinstance(gpu.sm, Missing) else f"compute capability {gpu.sm}"
    memory = None
    if not isinstance(gpu.memory_bytes, Missing):
        memory = f"{gpu.memory_bytes / GIB:.0f} GiB"
    mig = "MIG" if gpu.mig_enabled is True else None
    lost = "LOST" if isinstance(gpu.lost, str) else None
    hung = "HUNG" if isinstance(gpu.hung, str) else None
    name = gpu.name if isinstance(gpu.name, str) else words(gpu.pci_id)
    return _join(name, sm, memory, mig, lost, hung)


def _cuda(cuda: Cuda) -> str:
    toolkits = () if isinstance(cuda.toolkits, Missing) else cuda.toolkits
    if not toolkits:
        return "no toolkit (torch brings its own libraries)"
    return _join(*(f"{words(toolkit.version)} at {toolkit.path}" for toolkit in toolkits))


def _python(python: PythonEnv) -> str:
    return f"{words(python.version)} at {words(python.executable)} ({words(python.chosen_by)})"


def _torch(torch: TorchBuild) -> str:
    if isinstance(torch.broken, str):
        return f"{words(torch.version)}, broken: {torch.broken}"
    if isinstance(torch.hip, str):
        return _join(torch.version, f"ROCm {torch.hip}")
    if isinstance(torch.xpu, str):
        return _join(torch.version, f"XPU {torch.xpu}")
    if torch.cuda is None:
        return _join(torch.version, "CPU build")
    cuda = None if isinstance(torch.cuda, Missing) else f"CUDA {torch.cuda}"
    code = None
    if not isinstance(torch.sass, Missing):
        code = "GPU code " + words(torch.sass).replace(" sm_", " ")
        if isinstance(torch.ptx, tuple):
            code += " and PTX " + words(torch.ptx) if torch.ptx else ", no PTX"
    return _join(torch.version, cuda, code)


def _ffmpeg(ffmpeg: Ffmpeg | Missing) -> Iterator[tuple[str, str]]:
    """The program a shell would run, and those that were built for NVIDIA's hardware."""
    for place, build in enumerate(() if isinstance(ffmpeg, Missing) else ffmpeg.builds):
        if isinstance(build, FfmpegBuild) and (place == 0 or build.for_nvidia):
            yield "FFmpeg", f"{words(build.version)} at {build.path}{_video(build)}"


def _video(build: FfmpegBuild) -> str:
    """What of NVIDIA's hardware it uses: ", h264_nvenc (driver 470.57.02), NVDEC, scale_cuda"."""
    encoders = () if isinstance(build.encoders, Missing) else build.encoders
    driver = f" (driver {build.nvenc_driver})" if isinstance(build.nvenc_driver, str) else ""
    decodes = bool(build.decoders) and not isinstance(build.decoders, Missing)
    filters = () if isinstance(build.filters, Missing) else build.filters
    scaling = [name for name in filters if name.startswith("scale_")]
    parts = [*([f"{words(encoders)}{driver}"] if encoders else []), *(["NVDEC"] if decodes else [])]
    return "".join(f", {part}" for part in (*parts, *scaling))


def _training(training: Training) -> str:
    """The configuration in a line; what it leaves to the defaults is told as well."""
    of = training.settings
    clip = f"clips of {of.get('DATA.NUM_FRAMES')} x {of.get('DATA.SAMPLING_RATE')}"
    gpus = of.get("NUM_GPUS")
    where = f"{gpus} GPU{'' if gpus == 1 else 's'}" if gpus else "the CPU"
    batch = f"batch {of.get('TRAIN.BATCH_SIZE')} on {where}"
    items = None
    if isinstance(training.items, int):
        items = f"{training.items}{' or more' if training.items_more else ''} training samples"
    model = f"{of.get('MODEL.MODEL_NAME')} on {of.get('TRAIN.DATASET')}"
    return _join(training.file, model, clip, batch, items)


def _trials(trials: Trials | Missing) -> Iterator[tuple[str, str]]:
    """A line a proof: what came out, and how fast."""
    if isinstance(trials, Missing):
        if trials.why is not Why.NOT_ASKED:
            yield "Proofs", str(trials)
        return
    for trial in trials.trials:
        if isinstance(trial, Trial):
            yield f"{trial.device} {trial.name}", _trial(trial)


def _trial(trial: Trial) -> str:
    if trial.status != "ok":
        return f"{trial.status}: {trial.detail or trial.reason}"
    parts = []
    if trial.measured is not None and trial.expected is not None:
        parts.append(f"{trial.measured:.0f} of {trial.expected:.0f}")
    elif trial.measured is not None:
        least = "" if trial.limit is None else f" (right up to {trial.limit:.3g})"
        parts.append(f"off by {trial.measured:.3g}{least}")
    parts += [f"{rate:.4g} {name}" for name, rate in trial.rates.items()]
    parts += [f"{name} {text}" for name, text in trial.details.items()]
    return ", ".join(parts) or f"{trial.seconds:.2f} s"


def _dataset(dataset: Dataset | Missing) -> Iterator[tuple[str, str]]:
    """A line for the data set and one for each part that could be read."""
    if isinstance(dataset, Missing):
        if dataset.why is not Why.NOT_ASKED:
            yield "Data set", str(dataset)
        return
    yield "Data set", f"{dataset.form.upper()} in {dataset.root}"
    for part in dataset.known_parts():
        counts = [f"{what.replace('_', ' ')} {count:,}" for what, count in part.counts.items()]
        yield part.name, str(part.unread) if part.unread else _join(*counts)
