"""Checks of proofs that were run: what a device computed, how fast, whether it lasted. Pure."""

from collections.abc import Iterator

from envcheck.facts import Trial
from envcheck.finding import ERROR, WARNING, Evidence, Finding, Remedy
from envcheck.kb import Knowledge
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.smoke import IMPORTS, NAMED, NO_NUMBER, NUMERIC, failed_by, said, wrong

OWN_CHECKS = ("ffmpeg_", "repo", "d2_")  # beginnings of proofs whose failures have checks apart


@rule("SMK008", severity=ERROR, subject="smoke")
def gpu_lost_under_work(trial: Trial) -> Iterator[Finding]:
    """The GPU was lost or stopped with an error during a proof.

    Why: a card that fails only under load has a fault in its power, cooling, memory or slot; a
    broken kernel shows the same way, and then always at the same proof.

    Confirm: Xid messages tell what the driver saw.

        sudo dmesg | grep -i xid

    Fix: by the Xid: 48, 63, 64, 92 to 95 memory; 79 power or slot; 13 and 31 software. Restart
    before the next run: the context stays broken.

    Sources: https://docs.nvidia.com/deploy/xid-errors/index.html
    """
    if trial.check == "cuda_init":
        raise NotApplicable  # nothing was done yet: cuda_start_fails
    if failed_by(trial, "gpu_lost", "gpu_fault"):
        yield Finding(
            message=f"{trial.label} ended in a GPU error: {trial.detail}",
            evidence=said(trial),
            subject=trial.label,
            remedy=Remedy("Read what the driver saw.", ("sudo dmesg | grep -i xid",), "root"),
        )


@rule("SMK009", severity=ERROR, subject="smoke")
def device_absent(trial: Trial) -> Iterator[Finding]:
    """The device that was asked for is not one that CUDA shows.

    Why: CUDA counts from 0 over the devices left by CUDA_VISIBLE_DEVICES.

    Confirm: it prints how many there are.

        python -c "import torch; print(torch.cuda.device_count())"

    Fix: name a device below that number, or unset CUDA_VISIBLE_DEVICES.

    Sources: https://docs.nvidia.com/cuda/cuda-c-programming-guide/index.html#env-vars
    """
    if failed_by(trial, "device_absent"):
        yield Finding(message=trial.detail, evidence=said(trial), subject=trial.label)


@rule("SMK010", severity=ERROR, subject="smoke")
def wrong_result(trial: Trial) -> Iterator[Finding]:
    """A device computes wrong results.

    Why: the same operator in float64 on the CPU gives another result than rounding explains. A
    faulty card, overclocked memory, a broken library, or a build for another card; training then
    fails silently, or ends in NaN.

    Confirm: the same proof fails again.

        envcheck smoke torch

    Fix: reinstall torch; where it stays, take the card out of service.

    Sources: https://pytorch.org/docs/stable/notes/numerical_accuracy.html
    """
    if wrong(trial, "compute", "pair"):
        off = "gives NaN or infinity" if trial.measured is None else "is wrong"
        unit = "values" if trial.check == "pair" else "deviations of the exact result"
        seen = "" if trial.measured is None else f": off by {trial.measured:.3g} {unit}"
        most = "" if trial.limit is None else f", at most {trial.limit:.3g} is right"
        yield Finding(
            message=f"{trial.name} on {trial.device} {off}{seen}{most}.",
            evidence=said(trial),
            subject=trial.label,
        )


@rule("SMK011", severity=ERROR, subject="smoke")
def gpu_memory_wrong(trial: Trial) -> Iterator[Finding]:
    """The GPU's memory does not hold what was written to it.

    Why: two bit patterns were written to most of the free memory and read back; values came back
    changed. ECC was off or could not correct them.

    Confirm: counters of uncorrectable errors and of remapped rows.

        nvidia-smi -q -d ECC,ROW_REMAPPER

    Fix: turn ECC on, restart; where it stays, have the card replaced.

    Sources: https://docs.nvidia.com/deploy/a100-gpu-mem-error-mgmt/index.html
    """
    if wrong(trial, "memory") and trial.measured is not None:
        yield Finding(
            message=f"{trial.measured:.0f} values of {trial.device}'s memory came back wrong"
            f" ({trial.rates.get('GiB checked', 0):.0f} GiB checked twice).",
            evidence=said(trial),
            subject=trial.label,
            remedy=Remedy(
                "Read the card's own counters.", ("nvidia-smi -q -d ECC,ROW_REMAPPER",), "manual"
            ),
        )


@rule("SMK012", severity=WARNING, subject="smoke")
def slow_gpu(trial: Trial, kb: Knowledge) -> Iterator[Finding]:
    """A GPU reaches only a small part of the speed its data sheet promises.

    Why: a power cap, heat, lowered clocks, another process on the card, a MIG slice, or a fault.
    Half of the data sheet's rate is usual; a third is not.

    Confirm: reasons why the clocks are low, and who else is there.

        nvidia-smi -q -d PERFORMANCE,POWER,CLOCK

    Fix: end the other processes; restore the power limit; see to the cooling.

    Sources: https://docs.nvidia.com/deploy/nvidia-smi/index.html
    """
    if trial.check != "rate" or trial.status != "ok":
        raise NotApplicable
    judged = False
    for name, rate in trial.rates.items():
        least = kb.smoke.slow_below(trial.details.get("gpu", ""), name)
        if least is None:
            continue
        judged = True
        if rate < least:
            yield Finding(
                message=f"{trial.details['gpu']} reaches {rate:.4g} {name}; a healthy one is"
                f" above {least:.4g}.",
                evidence=(Evidence(f"{trial.label} {name}", f"{rate:.6g}", "envcheck smoke"),),
                subject=trial.label,
                remedy=Remedy(
                    "See why the clocks are low.", ("nvidia-smi -q -d PERFORMANCE,POWER,CLOCK",)
                ),
            )
    if not judged:
        raise NotApplicable


@rule("SMK013", severity=ERROR, subject="smoke")
def proof_fails(trial: Trial) -> Iterator[Finding]:
    """A proof ended in an error.

    Why: an operator that every model uses does not work here: a library is missing or of another
    version, or the build holds no code for this card.

    Confirm: the same proof fails again.

        envcheck smoke torch

    Fix: by the error's words; `envcheck doctor` reads the installation as files.

    Sources: https://pytorch.org/docs/stable/notes/cuda.html
    """
    if trial.reason in NO_NUMBER:
        named = trial.check in (NUMERIC if trial.reason == "not_finite" else ("train",))
    else:
        named = trial.check in IMPORTS or trial.reason in NAMED
    if named or trial.status == "skipped" or trial.check.startswith(OWN_CHECKS):
        raise NotApplicable
    if trial.status == "failed":
        yield Finding(
            message=f"{trial.label} failed: {trial.detail}",
            evidence=said(trial),
            subject=trial.label,
            remedy=Remedy("Let doctor look for the cause.", ("envcheck doctor",)),
        )
