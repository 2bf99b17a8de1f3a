"""Makes programs that stand in for an ffmpeg on a machine with a GPU, sound or faulty.

They "encode" by keeping frames as they are, and "decode" the shipped clips by copying frames made
beforehand: a shell script, because each run of the proofs starts fifteen of them.
"""

import shlex
from pathlib import Path
from typing import NamedTuple

from envcheck.smoke.frames import HEIGHT, WIDTH, clip, size

VERSION = "ffmpeg version 7.1.5-fake Copyright (c) 2000-2026 the FFmpeg developers"
ENCODERS = " V....D libx264 x\n V....D h264_nvenc x\n V....D hevc_nvenc x"
DARKER = bytes((value - 16) % 256 for value in range(256))


class Fault(NamedTuple):
    """What happens on command lines that hold the words `when`: shell, or frames gone wrong."""

    when: str
    do: str = ":"
    frames: str = ""  # "-noise", "-swap" or "-drop"


def fails(when: str, err: str, code: int = 1) -> Fault:
    """It prints this on standard error and ends."""
    return Fault(when, f"printf %s {shlex.quote(err)} >&2; exit {code}")


def make_frames(folder: Path) -> None:
    """The clip, and one of twice its size, each sound and spoilt in every way."""
    sound = clip()
    for name, data, frame in (
        ("clip", sound, size(WIDTH, HEIGHT)),
        ("scaled", sound * 4, size(2 * WIDTH, 2 * HEIGHT)),
    ):
        (folder / name).write_bytes(data)
        (folder / f"{name}-one").write_bytes(data[:frame])
        (folder / f"{name}-noise").write_bytes(data.translate(DARKER))
        (folder / f"{name}-swap").write_bytes(data[frame // 2 :] + data[: frame // 2])
        (folder / f"{name}-drop").write_bytes(data[frame:])


def make_program(path: Path, frames: Path, *faults: Fault) -> str:
    """The program's path. Its frames come from the folder that `make_frames` filled."""
    cases = "".join(
        f"  *{shlex.quote(fault.when)}*) {fault.do}; spoilt={fault.frames} ;;\n" for fault in faults
    )
    path.write_text(
        f"""#!/bin/sh
spoilt=
case "$*" in
{cases}  '') ;;
esac
what=clip
case "$*" in
  -version) echo {shlex.quote(VERSION)}; exit ;;
  *-encoders) echo {shlex.quote(ENCODERS)}; exit ;;
  *-frames:v*) spoilt=-one ;;
  *scale*) what=scaled ;;
esac
input=
while [ $# -gt 1 ]; do [ "$1" = -i ] && input=$2; shift; done
case "$input" in
  */encoded.*) cp "$input" "$1" ;;
  *) cp {shlex.quote(str(frames))}/"$what$spoilt" "$1" ;;
esac
""",
        encoding="utf-8",
    )
    path.chmod(0o755)
    return str(path)
