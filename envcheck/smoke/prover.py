"""Jobs run one after another within one time limit, on the devices that were asked for.

Must not know what a job proves.
"""

from typing import Any

from envcheck.errors import UsageError
from envcheck.facts import Trial
from envcheck.smoke.run import Job, Progress, run

DEVICES = "cpu, cuda, cuda:N or all"


def check_device(device: str) -> str:
    """The device as the jobs name it.

    Raises:
        UsageError: it is none of cpu, cuda, cuda:N, all.
    """
    if device in ("cpu", "all"):
        return device
    kind, _, index = device.partition(":")
    if kind == "cuda" and (index.isdecimal() or ":" not in device):
        return f"cuda:{int(index or 0)}"
    raise UsageError(f"no device is called {device!r}: it is {DEVICES}")


class Prover:
    """Runs jobs one after another within one time limit; an interruption ends the run."""

    def __init__(self, python: str, script: str, timeout: float, progress: Progress) -> None:
        self._python = python
        self._script = script
        self._timeout = timeout
        self._progress = progress
        self._trials: list[Trial] = []
        self._interrupted = False

    def prove(self, device: str, options: dict[str, Any]) -> tuple[Trial, ...]:
        if self._interrupted:
            return ()
        job = Job(script=self._script, device=device, options=options, limit=self._timeout)
        trials, self._interrupted = run(self._python, job, self._progress)
        self._trials += trials
        return trials

    def trials(self) -> tuple[Trial, ...]:
        """Every trial once: what a second process imported again is left out where it worked."""
        self._progress("")
        seen: set[tuple[str, str]] = set()
        kept = []
        for trial in self._trials:
            key = (trial.name, trial.device)
            if trial.status == "ok" and trial.check.endswith("import") and key in seen:
                continue
            seen.add(key)
            kept.append(trial)
        return tuple(kept)


def wants_gpu(device: str) -> bool:
    return device != "cpu"


def gpus_of(device: str, found: tuple[Trial, ...]) -> tuple[str, ...]:
    """The CUDA devices to prove; one asked for by name is tried whether or not CUDA shows it."""
    if device == "cpu":
        return ()
    if device != "all":
        return (device,)
    return tuple(
        name
        for trial in found
        if trial.check == "cuda_init"
        for name in trial.details
        if name.startswith("cuda:")
    )


def devices_of(device: str, prover: Prover) -> tuple[str, ...]:
    """What to prove a model on: every GPU asked for, the CPU where CUDA shows none.

    Asks CUDA through the prover's script; none at all where torch cannot be imported.
    """
    if not wants_gpu(device):
        return ("cpu",)
    asked = prover.prove("cpu", {"ask_cuda": True})
    if not any(trial.check == "import" and trial.status == "ok" for trial in asked):
        return ()
    return gpus_of(device, asked) or ("cpu",)
