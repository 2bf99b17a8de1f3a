"""Runs one ffmpeg command with a time limit, and says in one word why it failed.

Must not know what is proved.
"""

import re
import signal
import time
from pathlib import Path

import msgspec

from envcheck.facts import Missing
from envcheck.probes.host import Host

TEXT_LIMIT = 1000  # characters kept of an error
FRAMES_LIMIT = 64 << 20  # bytes read back; the clip has 2 MB, twice as wide and high 7

# What FFmpeg, its loader and the driver say, and the word for it. The first that matches wins: what
# comes last in FFmpeg's own output ("No capable devices found") is the least exact.
REASONS = (
    (
        "missing_library",
        r"error while loading shared libraries|symbol lookup error|version `[^']+' not found",
    ),
    ("libcuda_missing", r"Cannot load libcuda\.so\.1|Could not dynamically load CUDA"),
    ("nvcuvid_missing", r"Cannot load libnvcuvid\.so\.1|Failed loading nvcuvid"),
    ("nvencode_missing", r"Cannot load libnvidia-encode\.so\.1"),
    ("nvenc_api", r"required nvenc API version|minimum required Nvidia driver for nvenc"),
    (
        "nvenc_sessions",
        r"OpenEncodeSessionEx failed: (?:out of memory \(10\)|incompatible client key \(21\))",
    ),
    (
        "no_nvenc",
        r"OpenEncodeSessionEx failed: (?:no encode device \(1\)|unsupported device \(2\))"
        r"|No (?:NVENC )?capable devices found",
    ),
    ("no_gpu", r"CUDA_ERROR_NO_DEVICE|no CUDA-capable device"),
    ("device_absent", r"CUDA_ERROR_INVALID_DEVICE|invalid device ordinal"),
    ("gpu_lost", r"CUDA_ERROR_(?:ECC_UNCORRECTABLE|NVLINK_UNCORRECTABLE|DEVICE_UNAVAILABLE)"),
    ("gpu_fault", r"CUDA_ERROR_(?:ILLEGAL_ADDRESS|LAUNCH_FAILED|ILLEGAL_INSTRUCTION)"),
    ("out_of_memory", r"CUDA_ERROR_OUT_OF_MEMORY|Cannot allocate memory"),
    ("no_gpu_code", r"CUDA_ERROR_(?:NO_BINARY_FOR_GPU|UNSUPPORTED_PTX_VERSION|INVALID_PTX)"),
    (
        "unsupported",
        r"Hardware is lacking required capabilities|CUDA_ERROR_NOT_SUPPORTED|Codec not supported"
        r"|doesn't support required NVENC features",
    ),
    (
        "not_built",
        r"Unknown encoder|Unknown decoder|No such filter|Unrecognized hwaccel|Unknown input format"
        r"|Device creation failed: -38|unknown device type|Requested output format",
    ),
)  # fmt: skip

SPEAKER = re.compile(r"^(?:\[[^]]* @ 0x[0-9a-f]+\] *)+")  # "[h264_nvenc @ 0x55d…] "


class Failed(Exception):
    """An ffmpeg command that failed: (reason, words)."""

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(reason, words)
        self.reason = reason
        self.words = words


class Ffmpeg(msgspec.Struct, frozen=True):
    """One program, a folder for its files, and the moment at which everything must have ended."""

    host: Host
    path: str
    folder: str
    end_at: float  # of time.monotonic()
    limit: float  # seconds, for the words

    def run(self, *arguments: str) -> str:
        """What it printed on standard output.

        Raises:
            Failed: it did not start, was ended at the time limit, died, or ended with an error.
        """
        left = self.end_at - time.monotonic()
        if left <= 0:
            raise Failed("timeout", f"no end within {self.limit:g} s")
        environ = {**self.host.environ, "AV_LOG_FORCE_NOCOLOR": "1"}
        ran = self.host.run([self.path, *arguments], left, environ)
        if isinstance(ran, Missing):
            if time.monotonic() >= self.end_at:
                raise Failed("timeout", f"no end within {self.limit:g} s")
            raise Failed("cannot_start", ran.detail)
        if ran.code == 0:
            return ran.out
        raise self._failure(ran.code, ran.err)

    def frames(self, *arguments: str) -> bytes:
        """The frames, 8-bit 4:2:0, of a command line without its output; see `run`."""
        name = str(Path(self.folder) / "out.yuv")
        self.write(name, *arguments, "-pix_fmt", "yuv420p", "-f", "rawvideo")
        data = self.host.read_bytes(name, FRAMES_LIMIT)
        if isinstance(data, Missing):
            raise Failed("error", data.detail)
        return data

    def write(self, name: str, *arguments: str) -> None:
        """A file written by a command line without its output; see `run`."""
        self.run("-nostdin", "-hide_banner", "-v", "warning", "-y", *arguments, name)

    def _failure(self, code: int, text: str) -> Failed:
        lines = [SPEAKER.sub("", line).strip() for line in text.splitlines()]
        lines = [line for line in lines if line]
        last = lines[-1][:TEXT_LIMIT] if lines else "it said nothing"
        if code == -signal.SIGKILL:
            return Failed("killed", "the system killed it, most likely because memory ran out")
        if code < 0:
            return Failed("crashed", f"it died of signal {-code}: {last}")
        for reason, pattern in REASONS:
            said = next((line for line in lines if re.search(pattern, line)), None)
            if said:
                return Failed(reason, said[:TEXT_LIMIT])
        errors = (line for line in lines if re.search(r"(?i)error|fail|invalid|cannot", line))
        return Failed("error", next(errors, last)[:TEXT_LIMIT])
