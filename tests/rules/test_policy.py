"""What a policy asks for, held against machines."""

import datetime
from typing import Any

import pytest

from envcheck.facts import (
    NOT_ASKED,
    Clause,
    Disk,
    Distribution,
    Ffmpeg,
    FfmpegBuild,
    Gpus,
    Ignore,
    Missing,
    Override,
    Policy,
    Requirement,
    Snapshot,
    absent,
    blocked,
    failed,
)
from envcheck.facts.policy import Kind
from envcheck.finding import ERROR, NOTE, WARNING, Effect, Finding, Remedy
from envcheck.policy.expression import parse
from tests.rules.machine import change, fires, gpu, healthy, not_applicable, passes, report
from tests.rules.places import in_docker

GIB = 1 << 30
TODAY = datetime.date(2026, 11, 21)


def asked(*requirements: str, machine: Snapshot | None = None, **changes: object) -> Snapshot:
    """A machine (the healthy one), with changes, of which this is asked."""
    policy = Policy(on=TODAY, requirements=tuple(parse(text, where="p:1") for text in requirements))
    return change(machine or healthy(), policy=policy, **changes)


def unmet(requirement: str, machine: Snapshot | None = None, **changes: object) -> Finding:
    return fires("requirement_unmet", asked(requirement, machine=machine, **changes))


def mended(requirement: str, machine: Snapshot | None = None, **changes: object) -> Remedy:
    """The remedy; what it does to the machine makes the requirement met."""
    found = asked(requirement, machine=machine, **changes)
    remedy = fires("requirement_unmet", found).remedy
    assert remedy is not None
    for effect in remedy.effects:
        found = change(found, **{effect.path: effect.value})
    if remedy.effects:
        passes("requirement_unmet", found)
    return remedy


EIGHT = tuple(gpu(index) for index in range(8))


@pytest.mark.parametrize(
    "requirement",
    [
        "gpu.count == 1", "gpu.sm >= 9.0", "gpu.memory >= 80GiB", "gpu.name == *h100*",
        "gpu.persistence", "gpu.lost == none", "gpu.mig_enabled == no",
        "driver >= 535", "driver == 550.*", "driver.uvm_loaded", "driver.module_flavor == open",
        "driver.fabric_manager == none", "cuda >= 12.1", "nvcc == 12.1",
        "torch == 2.4.*", "torch", "torch.cuda == 12.1", "torch.hip == none", "torch.sass:sm_90",
        "torch.companions.torchvision.version >= 0.19", "torch.cuda != 11.8",
        "python < 3.12", "package:numpy < 2", "package:tensorflow == none",
        "python.distributions:numpy", "python.manager == venv",
        "shm >= 8GiB", "memory >= 512GiB", "cpus >= 8", "glibc >= 2.28", "kernel >= 5.15",
        "kernel == 5.15.*", "host.memlock_bytes >= 64MiB", "host.os_version == 22.04",
        "disk:/ >= 500GiB", "container.runtime == none", "container.runtime != docker",
        "environment.variables.CUDA_HOME == none", "gpus.devices.0.pcie_width >= 16",
    ],
)  # fmt: skip
def test_a_machine_as_asked_for(requirement: str) -> None:
    passes("requirement_unmet", asked(requirement))
    passes("requirement_not_judged", asked(requirement))


@pytest.mark.parametrize(
    ("requirement", "seen"),
    [
        ("gpu.count >= 8", "gpu.count is 1"),
        ("gpu.sm >= 10.0", "gpu.sm is 9.0"),
        ("gpu.memory > 80GiB", "85899345920 bytes"),
        ("gpu.memory >= 141GiB", "is 80 GiB"),
        ("gpu.name == *V100*", "is NVIDIA H100 80GB HBM3"),
        ("gpu.ecc_enabled == no", "is yes"),
        ("gpus.devices.1.sm >= 9.0", "there is no gpus.devices.1"),
        ("driver >= 570", "is 550.54.15"),
        ("driver.nouveau_loaded", "is no"),
        ("driver.fabric_manager", "no NVSwitch"),
        ("torch == 2.5.*", "is 2.4.0+cu121"),
        ("torch.sass:sm_100", "torch.sass has sm_50, sm_60"),
        ("torch.hip", "is none"),
        ("package:scipy", "scipy is not installed"),
        ("package:numpy == none", "is 1.26.4"),
        ("package:tensorflow != 2.0", "tensorflow is not installed"),
        ("disk:/ >= 1TiB", "/ has 500 GiB of free space"),
        ("environment.variables.CUDA_HOME", "CUDA_HOME is not set"),
    ],
)  # fmt: skip
def test_a_machine_unlike_what_was_asked_for(requirement: str, seen: str) -> None:
    finding = unmet(requirement)
    assert seen in finding.message and f"the policy asks for {requirement}." in finding.message
    assert finding.evidence[-1].value == requirement and finding.evidence[-1].source == "p:1"
    assert finding.severity is ERROR


def test_several_requirements_are_several_findings() -> None:
    found = report(asked("gpu.count >= 8", "driver >= 535", "torch == 2.5.*"), "requirement_unmet")
    assert [finding.subject for finding in found.findings] == ["gpu.count", "torch"]


def test_equal_gpus_share_a_finding() -> None:
    mixed = (*EIGHT[:6], gpu(6, memory_bytes=40 * GIB), gpu(7, memory_bytes=40 * GIB))
    finding = unmet("gpu.memory >= 79GiB", gpus__devices=mixed)
    assert finding.subject == "GPU 6-7" and "40 GiB" in finding.message
    assert finding.evidence[0].what == "gpu6.memory_bytes"


def test_gpus_are_those_that_cuda_shows() -> None:
    hidden = {"CUDA_VISIBLE_DEVICES": "0,1"}
    machine = asked("gpu.count >= 8", gpus__devices=EIGHT, environment__variables=hidden)
    remedy = fires("requirement_unmet", machine).remedy
    assert remedy is not None and remedy.commands == ("unset CUDA_VISIBLE_DEVICES",)
    assert "hides 6 of 8 GPUs" in remedy.text
    passes("requirement_unmet", asked("gpu.count >= 8", gpus__devices=EIGHT))
    more = asked("gpu.count >= 9", gpus__devices=EIGHT, environment__variables=hidden)
    assert fires("requirement_unmet", more).remedy is None


def test_a_gpu_that_does_not_answer_is_not_counted() -> None:
    lost = (*EIGHT[:7], gpu(7, lost="GPU is lost"))
    assert "gpu.count is 7" in unmet("gpu.count >= 8", gpus__devices=lost).message


@pytest.mark.parametrize("gpus", [Gpus(devices=()), absent("no NVIDIA GPU")])
def test_without_gpu(gpus: Gpus | Missing) -> None:
    assert "there is no GPU" in unmet("gpu.sm >= 7.0", gpus=gpus).message
    assert "gpu.count is 0" in unmet("gpu.count >= 1", gpus=gpus).message


def test_an_unreadable_gpu_counts_only_where_it_decides() -> None:
    devices = (*EIGHT[:7], failed("garbage"))
    passes("requirement_unmet", asked("gpu.count >= 4", gpus__devices=devices))
    eight = asked("gpu.count >= 8", gpus__devices=devices)
    assert "garbage" in fires("requirement_not_judged", eight).message


@pytest.mark.parametrize("missing", [NOT_ASKED, failed("it crashed"), blocked("no permission")])
@pytest.mark.parametrize(
    ("requirement", "fact"),
    [
        ("gpu.count >= 1", "gpus"), ("gpu.sm >= 7.0", "gpus"), ("torch", "torch"),
        ("torch == none", "torch"), ("disk:/ >= 1GiB", "host"), ("driver >= 1", "driver"),
        ("disk:/ >= 1GiB", "host__disks"), ("driver >= 1", "driver__version"),
        ("package:numpy", "python__distributions"),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_fails(requirement: str, fact: str, missing: Missing) -> None:
    machine = change(asked(requirement), **{fact: missing})
    finding = fires("requirement_not_judged", machine)
    assert "cannot be judged" in finding.message and finding.severity is ERROR
    found = report(machine, "requirement_unmet")
    assert not found.findings and not found.passed and found.skipped


def test_what_is_no_version_cannot_be_judged() -> None:
    finding = fires("requirement_not_judged", asked("torch >= 2", torch__version="unknown"))
    assert "'unknown' is no version" in finding.message


@pytest.mark.parametrize(
    ("path", "kind", "value"),
    [
        ("", "text", "x"), ("tool", "text", "x"), ("gpu", "thing", None), ("gpu.", "number", "x"),
        ("driver.version", "number", 5), ("host.cpu_count", "version", "x"), ("disk", "flag", True),
        ("gpus.devices", "bytes", 5), ("python.distributions.", "version", 3.5),
    ],
)  # fmt: skip
def test_an_odd_requirement_crashes_nothing(path: str, kind: Kind, value: Any) -> None:
    clauses = (Clause(">=", value),)
    odd = Requirement(text="x", subject="x", path=path, compared=kind, clauses=clauses)
    machine = change(healthy(), policy=Policy(on=TODAY, requirements=(odd,)))
    assert not report(machine, "requirement_unmet", "requirement_not_judged").crashed


def test_a_folder_nobody_looked_at_cannot_be_judged() -> None:
    finding = fires("requirement_not_judged", asked("disk:/data >= 1GiB"))
    assert "nobody looked" in finding.message
    gone = (Disk("/data", absent("/data is not there"), absent("/data is not there")),)
    assert "/data is not there" in unmet("disk:/data >= 1GiB", host__disks=gone).message


def test_absent_is_unmet_not_unjudged() -> None:
    machine = asked("torch", torch=absent("torch is not installed"))
    assert "torch is not installed" in fires("requirement_unmet", machine).message
    passes("requirement_not_judged", machine)


def test_ffmpeg() -> None:
    build = FfmpegBuild(path="/usr/bin/ffmpeg", version="n6.1", encoders=("h264_nvenc",))
    ffmpeg = Ffmpeg(builds=(build,))
    passes("requirement_unmet", asked("ffmpeg.encoder:h264_nvenc", ffmpeg=ffmpeg))
    passes("requirement_unmet", asked("ffmpeg >= 6", ffmpeg=ffmpeg))
    finding = unmet("ffmpeg.encoder:hevc_nvenc", ffmpeg=ffmpeg)
    assert "has h264_nvenc" in finding.message
    none = unmet("ffmpeg.encoder:hevc_nvenc", ffmpeg=Ffmpeg(builds=()))
    assert "there is no ffmpeg program" in none.message


def test_nothing_is_asked() -> None:
    for name in ("requirement_unmet", "requirement_not_judged", "ignore_expired"):
        not_applicable(name, healthy())
    not_applicable("requirement_unmet", asked())


def test_severity_is_the_requirements_then_the_policys() -> None:
    own = parse("torch == none", where="p:1", severity="note")
    other = parse("driver == none", where="p:2")
    policy = Policy(
        on=TODAY, requirements=(own, other), severities=(Override("POL001", "warning", "p:3"),)
    )
    found = report(change(healthy(), policy=policy), "requirement_unmet").findings
    assert {finding.subject: finding.severity for finding in found} == {
        "torch": NOTE, "driver": WARNING,
    }  # fmt: skip


def test_the_reason_is_said() -> None:
    one = parse("torch == none", where="p:1", reason="CPU images only")
    machine = change(healthy(), policy=Policy(on=TODAY, requirements=(one,)))
    assert "CPU images only" in fires("requirement_unmet", machine).message


# ---- remedies ----------------------------------------------------------------------------------


def test_a_package_is_installed_with_what_installed_it() -> None:
    assert mended("package:numpy == 1.24.0").commands == (
        "/venv/bin/python -m pip install numpy==1.24.0",
    )
    assert mended("package:scipy >= 1.10, < 2").commands == (
        "/venv/bin/python -m pip install 'scipy>=1.10,<2'",
    )
    conda = (Distribution("numpy", "1.26.4", installer="conda"),)
    remedy = mended("package:numpy == 2.0.*", python__distributions=conda)
    assert remedy.commands == ("conda install -p /venv numpy=2.0",)
    remedy = mended("package:numpy == none", python__distributions=conda)
    assert remedy.commands == ("conda remove -p /venv numpy",)
    assert mended("package:numpy == none").commands == (
        "/venv/bin/python -m pip uninstall -y numpy",
    )


def test_torch_is_one_that_is_asked_for_and_runs_here() -> None:
    remedy = mended("torch == 2.6.*")
    assert "torch==2.6.0" in remedy.commands[0] and remedy.safety == "safe"
    remedy = mended("torch.cuda >= 12.4")
    cuda = next(effect.value for effect in remedy.effects if effect.path == "torch.cuda")
    assert cuda.startswith("12.")  # driver 550 serves no 13
    never = mended("torch == 1.2.*")
    assert "No torch build" in never.text and not never.commands


def test_a_driver_that_is_new_enough() -> None:
    remedy = mended("driver >= 570")
    assert any("apt-get install" in command for command in remedy.commands)
    assert unmet("driver < 550").remedy is None  # an older one is nobody's advice
    assert "12.8" in unmet("cuda >= 12.8").message
    assert unmet("cuda >= 12.8").remedy is not None
    assert not mended("driver >= 570", in_docker()).commands


@pytest.mark.parametrize(
    "requirement",
    ["driver == 9999999999999999999999", "driver >= 1!600", "driver == 600rc1", "cuda >= 99"],
)
def test_a_driver_nobody_has(requirement: str) -> None:
    assert unmet(requirement).remedy is None


@pytest.mark.parametrize("requirement", ["driver >= 9999", "cuda >= 13"])
def test_a_driver_is_named_or_there_is_none(requirement: str) -> None:
    assert mended(requirement).text


def test_shm_of_the_size_asked_for() -> None:
    assert mended("shm >= 300GiB").commands == ("sudo mount -o remount,size=300g /dev/shm",)
    assert mended("shm >= 307201MiB").commands == ("sudo mount -o remount,size=307201m /dev/shm",)
    remedy = mended("shm >= 16GiB", in_docker(host__shm_bytes=64 << 20))
    assert "--shm-size=16g" in remedy.text


def test_a_card_shows_less_than_it_is_sold_with() -> None:
    devices = (gpu(0, memory_bytes=81559 << 20),)
    remedy = mended("gpu.memory >= 80GiB", gpus__devices=devices)
    assert "gpu.memory >= 79GiB" in remedy.text
    assert unmet("gpu.memory >= 141GiB").remedy is None


def test_an_exact_version_that_was_not_meant() -> None:
    assert "python == 3.11.*" in mended("python == 3.11").text
    assert mended("python >= 3.12").commands == ("uv venv --python '>=3.12' .venv-preflight",)


def test_what_fills_a_disk() -> None:
    disks = (Disk("/my data", 10 * GIB, 1 * GIB),)
    remedy = mended("disk:'/my data' >= 5GiB", host__disks=disks)
    assert remedy.commands == ("du -xh --max-depth=1 '/my data' 2>/dev/null | sort -h | tail",)


# ---- exceptions --------------------------------------------------------------------------------


def with_ignore(code: str, until: str, subject: str = "") -> Policy:
    return Policy(
        on=TODAY,
        ignores=(
            Ignore(
                entry=code,
                codes=(code,),
                subject=subject,
                reason="being replaced",
                until=datetime.date.fromisoformat(until),
                where="p:9",
            ),
        ),
    )


def test_an_expired_exception_is_said() -> None:
    finding = fires("ignore_expired", change(healthy(), policy=with_ignore("DRV002", "2026-11-20")))
    assert "2026-11-20" in finding.message and "being replaced" in finding.message
    assert finding.severity is WARNING and finding.evidence[0].source == "p:9"
    passes("ignore_expired", change(healthy(), policy=with_ignore("DRV002", "2026-11-21")))


OLD = {"driver__version": "450.80.02", "driver__cuda": "11.0"}


def test_an_ignored_finding_is_listed_and_does_not_count() -> None:
    policy = with_ignore("DRV002", "2026-11-21")
    found = report(change(healthy(), policy=policy, **OLD), "driver_too_old")
    assert not found.findings and not found.passed
    assert (found.verdict, found.exit_code) == ("fit", 0)
    (ignored,) = found.ignored
    assert ignored.finding.code == "DRV002" and ignored.reason == "being replaced"
    assert (str(ignored.until), ignored.where) == ("2026-11-21", "p:9")
    expired = with_ignore("DRV002", "2026-11-20")
    found = report(change(healthy(), policy=expired, **OLD), "driver_too_old")
    assert found.findings and not found.ignored


def test_an_exception_of_one_gpu() -> None:
    policy = with_ignore("POL001", "2026-12-31", "GPU 3")
    policy = Policy(on=TODAY, ignores=policy.ignores, requirements=(parse("gpu.sm >= 10.0"),))
    found = report(change(healthy(), gpus__devices=EIGHT, policy=policy), "requirement_unmet")
    assert [finding.subject for finding in found.findings] == ["GPU 0-2, 4-7"]
    assert [ignored.finding.subject for ignored in found.ignored] == ["GPU 3"]


def test_a_severity_of_the_policy() -> None:
    policy = Policy(on=TODAY, severities=(Override("DRV002", "note", "p:2"),))
    found = report(change(healthy(), policy=policy, **OLD), "driver_too_old")
    assert [finding.severity for finding in found.findings] == [NOTE]
    assert (found.verdict, found.exit_code) == ("fit", 0)


def test_effects_are_of_paths() -> None:
    remedy = mended("shm >= 300GiB")
    assert remedy.effects == (Effect("host.shm_bytes", 300 * GIB),)
