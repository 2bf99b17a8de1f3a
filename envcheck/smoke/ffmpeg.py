"""Proofs of one ffmpeg program: its software codecs, then NVDEC, NVENC and scale_cuda of each GPU.

Every clip that comes out is compared with the frames it should be. Must not know how far off is too
far (the limits are given), nor how a finding is worded.
"""

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from envcheck.facts import Missing, Trial, Trials, failed
from envcheck.probes.host import Host
from envcheck.smoke.ffmpeg_run import Failed, Ffmpeg
from envcheck.smoke.frames import CLIPS, HEIGHT, RATE, WIDTH, FramesLost, clip, compare
from envcheck.smoke.run import Progress

SOFTWARE = ("libx264", "libopenh264", "mpeg4")  # the first that is built in encodes on the CPU
NVENC = ("h264_nvenc", "hevc_nvenc")
NO_GPU = ("libcuda_missing", "no_gpu", "not_built")  # where none was expected, nothing is wrong
RAW = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{WIDTH}x{HEIGHT}", "-framerate", f"{RATE}")
TWICE = f"{2 * WIDTH}:{2 * HEIGHT}"
DOWNLOAD = "hwdownload,format=nv12"
IN_MEMORY = ("-hwaccel_output_format", "cuda")  # without it a failing NVDEC is replaced in silence
ON_GPU = f"format=yuv420p,hwupload,scale_cuda={TWICE},hwdownload,format=yuv420p"

Of = Literal["encoded", "decoded", "scaled"]


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be proved, on which devices, and how far off a right result may be."""

    program: str
    devices: tuple[str, ...]  # "cuda:0"; empty: the CPU only
    expected: bool  # a GPU is there or was asked for: not to reach it is a failure
    limits: Mapping[str, float]  # "encoded", "decoded", "scaled" → levels of 255, root mean square
    timeout: float  # seconds, for the CPU and for each device


def prove_ffmpeg(wish: Wish, progress: Progress) -> Trials | Missing:
    """The trials of one program; Ctrl-C ends them, and stands as the last.

    `Missing` where the clip cannot be written down: a full disk, no folder for temporary files.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="envcheck-") as folder:
            proofs = _Proofs(wish, Path(folder), progress)
            with contextlib.suppress(_Interrupted):
                proofs.prove()
    except OSError as error:
        return failed(f"the clip could not be written: {error}")
    finally:
        progress("")
    return Trials(target="ffmpeg", trials=tuple(proofs.trials))


class _Interrupted(Exception):
    """Ctrl-C, after the trial under way was put on the list."""


class _Result:
    """A trial under way."""

    def __init__(self, limits: Mapping[str, float]) -> None:
        self.fields: dict[str, object] = {"status": "ok"}
        self._limits = limits

    @property
    def ok(self) -> bool:
        return self.fields["status"] == "ok"

    def fail(self, reason: str, words: str, status: str = "failed") -> None:
        self.fields |= {"status": status, "reason": reason, "detail": words}

    def compare(self, seen: bytes, wanted: bytes, of: Of, *, twice: bool = False) -> None:
        """Frames beside those they should be.

        Raises:
            FramesLost: they are not equally many.
        """
        scale = 2 if twice else 1
        difference = compare(seen, wanted, scale * WIDTH, scale * HEIGHT)
        self.fields |= {"measured": difference.rms, "limit": self._limits[of]}
        if difference.psnr is None:
            self.fields["details"] = {"frames": "identical"}
        else:
            self.fields["rates"] = {"dB PSNR": difference.psnr}


class _Proofs:
    def __init__(self, wish: Wish, folder: Path, progress: Progress) -> None:
        self.trials: list[Trial] = []
        self._wish = wish
        self._host = Host()
        self._folder = folder
        self._progress = progress
        self._clip = clip()
        self._source = (*RAW, "-i", str(folder / "clip.yuv"))
        self._decoded: dict[str, bytes] = {}  # codec → the shipped clip, decoded in software
        self._scaled = b""  # the clip, scaled in software

    def prove(self) -> None:
        (self._folder / "clip.yuv").write_bytes(self._clip)
        if self._prove_software():
            for device in self._wish.devices:
                self._prove_gpu(device)

    @contextlib.contextmanager
    def _trial(self, name: str, check: str, device: str) -> Iterator[_Result]:
        """One trial; what fails in it is written down, and does not end the others."""
        self._progress(f"{device} {name}")
        result, begun = _Result(self._wish.limits), time.monotonic()
        interrupted = False
        try:
            yield result
        except Failed as error:
            result.fail(error.reason, error.words)
        except FramesLost as error:
            result.fail("frames_lost", str(error))
        except KeyboardInterrupt:
            interrupted = True
            result.fail("interrupted", "ended by Ctrl-C")
        fields = {**result.fields, "name": name, "check": check, "device": device, "kind": "trial"}
        fields["seconds"] = round(time.monotonic() - begun, 4)
        self.trials.append(msgspec.convert(fields, Trial))
        if interrupted:
            raise _Interrupted

    def _program(self) -> Ffmpeg:
        """The program, with a time limit that begins now."""
        limit = self._wish.timeout
        end_at = time.monotonic() + limit
        return Ffmpeg(self._host, self._wish.program, str(self._folder), end_at, limit)

    # ---- software ---------------------------------------------------------------------------

    def _prove_software(self) -> bool:
        """Whether the program starts at all."""
        ffmpeg = self._program()
        with self._trial("start", "ffmpeg_start", "cpu") as result:
            result.fields["details"] = {"version": _version(ffmpeg.run("-version"))}
        if not result.ok:
            return False
        for codec, path in CLIPS.items():
            with self._trial(f"decode {codec}", "ffmpeg_software", "cpu") as result:
                seen = ffmpeg.frames("-c:v", codec, "-i", str(path))
                result.compare(seen, self._clip, "encoded")
                self._decoded[codec] = seen
        with self._trial("encode", "ffmpeg_software", "cpu") as result:
            self._encode(ffmpeg, result, _software_encoder(ffmpeg))
        with self._trial("scale", "ffmpeg_software", "cpu"):
            scaled = ffmpeg.frames(*self._source, "-vf", f"scale={TWICE}:flags=bicubic")
            self._scaled = scaled
        return True

    def _encode(self, ffmpeg: Ffmpeg, result: _Result, encoder: str, *options: str) -> None:
        """The clip encoded, decoded again in software, and compared with itself."""
        name = self._name("avi" if encoder == "mpeg4" else "h264" if "264" in encoder else "hevc")
        ffmpeg.write(name, *self._source, "-c:v", encoder, *options, "-b:v", "4M")
        result.compare(ffmpeg.frames("-i", name), self._clip, "encoded")
        result.fields["details"] = {"encoder": encoder}

    def _name(self, ending: str) -> str:
        return str(self._folder / f"encoded.{ending}")

    # ---- one GPU ----------------------------------------------------------------------------

    def _prove_gpu(self, device: str) -> None:
        ffmpeg, number = self._program(), device.partition(":")[2]
        gpu = ("-init_hw_device", f"cuda=gpu:{number}")
        with self._trial("open", "ffmpeg_device", device) as opened:
            ffmpeg.frames(*gpu, *self._source, "-frames:v", "1")
        if not opened.ok:
            if not self._wish.expected and opened.fields["reason"] in NO_GPU:
                self.trials[-1] = msgspec.structs.replace(self.trials[-1], status="skipped")
            return
        with self._trial("scale_cuda", "ffmpeg_filter", device) as result:
            seen = ffmpeg.frames(*gpu, "-filter_hw_device", "gpu", *self._source, "-vf", ON_GPU)
            result.compare(seen, self._scaled or seen, "scaled", twice=True)
        hwaccel = (*gpu, "-hwaccel", "cuda", "-hwaccel_device", "gpu", *IN_MEMORY)
        for codec, path in CLIPS.items():
            wanted = self._decoded.get(codec, self._clip)
            with self._trial(f"{codec}_cuvid", "ffmpeg_decode", device) as result:
                seen = ffmpeg.frames("-c:v", f"{codec}_cuvid", "-gpu", number, "-i", str(path))
                result.compare(seen, wanted, "decoded")
            with self._trial(f"hwaccel cuda {codec}", "ffmpeg_decode", device) as decoded:
                seen = ffmpeg.frames(*hwaccel, "-c:v", codec, "-i", str(path), "-vf", DOWNLOAD)
                decoded.compare(seen, wanted, "decoded")
        for encoder in NVENC:
            with self._trial(encoder, "ffmpeg_encode", device) as encoded:
                self._encode(ffmpeg, encoded, encoder, "-gpu", number)
        if decoded.ok and encoded.ok and self._scaled:
            self._transcode(ffmpeg, (*hwaccel, "-c:v", codec, "-i", str(path)), device)

    def _transcode(self, ffmpeg: Ffmpeg, source: tuple[str, ...], device: str) -> None:
        """Decoded, scaled and encoded without leaving the GPU, beside the same in software."""
        name = self._name("hevc")
        with self._trial("decode, scale, encode", "ffmpeg_transcode", device) as result:
            ffmpeg.write(
                name, *source, "-vf", f"scale_cuda={TWICE}", "-c:v", NVENC[-1], "-b:v", "8M"
            )
            result.compare(ffmpeg.frames("-i", name), self._scaled, "scaled", twice=True)


def _version(text: str) -> str:
    """ "5.1.9-0+deb12u1" of "ffmpeg version 5.1.9-0+deb12u1 Copyright …".

    Raises:
        Failed: it is another program.
    """
    words = text.split(maxsplit=3)
    if len(words) < 3 or words[1] != "version":
        raise Failed("no_ffmpeg", "it answers -version as no FFmpeg does")
    return words[2]


def _software_encoder(ffmpeg: Ffmpeg) -> str:
    listed = ffmpeg.run("-nostdin", "-hide_banner", "-v", "error", "-encoders").split()
    encoder = next((name for name in SOFTWARE if name in listed), None)
    if encoder is None:
        raise Failed("not_built", f"it has none of {', '.join(SOFTWARE)}")
    return encoder
