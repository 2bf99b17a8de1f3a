"""Proofs with real torch and pytorchvideo: what is right is fit, what is wrong is named."""

import json
import os
import subprocess
import sys
import wave
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from envcheck.facts import Trial
from envcheck.smoke.jobs import count_architectures, told
from envcheck.video.catalogue import CLIP, GOLDEN, architectures, kinetics400
from tests.real.conftest import VIDEO_NO_DEPS

pytestmark = pytest.mark.real

PATIENT = str(resources.files("envcheck.patient"))
FAULTS = Path(__file__).parent.parent / "fixtures/smoke_faults.py"
SMALL = ("slowfast", "--model", "x3d_xs", "--device", "cpu")  # the quickest of the models


def smoke(python: Path, *arguments: str, **environ: str) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-m", "envcheck", "smoke", *arguments, *("--format", "json"),
         *("--python", str(python))],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environ},
    )  # fmt: skip
    assert "Traceback" not in ran.stderr, ran.stderr
    report: dict[str, Any] = json.loads(ran.stdout)
    assert ran.returncode == report["exit_code"], ran.stderr
    assert report["crashed"] == []
    return report


def found(report: dict[str, Any], *severities: str) -> list[str]:
    wanted = severities or ("error", "warning")
    return [f["name"] for f in report["findings"] if f["severity"] in wanted]


def trials(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {trial["name"]: trial for trial in report["snapshot"]["trials"]["trials"]}


def script(env: Path, code: str, *arguments: str) -> None:
    subprocess.run([env / "bin/python", "-c", code, *arguments], check=True)


# ---- what is right ----------------------------------------------------------------------------


def test_torch_is_proved_on_a_cpu(video_env: Path) -> None:
    report = smoke(video_env, "torch")
    assert report["verdict"] == "fit" and found(report, "note") == ["no_gpu_proved"]
    made = trials(report)
    assert {"matmul fp32", "conv3d fp32", "solve fp32", "fft fp32", "matmul bf16"} <= made.keys()
    assert all(t["measured"] <= t["limit"] for t in made.values() if t["check"] == "compute")
    assert made["start CUDA"]["reason"] == "cpu_build"


def test_slowfast_from_the_video_to_the_names(video_env: Path) -> None:
    report = smoke(video_env, "slowfast")
    assert report["verdict"] == "fit"
    assert set(found(report, "note")) == {"no_gpu_proved", "torchvision_stubbed"}
    made = trials(report)
    assert made["parameters slowfast_r50"]["measured"] == 34_566_488
    assert made["multiply-adds slowfast_r50"]["measured"] == 65_711_652_864
    assert "convolutions only" in made["multiply-adds slowfast_r50"]["details"]["published"]
    assert made["build"]["details"]["slow frames"] == "0 4 8 13 17 22 26 31"
    for run in ("fp32", "channels_last", "batch", "bf16"):
        trial = made[f"golden {run}"]
        assert trial["measured"] <= trial["limit"] and "first difference" not in trial["details"]
    assert made["video"]["measured"] < 6 and made["video"]["details"]["codec"] == "h264"
    top = [made["forward fp32"]["details"][f"top {place}"] for place in range(1, 6)]
    assert len({name.rpartition(" (")[0] for name in top} & set(kinetics400())) == 5
    assert made["throughput fp32 batch 1"]["rates"]["clips/s"] > 0


def test_every_architecture_counts_exactly(video_env: Path) -> None:
    rows = tuple(architectures().values())
    made = count_architectures(str(video_env / "bin/python"), rows, 300, lambda text: None)
    counted = [t for t in made.trials if isinstance(t, Trial) and t.expected is not None]
    assert len(counted) == 3 * len(rows)
    assert [(t.name, t.measured) for t in counted] == [(t.name, t.expected) for t in counted]


def test_a_training_step_lowers_the_loss(video_env: Path) -> None:
    report = smoke(video_env, *SMALL, "--train-step", "--batch", "2")
    step = trials(report)["training step"]
    assert report["verdict"] == "fit" and step["status"] == "ok" and step["measured"] < 1


def test_the_same_numbers_on_another_torch(video_env: Path, cuda_env: Path, tmp_path: Path) -> None:
    """torch 2.4 with a real torchvision, whose transforms the released pytorchvideo cannot use."""
    site = next(video_env.glob("lib/python3.*/site-packages"))
    for requirement in VIDEO_NO_DEPS:
        name = requirement.partition("==")[0]
        (tmp_path / name).symlink_to(site / name)
    report = smoke(cuda_env, "slowfast", "--device", "cpu", PYTHONPATH=str(tmp_path))
    assert found(report) == ["pytorchvideo_transforms_fail"]
    message = next(f["message"] for f in report["findings"] if f["severity"] == "warning")
    assert "functional_tensor" in message
    made = trials(report)
    assert made["golden fp32"]["measured"] < 1e-5
    assert made["import pytorchvideo"]["details"]["torchvision"].startswith("0.19")
    assert made["video"]["reason"] == "no_decoder"


# ---- faults of the numbers --------------------------------------------------------------------


def injected(env: Path, models: list[str], faults: list[str]) -> list[dict[str, Any]]:
    rows = [told(architectures()[name]) for name in models]
    ran = subprocess.run(
        [env / "bin/python", FAULTS, PATIENT, GOLDEN],
        input=json.dumps({"rows": rows, "faults": faults}),
        capture_output=True,
        text=True,
        check=True,
    )
    answer: list[dict[str, Any]] = json.loads(ran.stdout.splitlines()[-1])
    return answer


def test_every_architecture_computes_its_golden_values(video_env: Path) -> None:
    for made in injected(video_env, list(architectures()), ["none"]):
        limit = 1e-4 if made["precision"] == "fp32" else 5e-2
        assert made["error"] <= limit and made["first"] == "", made


def test_each_injected_fault_is_caught_and_located(video_env: Path) -> None:
    begins = {
        "zeroed_channel": "block",
        "wrong_epsilon": "block 0",
        "bgr": "input",
        "not_normalised": "input",
        "one_frame_off": "input",
    }
    made = injected(video_env, ["slowfast_r50", "slow_r50", "csn_r101", "x3d_s"], list(begins))
    full = [case for case in made if case["precision"] == "fp32"]
    assert len(full) == 4 * len(begins)
    for case in full:
        assert case["error"] > 2e-4 and case["first"].startswith(begins[case["fault"]]), case
    survived = {case["fault"] for case in full if case["top5"] == "same"}
    assert {"zeroed_channel", "wrong_epsilon"} <= survived, "top-5 would have been a test"
    blind = [c for c in made if c["precision"] == "bf16" and c["fault"] == "zeroed_channel"]
    assert all(case["error"] < 5e-2 for case in blind), "bf16 sees it: fp32 need not go first"


def test_a_faulty_library_is_found_by_the_command(video_env: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import torch.nn.functional as F\n"
        "right = F.batch_norm\n"
        "def wrong(*a, **k):\n"
        "    return right(*a[:-1], 1e-3) if len(a) == 8 else right(*a, **{**k, 'eps': 1e-3})\n"
        "F.batch_norm = wrong\n"
    )
    report = smoke(video_env, *SMALL, PYTHONPATH=str(tmp_path))
    assert set(found(report)) == {"golden_mismatch"}
    worst = next(f for f in report["findings"] if f["name"] == "golden_mismatch")
    assert "block 0" in worst["message"]


def test_a_faulty_operator_is_found_by_the_command(video_env: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import torch\n"
        "right = torch.matmul\n"
        "def wrong(a, b):\n"
        "    return right(a, b) * (1.001 if a.dtype == torch.float32 else 1)\n"
        "torch.matmul = wrong\n"
    )
    report = smoke(video_env, "torch", PYTHONPATH=str(tmp_path))
    assert found(report) == ["wrong_result"] and report["exit_code"] == 1


# ---- packages that are absent or broken -------------------------------------------------------


def test_without_pytorchvideo(cpu_env: Path) -> None:
    report = smoke(cpu_env, "slowfast")
    assert found(report) == ["pytorchvideo_import_fails"]


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (
            {"__init__.py": "raise RuntimeError('operator torchvision::nms does not exist')"},
            "torchvision_stubbed",
        ),
        (
            {
                "__init__.py": "__version__ = '0.28.0'",
                "ops.py": "import torch\nclass RoIAlign(torch.nn.Module): pass\n"
                "class Conv2dNormActivation(torch.nn.Module): pass",
                "transforms/__init__.py": "",
            },
            "pytorchvideo_transforms_fail",
        ),
    ],
)
def test_a_torchvision_that_does_not_fit(
    video_env: Path, tmp_path: Path, files: dict[str, str], name: str
) -> None:
    for file, text in files.items():
        path = tmp_path / "torchvision" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    report = smoke(video_env, *SMALL, PYTHONPATH=str(tmp_path))
    assert found(report) == [name] and report["verdict"] == "fit"


@pytest.mark.parametrize(("video", "severity"), [((), "note"), (("--video", str(CLIP)), "error")])
def test_without_a_decoder(
    video_env: Path, tmp_path: Path, video: tuple[str, ...], severity: str
) -> None:
    (tmp_path / "av.py").write_text("raise ImportError('libavcodec.so.61: cannot open')")
    report = smoke(video_env, *SMALL, *video, PYTHONPATH=str(tmp_path))
    assert "no_video_decoder" in found(report, severity)


# ---- files ------------------------------------------------------------------------------------


def sound(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))


@pytest.mark.parametrize("kind", ["absent", "empty", "noise", "sound", "cut", "folder"])
def test_a_video_that_is_none(video_env: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "video.mp4"
    if kind == "sound":
        sound(path)
    elif kind == "folder":
        path.mkdir()
    elif kind != "absent":
        data = {"empty": b"", "noise": b"\x00\xff" * 5000, "cut": CLIP.read_bytes()[:1500]}
        path.write_bytes(data[kind])
    report = smoke(video_env, *SMALL, "--video", str(path))
    assert found(report) == ["video_unreadable"]
    if kind == "sound":
        assert "only audio" in str(report["findings"])


def test_a_video_of_ones_own(video_env: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(f"name {index}" for index in range(400)))
    report = smoke(video_env, *SMALL, "--video", str(CLIP), "--labels", str(labels))
    made = trials(report)
    assert report["verdict"] == "fit" and made["video"]["details"]["asked for"] == "yes"
    assert made["forward fp32"]["details"]["top 1"].startswith("name ")


SAVE = """
import sys; sys.path.insert(0, sys.argv[1])
import torch, smoke_models
smoke_models.torchvision_state(torch)
from pytorchvideo.models import hub
state = hub.x3d_xs().state_dict()
how, path = sys.argv[2:4]
if how == "pysf":
    state = {"model_state": {"model." + key: value for key, value in state.items()}, "epoch": 3}
elif how == "pytorchvideo":
    state = {"model_state": state}
elif how == "another":
    state = {"model_state": hub.slow_r50().state_dict()}
elif how == "code":
    import os
    class Evil:
        def __reduce__(self):
            return os.system, ("touch " + path + ".ran",)
    state = {"model_state": Evil()}
torch.save(state, path)
"""


@pytest.mark.parametrize("how", ["plain", "pytorchvideo", "pysf"])
def test_checkpoints_of_every_kind(video_env: Path, tmp_path: Path, how: str) -> None:
    path = str(tmp_path / "x3d.pyth")
    script(video_env, SAVE, PATIENT, how, path)
    report = smoke(video_env, *SMALL, "--checkpoint", path)
    assert report["verdict"] == "fit"
    assert trials(report)["load checkpoint"]["status"] == "ok"


def test_a_checkpoint_of_another_model(video_env: Path, tmp_path: Path) -> None:
    path = str(tmp_path / "slow.pyth")
    script(video_env, SAVE, PATIENT, "another", path)
    report = smoke(video_env, *SMALL, "--checkpoint", path)
    assert found(report) == ["checkpoint_of_another_model"]
    message = report["findings"][0]["message"]
    assert message.count(";") == 10 and "and " in message  # ten layers and how many more
    assert "blocks.0." in message


def test_a_checkpoint_that_holds_code_is_refused_and_not_run(
    video_env: Path, tmp_path: Path
) -> None:
    path = str(tmp_path / "evil.pyth")
    script(video_env, SAVE, PATIENT, "code", path)
    report = smoke(video_env, *SMALL, "--checkpoint", path)
    assert found(report) == ["checkpoint_holds_code"]
    assert "system" in report["findings"][0]["message"]
    assert not Path(path + ".ran").exists()


@pytest.mark.parametrize("data", [b"", b"<html>404</html>", b"PK\x03\x04 cut short"])
def test_a_checkpoint_that_is_none(video_env: Path, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.pyth"
    path.write_bytes(data)
    report = smoke(video_env, *SMALL, "--checkpoint", str(path))
    assert found(report) == ["checkpoint_unreadable"]


# ---- devices, memory, time --------------------------------------------------------------------


def test_a_gpu_that_this_build_cannot_have(video_env: Path) -> None:
    report = smoke(video_env, "torch", "--device", "cuda:0")
    assert found(report) == ["cuda_start_fails"]


def test_a_batch_that_does_not_fit(video_env: Path) -> None:
    report = smoke(video_env, *SMALL, "--batch", "1000000")
    assert found(report) == ["proof_out_of_memory"]
    assert "fits" in report["findings"][0]["message"]


def no_room(folder: Path, when: str) -> str:
    """A path on which torch's convolutions run out of memory when that holds of their input."""
    (folder / "sitecustomize.py").write_text(
        "import torch\n"
        "right = torch.nn.functional.conv3d\n"
        "def full(input, *more, **named):\n"
        f"    if input.device.type == 'cpu' and {when}:\n"
        "        raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 9 GiB. GPU')\n"
        "    return right(input, *more, **named)\n"
        "torch.nn.functional.conv3d = full\n"
    )
    return str(folder)


@pytest.mark.parametrize(
    ("when", "arguments", "words"),
    [
        ("input.shape[-1] > 150 and not torch.is_autocast_enabled('cpu')", (), "In bf16 it fits."),
        ("input.shape[-1] > 150", (), "Nor does it fit in a shorter precision."),
        ("input.shape[-1] > 150 and input.shape[0] > 2", ("--batch", "9"), "A batch of 2 fits."),
        (
            "torch.is_grad_enabled() and input.shape[0] > 1",
            ("--batch", "4", "--train-step"),
            "A batch of 1 fits.",
        ),
        ("torch.is_grad_enabled()", ("--train-step",), "Not even one clip fits."),
    ],
)
def test_out_of_memory_says_what_would_fit(
    video_env: Path, tmp_path: Path, when: str, arguments: tuple[str, ...], words: str
) -> None:
    report = smoke(video_env, *SMALL, *arguments, PYTHONPATH=no_room(tmp_path, when))
    assert found(report) == ["proof_out_of_memory"]
    assert words in report["findings"][0]["message"]


def test_a_gpu_that_is_lost_midway_is_one_finding(video_env: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import torch\n"
        "def lost(*given):\n"
        "    raise RuntimeError('CUDA error: GPU is lost')\n"
        "torch.linalg.solve = lost\n"
    )
    report = smoke(video_env, "torch", PYTHONPATH=str(tmp_path))
    assert found(report) == ["gpu_lost_under_work"]
    assert {"matmul fp32", "solve fp32"} <= trials(report).keys()
    assert "softmax fp32" not in trials(report), "it went on with a GPU that is gone"


def test_the_time_limit(video_env: Path) -> None:
    report = smoke(video_env, "slowfast", "--timeout", "1", "--device", "cpu")
    assert found(report) == ["proof_timed_out"]
