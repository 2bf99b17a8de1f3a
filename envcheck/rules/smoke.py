"""Checks of proofs that were run: torch on each device. Pure; only `envcheck smoke` runs proofs."""

from collections.abc import Iterator

from envcheck.facts import Environment, Gpus, Missing, PythonEnv, Trial, Trials, Unknown, failed
from envcheck.finding import ERROR, NOTE, WARNING, Evidence, Finding, Remedy
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.common import visible
from envcheck.rules.install import interpreter

# Why a proof failed, where a check of its own says so. Everything else is `proof_fails`.
PROCESS = ("crashed", "killed", "garbled", "not_started")
NAMED = (
    *PROCESS, "timeout", "interrupted", "out_of_memory", "gpu_lost", "gpu_fault", "device_absent",
    "not_finite", "no_gradient", "video_unreadable", "checkpoint_mismatch", "checkpoint_holds_code",
    "checkpoint_unsafe", "checkpoint_unreadable",
)  # fmt: skip
NO_NUMBER = ("not_finite", "no_gradient")
NUMERIC = ("compute", "pair", "golden", "train")  # whose checks say it when they give no number
IMPORTS = (
    "import", "models_import", "transforms_import", "cuda_init",
    "d2_import", "d2_layers_import", "d2_zoo_import", "d2_op",
)  # fmt: skip


def said(trial: Trial) -> tuple[Evidence, ...]:
    """Where a finding about a proof comes from: its error's own words, or what it measured."""
    value = trial.detail or trial.status
    if trial.measured is not None:
        value = f"{trial.measured:.6g}"
        if trial.limit is not None:
            value += f", at most {trial.limit:.6g} is right"
    return (Evidence(trial.label, value, "envcheck smoke"),)


def failed_by(trial: Trial, *reasons: str) -> bool:
    """Whether the proof failed for one of these reasons.

    Raises:
        NotApplicable: it was skipped: there is nothing to judge.
    """
    if trial.status == "skipped":
        raise NotApplicable
    return trial.status == "failed" and trial.reason in reasons


def wrong(trial: Trial, *checks: str) -> bool:
    """Whether one of these checks came out wrong: beyond its limit, or no number at all.

    Raises:
        NotApplicable: it is another check, was skipped, or failed before it gave a result.
    """
    if trial.check not in checks or trial.status == "skipped":
        raise NotApplicable
    if trial.status == "failed":
        if trial.reason == "not_finite":
            return True
        raise NotApplicable
    if trial.measured is None or trial.limit is None:
        raise NotApplicable
    return trial.measured > trial.limit


@rule("SMK001", severity=ERROR, subject="smoke", decisive=True)
def torch_import_fails(trials: Trials, python: PythonEnv | Missing) -> Iterator[Finding]:
    """This interpreter cannot import torch.

    Why: nothing that uses torch starts. The error's words name the cause: a library that is not
    found, an undefined symbol of another build, a file that shadows the package.

    Confirm: it prints the same error.

        python -c "import torch"

    Fix: `envcheck doctor` reads the same installation as files and says which part is broken.

    Sources: https://pytorch.org/get-started/locally/
    """
    if trials.target == "ffmpeg":
        raise NotApplicable
    for trial in trials.trials:
        if isinstance(trial, Missing) or trial.check != "import":
            continue
        if trial.status == "failed" and trial.reason not in NAMED:
            yield Finding(
                message=f"import torch failed: {trial.detail}",
                evidence=said(trial),
                remedy=Remedy(
                    "Let doctor find the broken part.",
                    (f"envcheck doctor --python {interpreter(python)}",),
                    "manual",
                ),
            )
            return


@rule("SMK002", severity=ERROR, subject="smoke")
def cuda_start_fails(
    trial: Trial, gpus: Gpus | Missing, environment: Environment | Missing
) -> Iterator[Finding]:
    """CUDA cannot start in torch although the machine has an NVIDIA GPU, or a GPU was asked for.

    Why: the driver may be too old for this torch, the card hidden or held by another process, a
    device node forbidden, or the build may hold no code for the card.

    Confirm: it raises the same error.

        python -c "import torch; torch.zeros(1, device='cuda')"

    Fix: `envcheck doctor` names the cause.

    Sources: https://pytorch.org/docs/stable/notes/cuda.html
    """
    if trial.check != "cuda_init" or trial.reason in ("cpu_build", "device_absent"):
        if trial.check == "cuda_init" and trial.reason == "cpu_build" and trial.status == "failed":
            yield Finding(
                message=f"{trial.device} was asked for, and this torch is built without CUDA.",
                evidence=said(trial),
                subject=trial.label,
                remedy=Remedy("Let doctor name the build that fits.", ("envcheck doctor",)),
            )
            return
        raise NotApplicable
    if trial.reason in NAMED and trial.reason not in ("gpu_lost", "gpu_fault"):
        raise NotApplicable  # they say it
    there = not isinstance(gpus, Missing) and bool(visible(gpus, environment))
    if trial.status == "failed" or (trial.reason == "no_gpu" and there):
        yield Finding(
            message=f"CUDA did not start: {trial.detail}",
            evidence=said(trial),
            subject=trial.label,
            remedy=Remedy("Let doctor name the cause.", ("envcheck doctor",)),
        )
    elif trial.status == "skipped":
        raise NotApplicable


@rule("SMK003", severity=NOTE, subject="smoke")
def no_gpu_proved(trials: Trials) -> Iterator[Finding]:
    """The proofs ran on the CPU only.

    Why: nothing is proved of a GPU: there is none, this torch is built without CUDA, or only the
    CPU was asked for.

    Confirm: it prints False, or the GPU was left out on purpose.

        python -c "import torch; print(torch.cuda.is_available())"

    Fix: nothing where the CPU is meant; otherwise see what `envcheck doctor` says of the GPU.

    Sources: https://pytorch.org/docs/stable/notes/cuda.html
    """
    known = [trial for trial in trials.trials if isinstance(trial, Trial)]
    if not any(trial.status == "ok" for trial in known):
        raise NotApplicable
    if trials.target in ("architectures", "ffmpeg"):  # counted only; has a check of its own
        raise NotApplicable
    if any(trial.device.startswith("cuda:") for trial in known):
        return
    why = next(
        (t.detail for t in known if t.check == "cuda_init" and t.detail), "only it was asked"
    )
    yield Finding(message=f"The proofs ran on the CPU: {why}.", evidence=())


@rule("SMK004", severity=ERROR, subject="smoke")
def proof_crashed(trial: Trial) -> Iterator[Finding]:
    """The process of a proof died.

    Why: a crash in a library, an instruction this processor lacks, or the kernel ending the process
    because memory ran out. Python cannot report it, so that the same work would vanish silently.

    Confirm: the kernel's log tells of killed processes and of faults.

        sudo dmesg | tail -n 30

    Fix: by the signal: SIGKILL, give the machine or container more memory; SIGILL, a build for this
    processor; SIGSEGV, reinstall torch and what was compiled against it.

    Sources: https://pytorch.org/docs/stable/notes/faq.html
    """
    if failed_by(trial, *PROCESS):
        yield Finding(
            message=f"{trial.label} took its process with it: {trial.detail}.",
            evidence=said(trial),
            subject=trial.label,
            remedy=Remedy("Read what the kernel says of it.", ("sudo dmesg | tail -n 30",), "root"),
        )


@rule("SMK005", severity=ERROR, subject="smoke")
def proof_timed_out(trial: Trial) -> Iterator[Finding]:
    """A proof did not end within the time limit.

    Why: a wedged driver or GPU never answers; a machine under heavy load, or a slow disk at the
    first import, may only need longer.

    Confirm: it answers within seconds on a healthy driver.

        timeout 20 nvidia-smi

    Fix: where `nvidia-smi` hangs as well, restart the machine; otherwise give a longer --timeout.

    Sources: https://docs.nvidia.com/deploy/xid-errors/index.html
    """
    if failed_by(trial, "timeout"):
        yield Finding(
            message=f"{trial.label} did not end: {trial.detail}.",
            evidence=said(trial),
            subject=trial.label,
            remedy=Remedy("See whether the driver still answers.", ("timeout 20 nvidia-smi",)),
        )


@rule("SMK006", severity=WARNING, subject="smoke", decisive=True)
def proofs_interrupted(trial: Trial) -> Iterator[Finding]:
    """The proofs were interrupted: what came after is not proved.

    Why: Ctrl-C, or a signal that the shell passed on. The proofs before it stand as they are; where
    none of them failed there is no verdict, and the exit code is 3.

    Confirm: the last proof of the list says "ended by Ctrl-C".

    Fix: run it again to the end.

    Sources: https://docs.python.org/3/library/signal.html
    """
    if failed_by(trial, "interrupted"):
        yield Finding(
            message=f"Interrupted during {trial.label}: nothing after it was proved.",
            evidence=said(trial),
            subject=trial.label,
        )
        raise Unknown(failed(f"interrupted during {trial.label}"))


@rule("SMK007", severity=ERROR, subject="smoke")
def proof_out_of_memory(trial: Trial) -> Iterator[Finding]:
    """There is not enough memory for a proof.

    Why: the batch is too large for the card or the machine, or another process holds its memory.

    Confirm: it lists who holds the memory of the GPUs.

        nvidia-smi --query-compute-apps=pid,name,used_memory --format=csv

    Fix: the batch that the message says fits; end the other processes; a shorter precision halves
    what activations need.

    Sources: https://pytorch.org/docs/stable/notes/cuda.html#memory-management
    """
    if failed_by(trial, "out_of_memory"):
        yield Finding(
            message=f"{trial.label} ran out of memory: {trial.detail}",
            evidence=said(trial),
            subject=trial.label,
            remedy=Remedy("Ask for a smaller --batch, or free the memory that others hold."),
        )
