"""Proofs of FFmpeg, with a program that stands in for one on a machine with a GPU."""

import functools
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Protocol

import pytest

from envcheck.facts import Missing, Trial, Trials
from envcheck.smoke.ffmpeg import Wish, prove_ffmpeg
from envcheck.smoke.frames import FRAMES, HEIGHT, WIDTH, FramesLost, clip, compare, size
from tests.smoke.fake_ffmpeg import Fault, fails, make_frames, make_program

LIMITS = {"encoded": 3.0, "decoded": 0.5, "scaled": 4.0}
ON_CPU = ["start", "decode h264", "decode hevc", "encode", "scale"]
ON_GPU = [
    "open", "scale_cuda", "h264_cuvid", "hwaccel cuda h264", "hevc_cuvid", "hwaccel cuda hevc",
    "h264_nvenc", "hevc_nvenc", "decode, scale, encode",
]  # fmt: skip

# On the command lines of one proof only
WHEN = {
    "scale_cuda": "scale_cuda=640:480,hw",
    "h264_cuvid": "h264_cuvid",
    "hevc_cuvid": "hevc_cuvid",
    "hwaccel cuda h264": "-hwaccel_output_format cuda -c:v h264",
    "h264_nvenc": "h264_nvenc",
    "hevc_nvenc": "hevc_nvenc -gpu",
    "decode, scale, encode": "scale_cuda=640:480 -c:v",
}


class Make(Protocol):
    """The fixture `program`."""

    def __call__(self, *faults: Fault) -> str: ...


@pytest.fixture(scope="module")
def folder_of_frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frames")
    make_frames(folder)
    return folder


@pytest.fixture
def program(tmp_path: Path, folder_of_frames: Path) -> Make:
    """`program(faults…)` is the path of a program that stands in for ffmpeg."""
    return functools.partial(make_program, tmp_path / "ffmpeg", folder_of_frames)


def prove(program: str, *, expected: bool = True, **fields: Any) -> dict[str, Trial]:
    wish: dict[str, Any] = {"devices": ("cuda:0",), "limits": LIMITS, "timeout": 60.0, **fields}
    trials = prove_ffmpeg(Wish(program=program, expected=expected, **wish), lambda text: None)
    assert isinstance(trials, Trials) and trials.target == "ffmpeg"
    return {trial.name: trial for trial in trials.trials if isinstance(trial, Trial)}


# ---- frames ----------------------------------------------------------------------------------


def test_the_clip_has_frames_of_which_no_two_are_alike() -> None:
    frame = size(WIDTH, HEIGHT)
    frames = [clip()[at : at + frame] for at in range(0, FRAMES * frame, frame)]
    assert len(set(frames)) == FRAMES and all(len(each) == frame for each in frames)


def test_differences_are_told_in_levels() -> None:
    clean = clip()
    same = compare(clean, clean)
    assert (same.rms, same.psnr) == (0.0, None)
    darker = compare(bytes(value - 2 for value in clean), clean)
    assert darker.rms == pytest.approx(2.0) and darker.psnr == pytest.approx(42.11, abs=0.01)
    frame = size(WIDTH, HEIGHT)
    assert compare(clean[frame:] + clean[:frame], clean).rms > 3 * LIMITS["encoded"]
    with pytest.raises(FramesLost, match="15 frames came out of 16"):
        compare(clean[frame:], clean)


# ---- proofs ----------------------------------------------------------------------------------


def test_everything_works(program: Make) -> None:
    trials = prove(program())
    assert list(trials) == ON_CPU + ON_GPU
    assert {trial.status for trial in trials.values()} == {"ok"}
    assert trials["start"].details == {"version": "7.1.5-fake"}
    assert trials["h264_cuvid"].measured == 0 and trials["h264_cuvid"].limit == 0.5
    assert trials["h264_nvenc"].device == "cuda:0"


def test_only_the_cpu(program: Make) -> None:
    assert list(prove(program(), devices=())) == ON_CPU


def test_each_gpu_is_named_to_ffmpeg(program: Make) -> None:
    path = program(fails("-gpu 1 ", "CUDA_ERROR_UNKNOWN"), fails("cuda=gpu:1 -hwaccel", "no"))
    devices = ("cuda:0", "cuda:1")
    wish = Wish(program=path, devices=devices, expected=True, limits=LIMITS, timeout=60)
    proved = prove_ffmpeg(wish, lambda text: None)
    assert isinstance(proved, Trials)
    trials = [t for t in proved.trials if isinstance(t, Trial)]
    failed = [t.name for t in trials if t.status == "failed" and t.device == "cuda:1"]
    assert failed == ON_GPU[2:-1]
    assert not [t.name for t in trials if t.status == "failed" and t.device == "cuda:0"]


@pytest.mark.parametrize(
    ("name", "reason", "err"),
    [
        ("h264_nvenc", "nvencode_missing",
         "[h264_nvenc @ 0x55d1] Cannot load libnvidia-encode.so.1"),
        ("hevc_cuvid", "nvcuvid_missing",
         "[hevc_cuvid @ 0x55d1] Cannot load libnvcuvid.so.1\n[x @ 0x1] Failed loading nvcuvid."),
        ("h264_nvenc", "nvenc_api",
         "[h264_nvenc @ 0x55d1] Driver does not support the required nvenc API version. Required:"
         " 13.0 Found: 12.2\nThe minimum required Nvidia driver for nvenc is 570.0 or newer"),
        ("h264_nvenc", "no_nvenc",
         "OpenEncodeSessionEx failed: unsupported device (2): (no details)\n"
         "No capable devices found"),
        ("h264_nvenc", "nvenc_sessions",
         "OpenEncodeSessionEx failed: out of memory (10): (no details)\nNo capable devices found"),
        ("h264_nvenc", "not_built", "Unknown encoder 'h264_nvenc'"),
        ("h264_cuvid", "not_built", "Unknown decoder 'h264_cuvid'"),
        ("scale_cuda", "not_built", "[AVFilterGraph @ 0x5] No such filter: 'scale_cuda'"),
        ("hwaccel cuda h264", "not_built",
         "Unrecognized hwaccel: cuda.\nSupported hwaccels: vaapi"),
        ("scale_cuda", "no_gpu_code",
         "cu->cuModuleLoadData(&s->cu_module, ptx) failed -> CUDA_ERROR_UNSUPPORTED_PTX_VERSION:"
         " the provided PTX was compiled with an unsupported toolchain."),
        ("hevc_cuvid", "unsupported", "cuvidCreateDecoder failed -> CUDA_ERROR_NOT_SUPPORTED"),
        ("h264_nvenc", "out_of_memory",
         "cuCtxCreate failed -> CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
        ("h264_nvenc", "error", "Something: an error nobody knows\nConversion failed!"),
        ("h264_nvenc", "error", ""),
    ],
)  # fmt: skip
def test_errors_have_a_name_and_their_own_words(
    program: Make, name: str, reason: str, err: str
) -> None:
    trial = prove(program(fails(WHEN[name], err)))[name]
    assert (trial.status, trial.reason) == ("failed", reason)
    assert "@ 0x" not in trial.detail and trial.detail
    assert not err or trial.detail in err


@pytest.mark.parametrize(
    "err",
    [
        "[AVHWDeviceContext @ 0x5] Cannot load libcuda.so.1\nCould not dynamically load CUDA",
        "cu->cuInit(0) failed -> CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected",
        "Device creation failed: -38.\nFailed to set value 'cuda=gpu:0'",
    ],
)
@pytest.mark.parametrize(("expected", "status"), [(True, "failed"), (False, "skipped")])
def test_a_gpu_that_is_not_reached_ends_its_proofs(
    program: Make, err: str, expected: bool, status: str
) -> None:
    trials = prove(program(fails("-init_hw_device", err)), expected=expected)
    assert list(trials) == [*ON_CPU, "open"]
    assert trials["open"].status == status


@pytest.mark.parametrize(
    ("name", "spoil"),
    [*((name, "swap") for name in WHEN), ("h264_cuvid", "noise"), ("h264_nvenc", "drop")],
)
def test_wrong_frames_show(program: Make, name: str, spoil: str) -> None:
    trial = prove(program(Fault(WHEN[name], frames=f"-{spoil}")))[name]
    if spoil == "drop":
        assert (trial.status, trial.reason) == ("failed", "frames_lost")
        assert "15 frames" in trial.detail
    else:
        assert trial.measured is not None and trial.limit is not None
        assert trial.status == "ok" and trial.measured > trial.limit


def test_what_cannot_be_encoded_is_not_transcoded(program: Make) -> None:
    assert "decode, scale, encode" not in prove(program(fails("hevc_nvenc -gpu", "no")))


def test_no_encoder_in_software(program: Make) -> None:
    only = Fault("-encoders", "echo ' V....D h264_nvenc x'; exit")
    trial = prove(program(only), devices=())["encode"]
    assert (trial.status, trial.reason) == ("failed", "not_built")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (fails("-version", "ffmpeg: error while loading shared libraries: libx264.so.155", 127),
         "missing_library"),
        (Fault("-version", "echo mencoder 1.5; exit"), "no_ffmpeg"),
        (Fault("-version", "exit"), "no_ffmpeg"),
        (Fault("-version", "kill -SEGV $$"), "crashed"),
        (Fault("-version", "kill -KILL $$"), "killed"),
    ],
)  # fmt: skip
def test_a_program_that_does_not_start_ends_everything(
    program: Make, fault: Fault, reason: str
) -> None:
    trials = prove(program(fault))
    assert list(trials) == ["start"] and trials["start"].reason == reason


def test_a_program_that_cannot_be_run_at_all(tmp_path: Path) -> None:
    path = tmp_path / "ffmpeg"
    path.write_bytes(b"\x7fELF nothing more")
    path.chmod(0o755)
    assert prove(str(path))["start"].reason == "cannot_start"


def test_one_that_never_ends_is_ended_with_all_it_started(program: Make) -> None:
    trial = prove(program(Fault("-version", "sleep 60 & wait")), timeout=0.5)["start"]
    assert trial.reason == "timeout" and "0.5 s" in trial.detail


def test_frames_without_end_are_not_read(program: Make) -> None:
    huge = Fault("h264_cuvid", 'for o in "$@"; do :; done; truncate -s 8G "$o"; exit')
    assert prove(program(huge))["h264_cuvid"].reason == "frames_lost"


# ---- the command -----------------------------------------------------------------------------


def smoke(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "envcheck", "smoke", "ffmpeg", *arguments],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_the_command_on_a_machine_whose_gpu_works(program: Make) -> None:
    ran = smoke("--ffmpeg", program(), "--device", "cuda:0", "--format", "json")
    report = json.loads(ran.stdout)
    assert ran.returncode == 0 and not report["crashed"]
    assert [finding["name"] for finding in report["findings"]] == []
    assert len(report["snapshot"]["trials"]["trials"]) == len(ON_CPU + ON_GPU)


def test_the_command_says_what_fails(program: Make) -> None:
    path = program(fails("h264_nvenc", "Cannot load libnvidia-encode.so.1"))
    ran = smoke("--ffmpeg", path, "--device", "cuda:0", "--format", "json")
    found = json.loads(ran.stdout)["findings"]
    assert ran.returncode == 1 and [f["name"] for f in found] == ["video_library_not_loaded"]


def test_no_ffmpeg_on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ran = smoke("--format", "json")
    found = json.loads(ran.stdout)["findings"]
    assert ran.returncode == 1 and [f["name"] for f in found] == ["ffmpeg_does_not_start"]
    assert "no ffmpeg on PATH" in found[0]["message"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--ffmpeg", "/nonexistent/ffmpeg"), "no such program"),
        (("--ffmpeg", "ffmpeg-that-nobody-has"), "on PATH"),
        (("--ffmpeg", "/etc"), "no such program"),
        (("--device", "tpu"), "cuda:N"),
        (("--timeout", "0"), "timeout"),
        (("--select", "SMK999"), "no check"),
    ],
)
def test_bad_usage_is_one_clear_error(arguments: tuple[str, ...], words: str) -> None:
    ran = smoke(*arguments)
    assert ran.returncode == 2 and ran.stdout == ""
    assert words in ran.stderr and "Traceback" not in ran.stderr


def test_no_room_for_the_clip(program: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/proc/self")
    wish = Wish(program=program(), devices=(), expected=False, limits=LIMITS, timeout=9)
    said = prove_ffmpeg(wish, lambda text: None)
    assert isinstance(said, Missing) and "could not be written" in said.detail


def test_help_fits_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    ran = smoke("--help")
    assert ran.returncode == 0 and "--ffmpeg PATH" in ran.stdout
    assert max(map(len, ran.stdout.splitlines())) <= 80


def test_ctrl_c_ends_the_program_and_tells_what_was_proved(
    program: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    path = program(Fault("h264_nvenc", f"echo $$ > {begun}; sleep 60"))
    process = subprocess.Popen(
        [sys.executable, "-m", "envcheck", "smoke", "ffmpeg", "--ffmpeg", path,
         "--device", "cuda:0", "--format", "json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    waiting = os.open(begun, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert select.select([waiting], [], [], 60)[0]
        child = os.pidfd_open(int(os.read(waiting, 20)))
    finally:
        os.close(waiting)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    report = json.loads(out)
    trials = {trial["name"]: trial for trial in report["snapshot"]["trials"]["trials"]}
    assert trials["h264_nvenc"]["reason"] == "interrupted" and "hevc_nvenc" not in trials
    assert "proofs_interrupted" in [finding["name"] for finding in report["findings"]]
    assert process.returncode in (1, 3) and b"Traceback" not in err
    assert not list(tmp_path.glob("envcheck-*"))
    with os.fdopen(child):
        assert select.select([child], [], [], 30)[0], "the program goes on"
