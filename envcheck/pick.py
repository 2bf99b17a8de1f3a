"""Healthy, idle GPUs for a program to use: the doctor's own rules say which are healthy.

Joins the probes, the rules and one look at what the GPUs do; none of these knows the others.
"""

from collections.abc import Mapping, Sequence

import msgspec

from envcheck.facts import Gpu, Missing, Snapshot
from envcheck.finding import WARNING
from envcheck.judge import judge
from envcheck.kb import Knowledge, load
from envcheck.nvml.readings import NvmlUnavailable
from envcheck.probes.take import take_snapshot
from envcheck.rules import choose
from envcheck.rules.base import Rule
from envcheck.watch.sample import Sampler
from envcheck.watch.session import no_driver
from envcheck.watch.tick import GpuTick, MigTick, ProcessTick, Tick, Unread
from envcheck.watch.units import size

LOOK_BACK_S = 10.0  # a GPU between two batches is not idle
IDLE_PERCENT = 5.0


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed of each GPU. Without `free_memory` it must have no compute process."""

    count: int = 1
    free_memory_bytes: int | None = None
    max_utilization_percent: float = IDLE_PERCENT


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A GPU or MIG instance that fits."""

    index: int
    uuid: str
    mig: bool
    free_bytes: int
    utilization_percent: float


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The best that fit, best first, and why the others do not."""

    picked: tuple[Candidate, ...]
    rejected: tuple[str, ...]
    unavailable: str | None = None  # why no GPU can be asked at all


def pick(wish: Wish, *, ignore: Sequence[str] = (), timeout: float = 10.0) -> Choice:
    """The GPUs of this machine that fit; fewer than wished when there are no more.

    `ignore` names checks whose findings do not make a GPU unfit.

    Raises:
        UsageError: `ignore` names no check.
    """
    rules = tuple(rule for rule in choose((), ignore) if rule.subject == "gpu" and rule.each)
    kb = load()
    snapshot, _ = take_snapshot(
        python=None, facts=("driver", "gpus", "container"), purpose="run", timeout=timeout, kb=kb
    )
    sampler = Sampler(interval_s=LOOK_BACK_S)
    try:
        opened = sampler.open()
        if isinstance(opened, NvmlUnavailable):
            return Choice(picked=(), rejected=(), unavailable=no_driver(opened))
        unfit = unfit_gpus(snapshot, rules, kb)
        sampler.leave_out(unfit)
        return match(sampler.tick(), unfit, wish)
    finally:
        sampler.close()


def unfit_gpus(snapshot: Snapshot, rules: Sequence[Rule], kb: Knowledge) -> dict[int, str]:
    """GPU index → why the rules, or their lack of facts, speak against it."""
    if isinstance(snapshot.gpus, Missing):
        return {}
    unfit: dict[int, str] = {}
    for gpu in snapshot.gpus.known_devices():
        why = _silent(gpu)
        if why is None:
            alone = msgspec.structs.replace(snapshot.gpus, devices=(gpu,))
            report = judge(msgspec.structs.replace(snapshot, gpus=alone), kb, rules)
            found = report.at_least(WARNING)
            why = "; ".join(f"{finding.code}: {finding.message}" for finding in found)
            why = why or "; ".join(f"{crash.code} crashed" for crash in report.crashed)
        if why:
            unfit[gpu.index] = why
    return unfit


def _silent(gpu: Gpu) -> str | None:
    """Why a GPU cannot be judged: it hangs, or cannot be asked."""
    if isinstance(gpu.hung, str):
        return f"{gpu.hung} does not return"
    if isinstance(gpu.lost, Missing):
        return str(gpu.lost)
    return None


def match(tick: Tick, unfit: Mapping[int, str], wish: Wish) -> Choice:
    """The candidates of one tick. Pure."""
    fitting: list[Candidate] = []
    rejected = [f"GPU {index}: {why}" for index, why in unfit.items()]
    for gpu in tick.gpus:
        if gpu.index in unfit:
            continue
        users = [p for p in tick.processes if p.gpu_index == gpu.index and p.kind != "graphics"]
        unread = tick.processes_unread.get(gpu.index)
        instances = () if isinstance(gpu.mig_devices, Unread) else gpu.mig_devices
        if instances:
            judged = [_instance(gpu, mig, users, unread, wish) for mig in instances]
        else:
            judged = [_whole(gpu, users, unread, wish)]
        fitting += [one for one in judged if isinstance(one, Candidate)]
        rejected += [one for one in judged if isinstance(one, str)]
    best = sorted(fitting, key=lambda one: (one.utilization_percent, -one.free_bytes, one.index))
    return Choice(picked=tuple(best[: wish.count]), rejected=tuple(rejected))


def _whole(
    gpu: GpuTick, users: Sequence[ProcessTick], unread: Unread | None, wish: Wish
) -> Candidate | str:
    label = f"GPU {gpu.index}"
    if gpu.error is not None:
        return f"{label}: {gpu.error.reason}"
    busy = gpu.utilization_percent
    if isinstance(busy, Unread) and unread is not None:
        return f"{label}: neither its use nor its processes can be read ({busy.reason})"
    if not isinstance(busy, Unread) and busy > wish.max_utilization_percent:
        return f"{label}: busy, {busy:g} % over the last {LOOK_BACK_S:g} s"
    free = gpu.memory_free_bytes
    percent = 0.0 if isinstance(busy, Unread) else busy
    return _fits(label, gpu.index, gpu.uuid, free, percent, users, wish, mig=False)


def _instance(
    gpu: GpuTick,
    mig: MigTick,
    users: Sequence[ProcessTick],
    unread: Unread | None,
    wish: Wish,
) -> Candidate | str:
    label = f"GPU {gpu.index} MIG {mig.index}"
    if unread is not None:
        return f"{label}: its processes cannot be read ({unread.reason})"
    own = [
        process
        for process in users
        if process.gpu_instance == mig.gpu_instance
        and process.compute_instance in (None, mig.compute_instance)
    ]
    total, used = mig.memory_total_bytes, mig.memory_used_bytes
    if isinstance(total, Unread):
        return f"{label}: {total.reason}"
    free = used if isinstance(used, Unread) else total - used
    return _fits(label, gpu.index, mig.uuid, free, 0.0, own, wish, mig=True)


def _fits(
    label: str,
    index: int,
    uuid: str | Unread,
    free: int | Unread,
    percent: float,
    users: Sequence[ProcessTick],
    wish: Wish,
    *,
    mig: bool,
) -> Candidate | str:
    if isinstance(uuid, Unread):
        return f"{label}: {uuid.reason}"
    if isinstance(free, Unread):
        return f"{label}: {free.reason}"
    if wish.free_memory_bytes is None and users:
        pids = ", ".join(str(process.pid) for process in users[:5])
        return f"{label}: in use by process {pids}"
    if wish.free_memory_bytes is not None and free < wish.free_memory_bytes:
        return f"{label}: {size(free)} of memory free"
    return Candidate(index=index, uuid=uuid, mig=mig, free_bytes=free, utilization_percent=percent)
