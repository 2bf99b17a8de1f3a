"""Rules about proofs of FFmpeg."""

from typing import Any

import pytest

from envcheck.facts import Snapshot, Trial, Trials, absent
from envcheck.finding import Finding
from envcheck.judge import judge
from envcheck.kb import load
from envcheck.rules import choose
from tests.rules.machine import change, ffmpeg, fires, gpu, healthy, not_applicable, passes, report
from tests.rules.places import in_docker, without_gpu

START = Trial(
    name="start", check="ffmpeg_start", status="ok", device="cpu", details={"version": "7.1.5"}
)
SOFTWARE = Trial(
    name="decode h264", check="ffmpeg_software", status="ok", device="cpu", measured=0.25, limit=3.0
)
OPEN = Trial(name="open", check="ffmpeg_device", status="ok", device="cuda:0")
DECODED = Trial(
    name="h264_cuvid", check="ffmpeg_decode", status="ok", device="cuda:0", measured=0, limit=0.5
)
ENCODED = Trial(
    name="h264_nvenc", check="ffmpeg_encode", status="ok", device="cuda:0", measured=0.4, limit=3.0
)
RTX4090 = gpu(name="NVIDIA GeForce RTX 4090", pci_id="10de:2684", sm="8.9")


def proved(*trials: Trial, machine: Snapshot | None = None) -> Snapshot:
    given = machine or change(healthy(), gpus__devices=(RTX4090,))
    return change(given, trials=Trials(target="ffmpeg", trials=trials))


def failing(trial: Trial, reason: str, detail: str = "its own words", **fields: Any) -> Trial:
    changes = {"status": "failed", "reason": reason, "detail": detail, **fields}
    names = {name: getattr(trial, name) for name in ("name", "check", "device")}
    return Trial(**{**names, **changes})


ALL = (START, SOFTWARE, OPEN, DECODED, ENCODED)


def test_everything_works() -> None:
    result = report(proved(*ALL))
    assert result.findings == () and result.verdict == "fit"


def test_proofs_of_torch_are_not_ffmpegs() -> None:
    for name in ("ffmpeg_does_not_start", "software_video_fails", "video_frames_wrong"):
        not_applicable(name, healthy())
    for name in ("torch_import_fails", "no_gpu_proved", "proof_fails"):
        not_applicable(name, proved(*ALL, failing(ENCODED, "error")))


def only(machine: Snapshot) -> Finding:
    """The one finding, whichever rule it comes from: no failure is told twice."""
    found = judge(machine, load(), choose([], [], subject="smoke")).findings
    assert len(found) == 1, [(f.name, f.message) for f in found]
    return found[0]


# ---- ffmpeg_does_not_start -------------------------------------------------------------------


def test_a_program_that_does_not_start() -> None:
    machine = proved(failing(START, "missing_library", "libx264.so.155: cannot open"))
    finding = fires("ffmpeg_does_not_start", machine)
    assert "libx264" in finding.message and finding.remedy is not None
    assert "/usr/bin/ffmpeg" in finding.remedy.text
    passes("ffmpeg_does_not_start", proved(*ALL))


# ---- software_video_fails --------------------------------------------------------------------


def test_software_that_decodes_wrong_frames() -> None:
    wrong = Trial(
        name="decode h264",
        check="ffmpeg_software",
        status="ok",
        device="cpu",
        measured=29.0,
        limit=3,
    )
    finding = fires("software_video_fails", proved(START, wrong))
    assert finding.severity == "error" and "29" in finding.message
    lost = failing(SOFTWARE, "frames_lost", "15 frames came out of 16")
    assert "15 frames" in fires("software_video_fails", proved(START, lost)).message
    passes("software_video_fails", proved(*ALL))


def test_a_codec_that_is_not_built_in_is_a_warning() -> None:
    machine = proved(START, failing(SOFTWARE, "not_built", "Unknown decoder 'h264'"))
    assert fires("software_video_fails", machine).severity == "warning"


# ---- video_proved_in_software_only -----------------------------------------------------------


def test_without_a_gpu() -> None:
    words = "Cannot load libcuda.so.1"
    skipped = failing(OPEN, "libcuda_missing", words, status="skipped")
    finding = only(proved(START, SOFTWARE, skipped, machine=without_gpu()))
    assert finding.name == "video_proved_in_software_only"
    assert finding.severity == "note" and words in finding.message
    assert fires("video_proved_in_software_only", proved(START, SOFTWARE)).severity == "note"


def test_with_a_gpu_nothing_is_said_of_software() -> None:
    passes("video_proved_in_software_only", proved(*ALL))
    not_applicable("video_proved_in_software_only", proved(failing(START, "no_ffmpeg")))


# ---- ffmpeg_cannot_open_gpu ------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["libcuda_missing", "no_gpu", "not_built", "error"])
def test_a_gpu_that_is_there_and_cannot_be_opened(reason: str) -> None:
    finding = fires("ffmpeg_cannot_open_gpu", proved(START, SOFTWARE, failing(OPEN, reason)))
    assert finding.severity == "error" and finding.remedy is not None
    assert finding.remedy.commands == ("envcheck doctor",)
    assert only(proved(START, failing(OPEN, reason))).name == "ffmpeg_cannot_open_gpu"


def test_a_gpu_that_opens_or_is_not_there() -> None:
    passes("ffmpeg_cannot_open_gpu", proved(*ALL))
    skipped = failing(OPEN, "no_gpu", status="skipped")
    not_applicable("ffmpeg_cannot_open_gpu", proved(START, skipped))


# ---- video_library_not_loaded ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("trial", "reason", "library"),
    [
        (ENCODED, "nvencode_missing", "libnvidia-encode.so.1"),
        (DECODED, "nvcuvid_missing", "libnvcuvid.so.1"),
    ],
)
def test_a_library_for_video(trial: Trial, reason: str, library: str) -> None:
    on_metal = fires("video_library_not_loaded", proved(OPEN, failing(trial, reason)))
    assert library in on_metal.message and on_metal.remedy is not None
    assert "Install" in on_metal.remedy.text
    boxed = proved(OPEN, failing(trial, reason), machine=in_docker())
    finding = fires("video_library_not_loaded", boxed)
    assert finding.remedy is not None and "compute,utility,video" in finding.remedy.text
    passes("video_library_not_loaded", proved(*ALL))


# ---- nvenc_refused_by_driver -----------------------------------------------------------------


def test_headers_newer_than_the_driver() -> None:
    words = "Driver does not support the required nvenc API version. Required: 13.0 Found: 12.2"
    machine = proved(OPEN, failing(ENCODED, "nvenc_api", words))
    finding = fires("nvenc_refused_by_driver", machine)
    assert words in finding.message and finding.remedy is not None
    assert "n12.2.72.0" in finding.remedy.text
    for version in (absent("not read"), "new"):
        unknown = fires("nvenc_refused_by_driver", change(machine, driver__version=version))
        assert unknown.remedy is not None and "headers" not in unknown.remedy.text
    passes("nvenc_refused_by_driver", proved(*ALL))


# ---- no_nvenc_on_gpu -------------------------------------------------------------------------


def test_a_gpu_without_encoder_is_as_it_was_made() -> None:
    h100 = proved(OPEN, failing(ENCODED, "no_nvenc", "No capable devices found"), machine=healthy())
    assert fires("no_nvenc_on_gpu", h100).severity == "note"


def test_a_gpu_with_an_encoder_that_is_not_found() -> None:
    assert fires("no_nvenc_on_gpu", proved(OPEN, failing(ENCODED, "no_nvenc"))).severity == "error"
    passes("no_nvenc_on_gpu", proved(*ALL))


# ---- nvenc_sessions_taken --------------------------------------------------------------------


def test_too_many_encodes() -> None:
    finding = fires("nvenc_sessions_taken", proved(OPEN, failing(ENCODED, "nvenc_sessions")))
    assert finding.severity == "warning" and finding.remedy is not None
    assert "sessionCount" in finding.remedy.commands[0]
    passes("nvenc_sessions_taken", proved(*ALL))


# ---- video_frames_wrong ----------------------------------------------------------------------


@pytest.mark.parametrize("trial", [DECODED, ENCODED])
def test_frames_that_are_not_what_they_should_be(trial: Trial) -> None:
    wrong = Trial(
        name=trial.name, check=trial.check, status="ok", device="cuda:0", measured=16.0, limit=0.5
    )
    assert "16" in fires("video_frames_wrong", proved(OPEN, wrong)).message
    lost = failing(trial, "frames_lost", "15 frames came out of 16")
    assert "15 frames" in fires("video_frames_wrong", proved(OPEN, lost)).message


def test_frames_that_are() -> None:
    passes("video_frames_wrong", proved(*ALL))
    not_applicable("video_frames_wrong", proved(START, OPEN))


# ---- video_proof_fails -----------------------------------------------------------------------


def test_other_failures_by_their_own_words() -> None:
    machine = proved(OPEN, failing(DECODED, "unsupported", "Hardware is lacking capabilities"))
    finding = fires("video_proof_fails", machine)
    assert finding.severity == "error" and "lacking" in finding.message
    not_built = proved(OPEN, failing(ENCODED, "not_built", "Unknown encoder 'h264_nvenc'"))
    assert fires("video_proof_fails", not_built).severity == "warning"
    passes("video_proof_fails", proved(*ALL))


REASONS = (
    "nvencode_missing", "nvenc_api", "no_nvenc", "nvenc_sessions", "not_built", "frames_lost",
    "timeout", "interrupted", "out_of_memory", "gpu_lost", "crashed", "killed", "unsupported",
    "no_gpu_code", "error", "libcuda_missing",
)  # fmt: skip


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("trial", ALL, ids=lambda trial: trial.check)
def test_each_failure_is_told_once(trial: Trial, reason: str) -> None:
    others = tuple(each for each in ALL if each is not trial)
    finding = only(proved(*others, failing(trial, reason)))
    assert finding.severity in ("error", "warning")


def test_where_it_was_looked_for_is_known() -> None:
    """The remedy of a program that does not start names the others that are here."""
    machine = proved(failing(START, "absent", "no ffmpeg on PATH"))
    machine = change(machine, ffmpeg__builds=(ffmpeg("/opt/ffmpeg-cuda/bin/ffmpeg"),))
    remedy = fires("ffmpeg_does_not_start", machine).remedy
    assert remedy is not None and "/opt/ffmpeg-cuda/bin/ffmpeg" in remedy.text
