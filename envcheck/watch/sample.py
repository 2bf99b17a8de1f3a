"""Reads one `Tick` after another: use and power each time, processes and health every few seconds.

Cheap by design: every value is a delta or the driver's own samples, so a slow reader loses nothing.
Must not know what becomes of a tick.
"""

import os
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import psutil

from envcheck.errors import UsageError
from envcheck.nvml.client import NvmlClient
from envcheck.nvml.inventory import Opened
from envcheck.nvml.readings import NvmlError, NvmlUnavailable
from envcheck.nvml.signals import Fast, ProcessRates, Slow, Watched, XidEvents
from envcheck.watch.cells import GpuSeries, cell, unread
from envcheck.watch.processes import Process, ProcessTable
from envcheck.watch.session import OPEN_S, STALL_S, Session, select_gpus
from envcheck.watch.tick import FIRST, HostTick, Overhead, ProcessTick, Tick, Unread

PROCESSES_S = 5.0
HEALTH_S = 10.0
_DELTAS = {"utilization_rates", "pcie_tx_bytes", "pcie_rx_bytes", "nvlink_tx_kib", "nvlink_rx_kib"}
_FAST = [field for field in Fast.__struct_fields__ if field not in _DELTAS]
_SLOW = list(Slow.__struct_fields__)


class Sampler:
    """The source of ticks. `open` first; then `tick` as often as wanted."""

    def __init__(
        self,
        *,
        interval_s: float = 1.0,
        processes_s: float = PROCESSES_S,
        health_s: float = HEALTH_S,
        select: Sequence[str] = (),
        stall_s: float = STALL_S,
        open_s: float = OPEN_S,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """`interval_s`: how far the first tick looks back. `select`: GPUs by index, UUID or PCI
        address. `stall_s` bounds one NVML call, `open_s` the start of NVML. `env` is the worker's
        environment, as for `NvmlClient`.
        """
        self.session = Session(NvmlClient(env=env), stall_s=stall_s, open_s=open_s)
        self._interval_s, self._select = interval_s, select
        self._every = {"processes": processes_s, "health": health_s}
        self._read_at: dict[str, float] = {}
        self._table = ProcessTable()
        self._gpus: list[GpuSeries] = []
        self._driver: str | Unread = Unread("NOT_READ", "not asked yet")
        self._known: dict[int, Process] = {}  # in this tick: one process may use many GPUs
        self._processes: dict[int, tuple[ProcessTick, ...] | Unread] = {}
        self._costs = _Costs()
        self._before: float | None = None

    def open(self) -> Opened | NvmlUnavailable:
        """Starts NVML and finds the GPUs to watch.

        Raises:
            UsageError: `select` names a GPU that is not there.
        """
        opened = self.session.open()
        if isinstance(opened, Opened):
            self._driver = cell(opened.driver_version)
            indices = select_gpus(self.session, opened.gpu_count, self._select)
            if None in indices:
                asked = ",".join(self._select)
                raise UsageError(
                    f"-i {asked}: no such GPU; there are {opened.gpu_count}, from 0 on"
                )
            self._gpus = [GpuSeries(index) for index in indices if index is not None]
        return opened

    def leave_out(self, indices: Iterable[int]) -> None:
        """Does not watch these GPUs."""
        unwanted = set(indices)
        self._gpus = [gpu for gpu in self._gpus if gpu.index not in unwanted]

    def close(self) -> None:
        self.session.close()

    def tick(self) -> Tick:
        """Everything now. Never raises for what NVML does."""
        now = time.monotonic()
        first = self._before is None
        interval_s = self._interval_s if self._before is None else now - self._before
        self._before = now
        health, processes = self._due("health", now), self._due("processes", now)
        xids = self._xids()
        watched = self.session.watch(
            {gpu.index: gpu.wanted(processes) for gpu in self._gpus},
            fast=_FAST,
            slow=_SLOW if health else [],
        )
        at_s = time.monotonic()
        gpus = []
        for gpu in self._gpus:
            read = watched[gpu.index]
            mine = xids if isinstance(xids, Unread) else tuple(xids.get(gpu.index, ()))
            gpus.append(gpu.tick(read, at_s, self._interval_s, mine))
            if processes:
                self._processes[gpu.index] = self._on(gpu, read)
        listed = [found for found in self._processes.values() if not isinstance(found, Unread)]
        flat = tuple(process for found in listed for process in found)
        if processes:
            self._table.keep(process.pid for process in flat)
            self._known.clear()
        return Tick(
            timestamp=rfc3339(time.time()),
            interval_s=round(interval_s, 3),
            driver_version=self._driver,
            gpus=tuple(gpus),
            processes=flat,
            processes_age_s=round(now - self._read_at["processes"], 3),
            processes_unread={
                index: found
                for index, found in self._processes.items()
                if isinstance(found, Unread)
            },
            health_age_s=round(now - self._read_at["health"], 3),
            host=_host(first),
            overhead=self._costs.overhead(self.session.restarts, first),
        )

    def _due(self, what: str, now: float) -> bool:
        # Half a tick early is on time: ticks are never exactly a second apart.
        due = now - self._read_at.get(what, -1e9) >= self._every[what] - 0.5 * self._interval_s
        if due:
            self._read_at[what] = now
        return due

    def _xids(self) -> dict[int, list[int]] | Unread:
        indices = [gpu.index for gpu in self._gpus]
        answer = self.session.ask("xids", XidEvents, None, gpus=indices)
        if isinstance(answer, NvmlError):
            return unread(answer)
        self._costs.worker(answer.cpu_s, answer.calls)
        if isinstance(answer.events, NvmlError):
            return unread(answer.events)
        found: dict[int, list[int]] = {}
        for event in answer.events:
            # One that names no GPU concerns them all.
            for index in indices if event.gpu is None else [event.gpu]:
                found.setdefault(index, []).append(event.xid)
        return found

    def _on(self, gpu: GpuSeries, watched: Watched | NvmlError) -> tuple[ProcessTick, ...] | Unread:
        """The processes of one GPU."""
        if isinstance(watched, NvmlError):
            return unread(watched)
        if watched.processes is None or isinstance(watched.processes, NvmlError):
            return unread(watched.processes or NvmlError(-2, "NOT_READ", ""))
        rates = watched.process_rates
        if rates is not None and not isinstance(rates, NvmlError):
            gpu.processes_since = max((r.at_us for r in rates), default=gpu.processes_since)
        found = []
        for use in watched.processes:
            who = self._known.get(use.pid)
            if who is None:
                who = self._known[use.pid] = self._table.describe(use.pid)
            found.append(
                ProcessTick(
                    pid=use.pid,
                    gpu_index=gpu.index,
                    gpu_instance=use.gpu_instance,
                    compute_instance=use.compute_instance,
                    kind=use.kind,
                    gpu_memory_bytes=Unread("NOT_SUPPORTED", "the driver does not tell")
                    if use.memory_bytes is None
                    else use.memory_bytes,
                    **_engines(use.pid, rates),
                    **{name: getattr(who, name) for name in who.__struct_fields__},
                )
            )
        return tuple(found)


def rfc3339(seconds: float) -> str:
    """A time of the host's clock, in UTC, with milliseconds."""
    stamp = datetime.fromtimestamp(seconds, timezone.utc)
    return stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _engines(pid: int, rates: tuple[ProcessRates, ...] | NvmlError | None) -> dict[str, Any]:
    if rates is None or isinstance(rates, NvmlError):
        why = unread(rates or NvmlError(-2, "NOT_READ", ""))
        return {
            "sm_percent": why,
            "gpu_memory_percent": why,
            "encoder_percent": why,
            "decoder_percent": why,
        }
    mine = [rate for rate in rates if rate.pid == pid and rate.sm <= 100]
    count = max(1, len(mine))  # no sample means that it did nothing
    return {
        "sm_percent": round(sum(rate.sm for rate in mine) / count, 1),
        "gpu_memory_percent": round(sum(rate.memory for rate in mine) / count, 1),
        "encoder_percent": round(sum(rate.encoder for rate in mine) / count, 1),
        "decoder_percent": round(sum(rate.decoder for rate in mine) / count, 1),
    }


def _host(first: bool) -> HostTick:
    memory, cpu = psutil.virtual_memory(), psutil.cpu_percent()  # the mean since the last call
    return HostTick(
        name=socket.gethostname(),
        cpu_percent=FIRST if first else cpu,
        cpu_count=os.cpu_count() or 1,
        memory_total_bytes=memory.total,
        memory_used_bytes=memory.total - memory.available,
    )


class _Costs:
    """CPU time and NVML calls of this process and its workers, tick by tick."""

    def __init__(self) -> None:
        self._worker = (0.0, 0)
        self._spent = (0.0, 0)  # of all workers until now
        self._before = (time.monotonic(), time.process_time(), 0)

    def worker(self, cpu_s: float, calls: int) -> None:
        """The running totals of the present worker; a smaller count means a new one."""
        old_cpu, old_calls = self._worker if calls >= self._worker[1] else (0.0, 0)
        cpu, count = self._spent
        self._spent = (cpu + cpu_s - old_cpu, count + calls - old_calls)
        self._worker = (cpu_s, calls)

    def overhead(self, restarts: int, first: bool) -> Overhead:
        cpu, calls = self._spent
        now = (time.monotonic(), time.process_time() + cpu, calls)
        seconds = max(1e-9, now[0] - self._before[0])
        spent, made = now[1] - self._before[1], now[2] - self._before[2]
        self._before = now
        return Overhead(
            cpu_percent=FIRST if first else round(100 * spent / seconds, 2),
            nvml_calls_per_second=FIRST if first else round(made / seconds, 1),
            worker_restarts=restarts,
        )
