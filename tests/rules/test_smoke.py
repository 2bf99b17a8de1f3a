"""Rules about proofs that were run: each reason of failure is one finding, and no other fires."""

from typing import Any

import msgspec
import pytest

from envcheck.facts import NOT_ASKED, Gpus, Snapshot, Trial, Trials, absent
from envcheck.rules import choose
from envcheck.rules.smoke import NAMED as NAMED_REASONS
from tests.rules.machine import (
    change,
    fires,
    healthy,
    not_applicable,
    passes,
    report,
    skips,
)
from tests.rules.proofs import H100, changed, proofs


def failed(check: str, reason: str, detail: str = "its own words") -> Snapshot:
    return changed(
        healthy(), check, status="failed", reason=reason, detail=detail, measured=None, limit=None
    )


def only(check: str) -> Snapshot:
    return changed(healthy(), check)


def all_but(check: str) -> Snapshot:
    trials = tuple(t for t in proofs().trials if isinstance(t, Trial) and t.check != check)
    return change(healthy(), trials=Trials(target="torch", trials=trials))


# ---- the process, the memory, the device ------------------------------------------------------

NAMED = [
    ("proof_crashed", "crashed"),
    ("proof_crashed", "killed"),
    ("proof_crashed", "garbled"),
    ("proof_timed_out", "timeout"),
    ("proofs_interrupted", "interrupted"),
    ("proof_out_of_memory", "out_of_memory"),
    ("gpu_lost_under_work", "gpu_lost"),
    ("gpu_lost_under_work", "gpu_fault"),
    ("device_absent", "device_absent"),
    ("proof_fails", "error"),
    ("proof_fails", "no_gpu_code"),
]


@pytest.mark.parametrize(("name", "reason"), NAMED)
@pytest.mark.parametrize("check", ["compute", "golden", "throughput"])
def test_a_failure_is_one_finding(name: str, reason: str, check: str) -> None:
    findings = report(failed(check, reason)).findings
    assert [finding.name for finding in findings if finding.severity != "note"] == [name]
    assert "its own words" in str([f.message + str(f.evidence) for f in findings])


@pytest.mark.parametrize("reason", ["crashed", "timeout", "interrupted", "out_of_memory"])
@pytest.mark.parametrize("check", ["import", "cuda_init", "models_import", "transforms_import"])
def test_an_import_that_kills_the_process_is_one_finding(check: str, reason: str) -> None:
    findings = report(failed(check, reason)).findings
    assert len([finding for finding in findings if finding.severity != "note"]) == 1


CHECKS = (
    "import", "cuda_init", "compute", "memory", "pair", "rate", "models_import",
    "transforms_import", "parameters", "flops", "build", "golden", "video", "checkpoint", "forward",
    "throughput", "train", "process", "repo", "repo_import", "repo_config", "repo_build",
    "repo_forward", "repo_optional",
)  # fmt: skip
REASONS = (
    *NAMED_REASONS, "error", "import_error", "not_finite", "no_gpu_code", "driver_too_old",
    "missing_library", "no_gpu", "no_golden", "other_output", "cpu_build",
)  # fmt: skip


@pytest.mark.parametrize("check", CHECKS)
def test_whatever_fails_is_one_finding(check: str) -> None:
    for reason in REASONS:
        trial = Trial(
            name="x", check=check, status="failed", reason=reason, detail="odd", device="cuda:0"
        )
        machine = change(healthy(), trials=Trials(target="torch", trials=(trial,)))
        found = [f.name for f in report(machine).findings if f.severity != "note"]
        assert len(found) == 1, (reason, found)


def test_each_of_them_fires_and_is_silent() -> None:
    fires("proof_crashed", failed("compute", "crashed"))
    passes("proof_crashed", only("compute"))
    fires("proof_timed_out", failed("compute", "timeout"))
    passes("proof_timed_out", only("compute"))
    fires("proofs_interrupted", failed("compute", "interrupted"))
    passes("proofs_interrupted", failed("compute", "crashed"))
    fires("proof_out_of_memory", failed("throughput", "out_of_memory"))
    passes("proof_out_of_memory", failed("throughput", "error"))
    fires("gpu_lost_under_work", failed("compute", "gpu_fault"))
    passes("gpu_lost_under_work", failed("compute", "error"))
    fires("device_absent", failed("cuda_init", "device_absent"))
    passes("device_absent", failed("cuda_init", "error"))
    fires("proof_fails", failed("rate", "error"))
    not_applicable("proof_fails", failed("rate", "out_of_memory"))


def test_an_interrupted_run_is_no_verdict() -> None:
    right = report(failed("compute", "interrupted"))
    assert (right.verdict, right.exit_code) == ("unknown", 3)
    trials = failed("compute", "interrupted").trials
    wrong = changed(healthy(), "compute", measured=0.02).trials
    assert isinstance(trials, Trials) and isinstance(wrong, Trials)
    both = Trials(target="torch", trials=(*wrong.trials, *trials.trials))
    found = report(change(healthy(), trials=both))
    assert (found.verdict, found.exit_code) == ("unfit", 1)


# ---- torch ------------------------------------------------------------------------------------


def test_torch_that_cannot_be_imported() -> None:
    found = fires("torch_import_fails", failed("import", "missing_library", "libcudnn.so.9"))
    assert "libcudnn.so.9" in found.message
    assert found.remedy is not None
    assert found.remedy.commands == ("envcheck doctor --python /venv/bin/python",)


def test_torch_that_imports() -> None:
    passes("torch_import_fails", only("import"))


def test_nothing_is_fit_that_was_not_proved() -> None:
    machine = change(healthy(), trials=absent("no python3 on PATH"))
    assert "no python3" in skips("torch_import_fails", machine)
    assert report(machine).verdict == "unknown"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": "failed", "reason": "error", "detail": "CUDA error 802"}, "802"),
        ({"status": "skipped", "reason": "no_gpu", "detail": "No CUDA GPUs"}, "No CUDA GPUs"),
        ({"status": "failed", "reason": "cpu_build", "device": "cuda:0"}, "without CUDA"),
    ],
)
def test_cuda_does_not_start_on_a_machine_with_a_gpu(fields: dict[str, Any], words: str) -> None:
    assert words in fires("cuda_start_fails", changed(healthy(), "cuda_init", **fields)).message


def test_no_gpu_and_none_expected() -> None:
    none = changed(healthy(), "cuda_init", status="skipped", reason="no_gpu")
    not_applicable("cuda_start_fails", change(none, gpus=Gpus(devices=())))
    cpu = changed(healthy(), "cuda_init", status="skipped", reason="cpu_build")
    not_applicable("cuda_start_fails", cpu)
    passes("cuda_start_fails", only("cuda_init"))


def test_only_the_cpu_was_proved() -> None:
    detail = "this torch is built without CUDA"
    skipped = Trial(name="x", check="cuda_init", status="skipped", device="cuda", detail=detail)
    proved = Trial(name="matmul fp32", check="compute", status="ok", device="cpu")
    machine = change(healthy(), trials=Trials(target="torch", trials=(skipped, proved)))
    assert detail in fires("no_gpu_proved", machine).message
    passes("no_gpu_proved", only("compute"))


def test_models_that_were_only_counted_need_no_gpu() -> None:
    counted = Trial(name="parameters x3d_s", check="parameters", status="ok", device="meta")
    machine = change(healthy(), trials=Trials(target="architectures", trials=(counted,)))
    not_applicable("no_gpu_proved", machine)
    proved = change(healthy(), trials=Trials(target="torch", trials=(counted,)))
    assert "only it was asked" in fires("no_gpu_proved", proved).message


# ---- results ----------------------------------------------------------------------------------


def test_a_wrong_result() -> None:
    found = fires("wrong_result", changed(healthy(), "compute", measured=0.02))
    assert "0.02" in found.message and "0.01" in found.message
    assert found.subject == "cuda:0 matmul tf32"


def test_a_result_that_is_no_number() -> None:
    assert "NaN" in fires("wrong_result", failed("compute", "not_finite")).message


@pytest.mark.parametrize("measured", [0.0, 1e-2])
def test_a_right_result(measured: float) -> None:
    passes("wrong_result", changed(healthy(), "compute", measured=measured))


def test_memory_that_changes() -> None:
    assert "3 values" in fires("gpu_memory_wrong", changed(healthy(), "memory", measured=3)).message
    passes("gpu_memory_wrong", only("memory"))


def test_a_gpu_at_a_third_of_its_speed() -> None:
    slow = changed(healthy(), "rate", rates={"bf16 TFLOP/s": 989 / 3})
    found = fires("slow_gpu", slow)
    assert found.severity == "warning" and H100 in found.message
    passes("slow_gpu", changed(healthy(), "rate", rates={"bf16 TFLOP/s": 989 / 2}))


@pytest.mark.parametrize(
    "fields",
    [{"details": {"gpu": "NVIDIA Nonesuch"}}, {"rates": {"host to GPU GB/s": 1.0}}],
)
def test_a_speed_nobody_knows_is_not_judged(fields: dict[str, Any]) -> None:
    not_applicable("slow_gpu", changed(healthy(), "rate", **fields))


# ---- video models -----------------------------------------------------------------------------


def test_pytorchvideo_is_missing() -> None:
    found = fires("pytorchvideo_import_fails", failed("models_import", "import_error"))
    assert found.remedy is not None
    assert "--no-deps pytorchvideo" in found.remedy.commands[1]
    passes("pytorchvideo_import_fails", only("models_import"))


@pytest.mark.parametrize(("state", "severity"), [("absent", "note"), ("broken", "warning")])
def test_a_stub_is_told(state: str, severity: str) -> None:
    machine = changed(healthy(), "models_import", details={"torchvision": state})
    assert fires("torchvision_stubbed", machine).severity == severity


def test_a_torchvision_that_works() -> None:
    passes("torchvision_stubbed", only("models_import"))


def test_transforms_of_the_release() -> None:
    detail = "ModuleNotFoundError: No module named 'torchvision.transforms.functional_tensor'"
    machine = failed("transforms_import", "import_error", detail)
    assert "functional_tensor" in fires("pytorchvideo_transforms_fail", machine).message
    passes("pytorchvideo_transforms_fail", only("transforms_import"))


def test_a_parameter_too_many() -> None:
    machine = changed(healthy(), "parameters", measured=34566489)
    assert "34566489" in fires("model_count_differs", machine).message
    passes("model_count_differs", only("parameters"))


def test_golden_values_that_differ() -> None:
    machine = changed(
        healthy(), "golden", measured=0.014,
        details={"first difference": "block 3 pathway 0 is off by 0.024 deviations"},
    )  # fmt: skip
    found = fires("golden_mismatch", machine)
    assert "block 3 pathway 0" in found.message and "0.014" in found.message
    passes("golden_mismatch", only("golden"))


def test_a_block_that_is_off_where_the_logits_are_not() -> None:
    machine = changed(healthy(), "golden", details={"first difference": "input pathway 0"})
    assert "input pathway 0" in fires("golden_mismatch", machine).message


def test_the_five_best_classes_do_not_count() -> None:
    passes("golden_mismatch", changed(healthy(), "golden", details={"top-5": "other"}))


def test_a_training_step() -> None:
    fires("training_step_wrong", changed(healthy(), "train", measured=1.01))
    fires("training_step_wrong", failed("train", "no_gradient"))
    passes("training_step_wrong", only("train"))


# ---- files ------------------------------------------------------------------------------------


def test_videos() -> None:
    fires("video_unreadable", failed("video", "video_unreadable"))
    passes("video_unreadable", only("video"))
    fires("video_decoded_wrong", changed(healthy(), "video", measured=37.0))
    passes("video_decoded_wrong", only("video"))
    not_applicable("video_decoded_wrong", changed(healthy(), "video", measured=None))


@pytest.mark.parametrize(("asked", "severity"), [("yes", "error"), ("no", "note")])
def test_no_decoder(asked: str, severity: str) -> None:
    machine = changed(
        healthy(), "video", status="skipped", reason="no_decoder", details={"asked for": asked}
    )
    assert fires("no_video_decoder", machine).severity == severity
    passes("no_video_decoder", only("video"))


def test_checkpoints() -> None:
    fires("checkpoint_of_another_model", failed("checkpoint", "checkpoint_mismatch"))
    passes("checkpoint_of_another_model", only("checkpoint"))
    fires("checkpoint_holds_code", failed("checkpoint", "checkpoint_holds_code"))
    passes("checkpoint_holds_code", failed("checkpoint", "checkpoint_mismatch"))
    fires("checkpoint_unreadable", failed("checkpoint", "checkpoint_unreadable"))
    passes("checkpoint_unreadable", only("checkpoint"))


# ---- which command asks for them --------------------------------------------------------------


def test_doctor_runs_no_proof() -> None:
    assert all("trials" not in rule.facts and rule.each != "trial" for rule in choose([], []))
    assert {rule.subject for rule in choose([], [], subject="smoke")} == {"smoke"}


def test_a_machine_nobody_proved_is_not_judged() -> None:
    machine = msgspec.structs.replace(healthy(), trials=NOT_ASKED)
    assert "not asked" in skips("wrong_result", machine)


def test_without_one_kind_of_proof_the_rest_stands() -> None:
    assert report(all_but("rate")).findings == ()
