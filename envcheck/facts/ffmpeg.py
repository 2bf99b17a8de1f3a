"""Facts about FFmpeg programs and what NVIDIA's video engines they were built for.

Must not know how they are found, nor whether they fit.
"""

import msgspec

from envcheck.facts.base import NOT_ASKED, Fact, Missing

# configure options that only somebody who wants NVIDIA's hardware gives: found by itself, it is
# compiled in without any of them, as distributions have it.
ASKED_FOR = (
    "--enable-nvenc", "--enable-nvdec", "--enable-cuvid", "--enable-ffnvcodec", "--enable-cuda",
    "--enable-cuda-nvcc", "--enable-cuda-llvm", "--enable-libnpp",
)  # fmt: skip


class FfmpegBuild(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="kind",
    tag="ffmpeg_build",
):
    """One ffmpeg program with the libav* libraries it would load; only what is NVIDIA's in it."""

    path: str
    version: str | Missing = NOT_ASKED  # "5.1.9-0+deb12u1"
    configuration: tuple[str, ...] | Missing = NOT_ASKED  # the options of its configure
    encoders: tuple[str, ...] | Missing = NOT_ASKED  # "h264_nvenc"
    decoders: tuple[str, ...] | Missing = NOT_ASKED  # "h264_cuvid"
    hwaccels: tuple[str, ...] | Missing = NOT_ASKED  # what -hwaccel cuda decodes: "h264_nvdec"
    filters: tuple[str, ...] | Missing = NOT_ASKED  # "scale_cuda", "scale_npp"
    # The oldest driver its NVENC accepts, in its own words: "530.41.03"; None: it has no NVENC
    nvenc_driver: str | None | Missing = NOT_ASKED
    opens: tuple[str, ...] | Missing = NOT_ASKED  # the driver's libraries it loads when it needs
    not_opened: tuple[str, ...] | Missing = NOT_ASKED  # of them: those the loader does not find
    not_found: tuple[str, ...] | Missing = NOT_ASKED  # libraries without which it does not start
    foreign: tuple[str, ...] = ()  # libav* libraries of another build, which it would load

    @property
    def name(self) -> str:
        """The build as the subject of a finding."""
        return self.path

    @property
    def for_nvidia(self) -> bool:
        """Whether whoever built it asked for NVIDIA's hardware."""
        options = () if isinstance(self.configuration, Missing) else self.configuration
        return any(option in ASKED_FOR for option in options)

    @property
    def has_nvenc(self) -> bool:
        return isinstance(self.encoders, tuple) and bool(self.encoders)


class Ffmpeg(Fact, frozen=True, kw_only=True, tag="ffmpeg"):
    """Every ffmpeg program, the one that a shell would run first. Empty: there is none."""

    builds: tuple[FfmpegBuild | Missing, ...] = ()
