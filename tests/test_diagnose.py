"""`explain --log` and `doctor --report`: from a text to an answer and an exit code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from envcheck.diagnose import diagnose, stated
from envcheck.errors import UsageError
from envcheck.kb import load
from envcheck.pasted import HEAD, read_pasted
from tests.readers.texts import COLLECT_ENV, CPU_BUILD_WITH_GPU


def run(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    ran = subprocess.run(
        [sys.executable, "-m", "envcheck", *arguments],
        input=stdin,
        capture_output=True,
        check=False,
    )
    return ran.returncode, ran.stdout.decode(), ran.stderr.decode()


def first(text: str, here: dict[str, str] | None = None) -> str:
    return diagnose(text, load(), here).matches[0].name


def test_an_error_text_is_explained(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("epoch 1\nImportError: libtorch_cpu.so: undefined symbol: iJIT_NotifyEvent\n")
    code, out, _ = run("explain", "--log", str(log), "--format", "json")
    answer = json.loads(out)
    assert code == 0 and answer["schema_version"] == 1
    best = answer["matches"][0]
    assert best["name"] == "mkl_too_new" and 0 < best["score"] <= 1
    assert best["lines"] == ["ImportError: libtorch_cpu.so: undefined symbol: iJIT_NotifyEvent"]
    assert best["remedy"]["commands"] == ['conda install "mkl<2024.1"']
    assert best["links"][0].startswith("https://")
    code, out, _ = run("explain", "--log", "-", stdin=log.read_bytes())
    assert code == 0 and out.startswith("1. mkl_too_new") and "mkl<2024.1" in out


def test_a_text_with_nothing_known_says_so() -> None:
    code, out, _ = run("explain", "--log", "-", stdin=b"everything is fine\n")
    assert code == 0 and "No known problem" in out
    code, out, _ = run("explain", "--log", "-", "--format", "json", stdin=b"all fine\n")
    assert code == 0 and json.loads(out)["matches"] == []


def test_one_message_has_several_causes_and_context_decides() -> None:
    message = "ModuleNotFoundError: No module named 'torchvision.transforms.functional_tensor'\n"
    assert first("pytorchvideo/transforms/augmentations.py\n" + message) == (
        "torchvision_too_new_for_pytorchvideo"
    )
    assert first("basicsr/data/degradations.py\n" + message) == "torchvision_too_new_for_basicsr"


def test_versions_choose_the_fix() -> None:
    six = "ModuleNotFoundError: No module named 'torch._six'\n"
    old = diagnose(six + "torch 2.1.0\n", load()).matches[0]
    new = diagnose(six + "torch 2.9.1\n", load()).matches[0]
    assert "multigrid_helper" in old.remedy.text and "another package" in new.remedy.text
    assert diagnose(six, load(), {"torch": "2.9.1"}).matches[0].remedy == new.remedy


def test_a_stated_version_speaks_against_a_cause() -> None:
    text = "Failed to initialize NumPy: _ARRAY_API not found\n"
    with_1 = diagnose(text + "numpy==1.26.4\n", load()).matches[0].score
    assert with_1 < diagnose(text + "numpy==2.1.0\n", load()).matches[0].score


def test_versions_are_read_out_of_a_text() -> None:
    text = "torch==2.4.0+cu121\nnumpy 1.26.4\nPython 3.11.9\nDriver Version: 550.54.15\nav v12.0.0"
    assert stated(text) == {
        "torch": "2.4.0",
        "numpy": "1.26.4",
        "python": "3.11",
        "driver": "550.54.15",
        "av": "12.0.0",
    }


def test_a_pasted_report_is_judged(tmp_path: Path) -> None:
    report = tmp_path / "report"
    report.write_text(CPU_BUILD_WITH_GPU)
    code, out, _ = run("doctor", "--report", str(report), "--format", "json")
    answer = json.loads(out)
    assert code == 1 and [finding["name"] for finding in answer["findings"]] == ["cpu_only_build"]
    code, out, _ = run("doctor", "--report", "-", stdin=COLLECT_ENV.encode())
    assert code == 0 and "2.4.0+cu121" in out


def test_a_report_says_what_else_would_settle_it() -> None:
    smi = b"GPU 0: NVIDIA L4 (UUID: GPU-aaaaaaaa-0000-1111-2222-333333333333)\n"
    _, out, _ = run("doctor", "--report", "-", stdin=smi)
    assert "python -m torch.utils.collect_env" in out and "nvidia-smi" in out
    _, out, _ = run("doctor", "--report", "-", stdin=COLLECT_ENV.encode())
    assert "collect_env" not in out.partition("To know more")[2]


@pytest.mark.parametrize("command", [("explain", "--log"), ("doctor", "--report")])
@pytest.mark.parametrize(
    "data", [b"", b"  \n\n", bytes(range(256)) * 400], ids=["empty", "blank", "binary"]
)
def test_unusable_input_is_one_sentence_and_exit_2(command: tuple[str, str], data: bytes) -> None:
    code, out, err = run(*command, "-", stdin=data)
    assert code == 2 and not out and err.count("\n") == 1 and "Traceback" not in err


def test_a_missing_file_and_an_unknown_report_are_exit_2(tmp_path: Path) -> None:
    assert run("explain", "--log", str(tmp_path / "none"))[0] == 2
    code, _, err = run("doctor", "--report", "-", stdin="Прошу помощи".encode())
    assert code == 2 and "collect_env" in err
    assert run("explain")[0] == 2
    assert run("explain", "DRV002", "--log", "x")[0] == 2


def test_powershell_writes_utf_16() -> None:
    code, out, _ = run("doctor", "--report", "-", stdin=COLLECT_ENV.encode("utf-16"))
    assert code == 0 and "2.4.0+cu121" in out


def test_text_of_a_report_cannot_steer_the_terminal() -> None:
    evil = COLLECT_ENV.replace("NVIDIA A100", "NVIDIA \x1b]0;evil\x07A100\u202e")
    _, out, _ = run("doctor", "--report", "-", stdin=evil.encode())
    assert "\x1b" not in out and "\x07" not in out and "\u202e" not in out
    log = b"RuntimeError: \x1b[2J\x9b31m Torch not compiled with CUDA enabled \x07\n"
    _, out, _ = run("explain", "--log", "-", stdin=log)
    assert "cpu_only_build" in out and not set(out) & {"\x1b", "\x07", "\x9b"}


def test_a_cause_that_only_messages_show_has_a_page() -> None:
    code, out, _ = run("explain", "gpu_out_of_memory")
    assert code == 0 and "CUDA out of memory" in out
    code, out, _ = run("explain", "driver_too_old")
    assert code == 0 and out.startswith("DRV002")


def test_a_stream_without_end_is_given_up() -> None:
    with pytest.raises(UsageError, match="no end within 16 MiB"):
        read_pasted("/dev/zero", most=2 * HEAD)
