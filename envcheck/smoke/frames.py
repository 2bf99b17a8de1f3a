"""The synthetic clip of the video proofs, and how far two lists of frames are apart.

Pure: 8-bit planes of 4:2:0 as raw bytes. Must not know FFmpeg.
"""

import math
from collections.abc import Callable
from pathlib import Path

import msgspec

WIDTH, HEIGHT, FRAMES, RATE = 320, 240, 16, 25
CLIPS = {codec: Path(__file__).parent / f"data/clip.{codec}" for codec in ("h264", "hevc")}
STEP = 16  # pixels that the picture moves from frame to frame: a frame too few is 16 levels off
_PERIOD = 384  # of the wave, in pixels


class Difference(msgspec.Struct, frozen=True):
    """How far frames are from those they should be; levels of 255."""

    rms: float
    psnr: float | None  # dB; None: identical


class FramesLost(Exception):
    """Another number of bytes than the frames have."""


def clip() -> bytes:
    """The clip: slanted waves of brightness and colour that move, no two frames alike."""
    return b"".join(_frame(number) for number in range(FRAMES))


def size(width: int, height: int) -> int:
    """Bytes of one frame."""
    return width * height * 3 // 2


def compare(seen: bytes, wanted: bytes, width: int = WIDTH, height: int = HEIGHT) -> Difference:
    """The difference of two clips of equal size.

    Raises:
        FramesLost: they have not the same number of whole frames.
    """
    frame = size(width, height)
    if len(seen) != len(wanted):
        raise FramesLost(f"{len(seen) / frame:.4g} frames came out of {len(wanted) // frame}")
    if seen == wanted:
        return Difference(0.0, None)
    starts = range(0, len(wanted), frame)
    total = sum(math.dist(seen[at : at + frame], wanted[at : at + frame]) ** 2 for at in starts)
    rms = math.sqrt(total / len(wanted))
    return Difference(rms, 20 * math.log10(255 / rms))


def _frame(number: int) -> bytes:
    """One frame: a triangular wave a plane, one level a pixel, each in a direction of its own."""
    shift = STEP * number
    return (
        _plane(WIDTH, HEIGHT, lambda row: row + shift)
        + _plane(WIDTH // 2, HEIGHT // 2, lambda row: 2 * row + shift + 100)
        + _plane(WIDTH // 2, HEIGHT // 2, lambda row: _PERIOD - row + shift)
    )


def _plane(width: int, height: int, start: Callable[[int], int]) -> bytes:
    wave = bytes(32 + abs(place - _PERIOD // 2) for place in range(_PERIOD)) * 2
    rows = (start(row) % _PERIOD for row in range(height))
    return b"".join(wave[begin : begin + width] for begin in rows)
