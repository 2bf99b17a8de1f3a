"""FFmpeg programs over fixture roots: small ELF files with the texts that real ones hold."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from envcheck.facts import Ffmpeg, FfmpegBuild, Missing, Why, absent
from envcheck.probes.ffmpeg import read_ffmpeg
from tests.binaries.build import Section, elf
from tests.roots import HOSTILE, Content, Files, Link, host_of

LIB = "/usr/lib/x86_64-linux-gnu"
STOCK = "--prefix=/usr --enable-gpl --enable-shared"
OWN = "--prefix=/opt/ffmpeg-cuda --enable-nvenc --enable-cuda-llvm --enable-shared"
NOBODY = absent("no interpreter")


def texts(*strings: str) -> dict[str, bytes | Section]:
    """Read-only data as compilers lay it out: a number before the first text, NUL after each."""
    return {".rodata": b"\x00\x00\xe0\x43" + b"\0".join(s.encode() for s in ("", *strings, ""))}


def marks(version: str, options: str) -> tuple[str, ...]:
    return (
        " is not implemented. Update your FFmpeg version to the newest one from Git.",
        options,
        f"FFmpeg version {version}",
    )


def libraries(
    folder: str,
    *,
    version: str = "5.1.9-0+deb12u1",
    options: str = STOCK,
    driver: str = "470.57.02",
    needs: tuple[str, ...] = (),
) -> dict[str, Content]:
    """libavutil, libavcodec and libavfilter of a build with NVIDIA's codecs."""
    here = marks(version, options)
    codec = (
        "libnvcuvid.so.1", "h264_cuvid", "hevc_cuvid", "h264_nvdec", "libcuda.so.1",
        "libnvidia-encode.so.1", "NvEncodeAPICreateInstance", driver, "Loaded Nvenc version %d.%d",
        "The minimum required Nvidia driver for nvenc is %s or newer\n",
        "nvenc_unknown is no name", "hevc_nvenc", "h264_nvenc",
    )  # fmt: skip
    filters = ("to_mpeg_cuda", "Overlay_Cuda", "overlay_cuda", "scale_cuda", "scale_npp")
    return {
        f"{folder}/libavutil.so.57": elf(
            soname="libavutil.so.57", sections=texts("libcuda.so.1", *here)
        ),
        f"{folder}/libavcodec.so.59": elf(
            soname="libavcodec.so.59",
            needed=["libavutil.so.57", *needs],
            sections=texts(*codec, *here),
        ),
        f"{folder}/libavfilter.so.8": elf(
            soname="libavfilter.so.8", needed=["libavutil.so.57"], sections=texts(*filters, *here)
        ),
    }


def program(options: str | None = STOCK, *, rpath: str | None = None) -> bytes:
    """ffmpeg itself; until FFmpeg 8 it holds its options, too."""
    own = ("Hyper fast Audio and Video encoder\n", *([options] if options else []))
    return elf(
        needed=["libavfilter.so.8", "libavcodec.so.59", "libavutil.so.57"],
        runpath=rpath,
        sections=texts(*own),
    )


DRIVER: dict[str, Content] = {
    f"{LIB}/{name}": elf(soname=name)
    for name in ("libcuda.so.1", "libnvcuvid.so.1", "libnvidia-encode.so.1")
}
DEBIAN: dict[str, Content] = {"/usr/bin/ffmpeg": program(), **libraries(LIB)}


def read(base: Path, files: Files, environ: Mapping[str, str] | None = None) -> Ffmpeg:
    return read_ffmpeg(host_of(base, files, environ), NOBODY)


def first(fact: Ffmpeg) -> FfmpegBuild:
    build = fact.builds[0]
    assert isinstance(build, FfmpegBuild), build
    return build


def test_a_distributions_ffmpeg(tmp_path: Path) -> None:
    build = first(read(tmp_path, {**DEBIAN, **DRIVER}))
    assert build == FfmpegBuild(
        path="/usr/bin/ffmpeg",
        version="5.1.9-0+deb12u1",
        configuration=tuple(STOCK.split()),
        encoders=("h264_nvenc", "hevc_nvenc"),
        decoders=("h264_cuvid", "hevc_cuvid"),
        hwaccels=("h264_nvdec",),
        filters=("overlay_cuda", "scale_cuda", "scale_npp"),
        nvenc_driver="470.57.02",
        opens=("libcuda.so.1", "libnvcuvid.so.1", "libnvidia-encode.so.1"),
        not_opened=(),
        not_found=(),
    )
    assert not build.for_nvidia and build.has_nvenc


def test_a_machine_without_ffmpeg(tmp_path: Path) -> None:
    assert read(tmp_path, {"/usr/bin/env": elf()}).builds == ()


def test_libraries_the_driver_does_not_have(tmp_path: Path) -> None:
    only = {f"{LIB}/libcuda.so.1": DRIVER[f"{LIB}/libcuda.so.1"]}
    build = first(read(tmp_path, {**DEBIAN, **only}))
    assert build.not_opened == ("libnvcuvid.so.1", "libnvidia-encode.so.1")


def test_libraries_are_opened_where_the_caller_finds_them(tmp_path: Path) -> None:
    """LD_LIBRARY_PATH, as in a container that puts the driver into a folder of its own."""
    moved = {path.replace(LIB, "/usr/local/nvidia/lib64"): data for path, data in DRIVER.items()}
    files = {**DEBIAN, **moved}
    build = first(read(tmp_path, files, {"LD_LIBRARY_PATH": "/usr/local/nvidia/lib64"}))
    assert build.not_opened == ()


def test_a_static_program(tmp_path: Path) -> None:
    everything = texts(
        "libcuda.so.1", "libnvidia-encode.so.1", "610.00", "av1_nvenc", "bwdif_cuda",
        "The minimum required Nvidia driver for nvenc is %s or newer\n",
        *marks("n9.0.2-17-g2a571b6068", "--prefix=/ffbuild/prefix --enable-ffnvcodec"),
    )  # fmt: skip
    build = first(read(tmp_path, {"/usr/local/bin/ffmpeg": elf(sections=everything)}))
    assert (build.version, build.nvenc_driver) == ("n9.0.2-17-g2a571b6068", "610.00")
    assert (build.encoders, build.decoders) == (("av1_nvenc",), ())
    assert build.filters == ("bwdif_cuda",)
    assert build.for_nvidia


@pytest.mark.parametrize(
    ("options", "read_as"),
    [
        ("--prefix=/usr --nvccflags='-gencode arch=compute_60 -O2' --enable-nvenc",
         ("--prefix=/usr", "--nvccflags=-gencode arch=compute_60 -O2", "--enable-nvenc")),
        ("--disable-debug --cc='gcc", ("--disable-debug", "--cc='gcc")),
    ],
)  # fmt: skip
def test_options_are_quoted_as_for_a_shell(
    tmp_path: Path, options: str, read_as: tuple[str, ...]
) -> None:
    files = {"/usr/bin/ffmpeg": program(options), **libraries(LIB, options=options)}
    assert first(read(tmp_path, files)).configuration == read_as


def test_headers_newer_than_the_ffmpeg_that_was_compiled_with_them(tmp_path: Path) -> None:
    files = {"/usr/bin/ffmpeg": program(), **libraries(LIB, driver="(unknown)")}
    driver = first(read(tmp_path, files)).nvenc_driver
    assert isinstance(driver, Missing) and "newer" in driver.detail


def test_an_ffmpeg_without_nvidias_codecs(tmp_path: Path) -> None:
    plain = {
        name: elf(soname=name.rpartition("/")[2], sections=texts(*marks("6.1", STOCK)))
        for name in libraries(LIB)
    }
    build = first(read(tmp_path, {"/usr/bin/ffmpeg": program(), **plain}))
    assert (build.encoders, build.opens, build.nvenc_driver) == ((), (), None)


def test_a_needed_library_that_is_not_there(tmp_path: Path) -> None:
    files = {"/usr/bin/ffmpeg": program(), **libraries(LIB, needs=("libx264.so.164",))}
    assert first(read(tmp_path, files)).not_found == ("libx264.so.164",)


def test_an_ffmpeg_whose_own_libraries_are_not_found(tmp_path: Path) -> None:
    """`make install` into /opt without ldconfig."""
    build = first(read(tmp_path, {"/opt/ffmpeg-7/bin/ffmpeg": program()}))
    assert build.not_found == ("libavfilter.so.8", "libavcodec.so.59", "libavutil.so.57")
    assert isinstance(build.version, Missing) and build.version.why is Why.ABSENT


@pytest.mark.parametrize("options", [OWN, None])
def test_libraries_of_another_build(tmp_path: Path, options: str | None) -> None:
    """Told by the program's own options; by who else has that prefix, where it has none."""
    files = {**DEBIAN, "/opt/ffmpeg-cuda/bin/ffmpeg": program(options)}
    path = {"PATH": "/opt/ffmpeg-cuda/bin:/usr/bin"}
    build = first(read(tmp_path, files, path))
    assert build.path == "/opt/ffmpeg-cuda/bin/ffmpeg"
    assert sorted(build.foreign) == sorted(libraries(LIB))


@pytest.mark.parametrize("options", [OWN, None])
def test_a_build_beside_the_distributions(tmp_path: Path, options: str | None) -> None:
    own = libraries("/opt/ffmpeg-cuda/lib", options=OWN, driver="570.0")
    files = {
        **DEBIAN,
        "/opt/ffmpeg-cuda/bin/ffmpeg": program(options, rpath="/opt/ffmpeg-cuda/lib"),
        **{f"/opt/ffmpeg-cuda/lib/{Path(path).name}": data for path, data in own.items()},
    }
    builds = read(tmp_path, files, {"PATH": "/usr/bin"}).builds
    paths = [build.path for build in builds if isinstance(build, FfmpegBuild)]
    assert paths == ["/usr/bin/ffmpeg", "/opt/ffmpeg-cuda/bin/ffmpeg"]
    mine = builds[1]
    assert isinstance(mine, FfmpegBuild)
    assert mine.nvenc_driver == "570.0" and mine.for_nvidia and mine.foreign == ()


def test_one_program_under_two_names_counts_once(tmp_path: Path) -> None:
    files = {**DEBIAN, "/usr/local/bin/ffmpeg": Link("/usr/bin/ffmpeg")}
    builds = read(tmp_path, files, {"PATH": "/usr/local/bin:/usr/bin"}).builds
    assert [b.path for b in builds if isinstance(b, FfmpegBuild)] == ["/usr/local/bin/ffmpeg"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("#!/bin/sh\nexec docker run ffmpeg\n", "no ELF header"),
        (elf(), "no read-only data"),
        (elf(sections=texts("snap-confine")), "no FFmpeg program"),
        (elf(sections=texts("x"), stripped=True), "stripped"),
        (elf(sections={".rodata": Section(b"x", size=1 << 40)}), "cut short"),
    ],
)
def test_what_is_no_ffmpeg(tmp_path: Path, content: Content, said: str) -> None:
    (build,) = read(tmp_path, {"/usr/bin/ffmpeg": content}).builds
    assert isinstance(build, Missing) and build.why is Why.FAILED
    assert build.detail.startswith("/usr/bin/ffmpeg") and said in build.detail


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_files(tmp_path: Path, hostile: str) -> None:
    files: dict[str, Content] = dict.fromkeys(libraries(LIB), HOSTILE[hostile])
    fact = read(tmp_path, {"/usr/bin/ffmpeg": program(), **files})
    assert len(fact.builds) == 1
    alone = read(tmp_path / "alone", {"/usr/bin/ffmpeg": HOSTILE[hostile]})
    assert not any(isinstance(build, FfmpegBuild) for build in alone.builds)


def test_many_programs_are_not_all_read(tmp_path: Path) -> None:
    files = {f"/opt/ffmpeg-{number}/bin/ffmpeg": program() for number in range(40)}
    assert len(read(tmp_path, files).builds) == 8
