"""Rules about FFmpeg."""

from typing import Any

from envcheck.facts import NOT_ASKED, Ffmpeg, FfmpegBuild, Gpu, Snapshot, absent, failed
from tests.rules.machine import (
    change,
    ffmpeg,
    fires,
    gpu,
    healthy,
    not_applicable,
    passes,
    report,
    skips,
)
from tests.rules.places import in_docker, in_wsl2, on_jetson, without_gpu_in_docker

VIDEO = ("libnvcuvid.so.1", "libnvidia-encode.so.1")
OWN = ("--prefix=/opt/ffmpeg-cuda", "--enable-nvenc", "--enable-cuda-llvm")
PLAIN: dict[str, Any] = {
    "encoders": (), "decoders": (), "hwaccels": (), "filters": (), "nvenc_driver": None,
    "opens": (),
}  # fmt: skip


def own(**changes: Any) -> FfmpegBuild:
    """A build made for NVIDIA's hardware."""
    fields = {"configuration": OWN, "version": "7.1.5", "nvenc_driver": "550.54.14", **changes}
    return ffmpeg("/opt/ffmpeg-cuda/bin/ffmpeg", **fields)


def having(machine: Snapshot, *builds: FfmpegBuild, **by_path: Any) -> Snapshot:
    return change(machine, ffmpeg=Ffmpeg(builds=builds), **by_path)


def rtx4090(**changes: Any) -> Gpu:
    return gpu(name="NVIDIA GeForce RTX 4090", pci_id="10de:2684", sm="8.9", **changes)


def encoding(*builds: FfmpegBuild, **by_path: Any) -> Snapshot:
    """A machine whose GPU has a video encoder."""
    return having(change(healthy(), gpus__devices=(rtx4090(),)), *builds, **by_path)


# ---- ffmpeg_without_video_libraries ----------------------------------------------------------


def test_a_container_without_the_capability_video() -> None:
    machine = having(in_docker(container__video_libraries=False), own(not_opened=VIDEO))
    finding = fires("ffmpeg_without_video_libraries", machine)
    assert finding.severity == "warning" and "compute,utility" in finding.message
    assert finding.remedy is not None and "compute,utility,video" in finding.remedy.text
    not_applicable("container_without_video_capability", machine)  # said once


def test_a_distributions_ffmpeg_in_such_a_container_is_a_note() -> None:
    machine = having(in_docker(container__video_libraries=False), ffmpeg(not_opened=VIDEO))
    assert fires("ffmpeg_without_video_libraries", machine).severity == "note"


def test_a_headless_driver() -> None:
    machine = having(healthy(), own(not_opened=VIDEO[1:]))
    finding = fires("ffmpeg_without_video_libraries", machine)
    assert "libnvidia-encode.so.1" in finding.message and "libnvcuvid" not in finding.message
    assert finding.remedy is not None and "libnvidia-encode1" in finding.remedy.text


def test_video_capability_given_and_the_host_has_no_such_library() -> None:
    machine = in_docker(container__driver_capabilities="compute,utility,video")
    finding = fires("ffmpeg_without_video_libraries", having(machine, own(not_opened=VIDEO)))
    assert finding.remedy is not None and "Install" in finding.remedy.text


def test_nobody_asks_for_video() -> None:
    name = "ffmpeg_without_video_libraries"
    not_applicable("ffmpeg_without_video_libraries", having(healthy(), ffmpeg(not_opened=VIDEO)))
    not_applicable(name, having(healthy(), own(**PLAIN)))
    not_applicable(name, having(healthy()))
    not_applicable(name, having(without_gpu_in_docker(), own(not_opened=VIDEO)))
    not_applicable(name, having(on_jetson(driver__nvml="ok"), own(not_opened=VIDEO)))
    passes(name, having(healthy(), own()))
    passes(name, having(in_docker(), ffmpeg()))


def test_an_image_has_its_driver_libraries_when_it_runs() -> None:
    machine = having(healthy(), own(not_opened=VIDEO), driver=NOT_ASKED)
    skips("ffmpeg_without_video_libraries", machine)


# ---- nvenc_needs_newer_driver ----------------------------------------------------------------


def test_headers_newer_than_the_driver() -> None:
    machine = encoding(own(nvenc_driver="570.0"))
    finding = fires("nvenc_needs_newer_driver", machine)
    assert finding.severity == "warning"
    assert "SDK 13.0" in finding.message and "550.54.15" in finding.message
    assert finding.remedy is not None and "n12.2.72.0" in finding.remedy.text
    assert finding.remedy.effects[0].value == "570.0"
    passes("nvenc_needs_newer_driver", change(machine, driver__version="570.0"))


def test_a_driver_too_old_for_any_headers() -> None:
    machine = encoding(own(nvenc_driver="470.57.02"), driver__version="450.80.02")
    finding = fires("nvenc_needs_newer_driver", machine)
    assert finding.remedy is not None and "nv-codec-headers" not in finding.remedy.text


def test_a_minimum_that_no_table_knows() -> None:
    assert (
        "unknown" in fires("nvenc_needs_newer_driver", encoding(own(nvenc_driver="700.0"))).message
    )


def test_windows_counts_its_own_drivers() -> None:
    """Driver 551.61 of Windows is older than 551.76, though newer than Linux' 550.54.14."""
    old = in_wsl2(driver__version="551.61", gpus__devices=(rtx4090(),))
    assert "551.76" in fires("nvenc_needs_newer_driver", having(old, own())).message
    passes("nvenc_needs_newer_driver", having(change(old, driver__version="551.76"), own()))
    not_applicable("nvenc_needs_newer_driver", having(old, own(nvenc_driver="700.0")))


def test_nothing_to_encode_with() -> None:
    name = "nvenc_needs_newer_driver"
    not_applicable(name, having(healthy(), own(nvenc_driver="570.0")))  # an H100
    not_applicable(name, encoding(own(**PLAIN)))
    not_applicable(name, encoding(ffmpeg(nvenc_driver="570.0")))
    not_applicable(name, having(on_jetson(), own(nvenc_driver="570.0")))
    passes(name, encoding(own()))
    skips(name, encoding(own(nvenc_driver=absent("its headers are newer than it knows"))))


# ---- gpu_without_nvenc -----------------------------------------------------------------------


def test_a_gpu_for_computing_has_no_encoder() -> None:
    finding = fires("gpu_without_nvenc", having(healthy(), own()))
    assert finding.severity == "note"
    assert "H100" in finding.message and "decode" in finding.message


def test_known_by_its_name_alone() -> None:
    machine = change(
        healthy(), gpus__devices=(gpu(name="NVIDIA A100-SXM4-80GB", pci_id="10de:ffff"),)
    )
    fires("gpu_without_nvenc", having(machine, own()))


def test_one_of_two_gpus_has_an_encoder() -> None:
    both = change(healthy(), gpus__devices=(rtx4090(), gpu(index=1)))
    finding = fires("gpu_without_nvenc", having(both, own()))
    assert "H100" in finding.message and "4090" not in finding.message
    only = change(both, environment__variables={"CUDA_VISIBLE_DEVICES": "0"})
    passes("gpu_without_nvenc", having(only, own()))


def test_nobody_asks_for_an_encoder() -> None:
    not_applicable("gpu_without_nvenc", having(healthy(), ffmpeg()))
    not_applicable("gpu_without_nvenc", having(healthy(), own(**PLAIN)))
    not_applicable("gpu_without_nvenc", having(change(healthy(), gpus__devices=()), own()))
    passes("gpu_without_nvenc", encoding(own()))


# ---- ffmpeg_library_not_found ----------------------------------------------------------------


def test_a_library_is_missing() -> None:
    lost = ("libx264.so.164", "libx265.so.199", "liba.so", "libb.so", "libc.so")
    finding = fires("ffmpeg_library_not_found", having(healthy(), own(not_found=lost)))
    assert finding.severity == "warning" and finding.subject == "/opt/ffmpeg-cuda/bin/ffmpeg"
    assert "libx264.so.164" in finding.message and "1 more" in finding.message


def test_every_library_is_there() -> None:
    passes("ffmpeg_library_not_found", healthy())
    not_applicable("ffmpeg_library_not_found", having(healthy()))


def test_a_file_that_is_no_ffmpeg_cannot_be_judged() -> None:
    script = Ffmpeg(builds=(failed("/usr/bin/ffmpeg: no ELF header"),))
    assert "no ELF header" in skips("ffmpeg_library_not_found", change(healthy(), ffmpeg=script))


# ---- ffmpeg_of_two_builds --------------------------------------------------------------------


def test_libraries_of_another_build() -> None:
    other = ("/usr/lib/x86_64-linux-gnu/libavcodec.so.61",)
    finding = fires("ffmpeg_of_two_builds", having(healthy(), own(foreign=other)))
    assert finding.severity == "warning" and other[0] in finding.message
    assert (
        fires("ffmpeg_of_two_builds", having(healthy(), ffmpeg(foreign=other))).severity == "note"
    )


def test_libraries_of_its_own() -> None:
    passes("ffmpeg_of_two_builds", healthy())
    skips("ffmpeg_of_two_builds", having(healthy(), own(version=absent("no libavutil"))))


# ---- ffmpeg_shadows_nvidia_build -------------------------------------------------------------


def test_the_first_on_path_knows_no_nvidia_codec() -> None:
    conda = ffmpeg("/opt/conda/bin/ffmpeg", **PLAIN)
    finding = fires("ffmpeg_shadows_nvidia_build", having(healthy(), conda, own()))
    assert finding.severity == "note" and finding.remedy is not None
    assert finding.remedy.commands == ("export PATH=/opt/ffmpeg-cuda/bin:$PATH",)


def test_the_first_on_path_serves() -> None:
    name = "ffmpeg_shadows_nvidia_build"
    conda = ffmpeg("/opt/conda/bin/ffmpeg", **PLAIN)
    passes("ffmpeg_shadows_nvidia_build", having(healthy(), ffmpeg(), own()))
    passes(name, having(healthy(), conda, ffmpeg()))
    not_applicable(name, having(healthy(), conda))
    not_applicable(name, having(change(healthy(), gpus__devices=()), conda, own()))


def test_a_machine_that_does_no_video_hears_nothing() -> None:
    for machine in (healthy(), in_docker(), encoding(ffmpeg())):
        assert report(machine).findings == ()
