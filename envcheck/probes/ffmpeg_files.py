"""What stands in FFmpeg's compiled files: version, configure options, NVIDIA's codecs and filters.

Names of codecs and filters are texts of their read-only data; nothing is run. Must not know where
the files are, nor which of them belong together.
"""

import re
import shlex

import msgspec

from envcheck.binaries.elf import read_elf
from envcheck.binaries.errors import TooLarge, Unsupported
from envcheck.binaries.source import ByteSource

DATA_LIMIT = 128 << 20  # bytes of read-only data; a program with every library in it has 20 MB
MOST_NAMES = 64  # of one kind; FFmpeg has a dozen
CODECS = "h264|hevc|av1|mjpeg|mpeg1|mpeg2|mpeg4|vc1|vp8|vp9|wmv3"
# As FFmpeg's libavfilter/allfilters.c has them; helpers in the GPU code end in _cuda as well.
FILTERS = (
    "bilateral|bwdif|chromakey|colorspace|hwupload|overlay|pad|scale|thumbnail|transpose|yadif"
    "|scale2ref|sharpen"
)
# Opened at run time by the code that comes with nv-codec-headers
OPENED = ("libcuda.so.1", "libnvcuvid.so.1", "libnvidia-encode.so.1")
ENCODE = b"libnvidia-encode.so.1\0"
NEAR = 4096  # bytes around the encoder's library in which its oldest driver is named
OPTIONS_LIMIT = 1 << 16


class Texts(msgspec.Struct, frozen=True):
    """What one compiled file says of itself."""

    version: str | None = None
    configuration: tuple[str, ...] | None = None  # None: no options stand there, or none were given
    encoders: tuple[str, ...] = ()
    decoders: tuple[str, ...] = ()
    hwaccels: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()
    nvenc_driver: str | None = None


def read_texts(source: ByteSource, *, codecs: bool = True, filters: bool = True) -> Texts:
    """The texts of one program or library.

    Args:
        codecs, filters: whether it may have such names; looking for them takes the longest.

    Raises:
        BinaryError: not an ELF file, damaged, its section table stripped, or absurdly large.
    """
    elf = read_elf(source)
    ranges = [elf.contents_range(section) for section in elf.sections_named(".rodata")]
    if not ranges:
        raise Unsupported("it has no read-only data")
    if sum(end - start for start, end in ranges) > DATA_LIMIT:
        raise TooLarge("read-only data of more than 128 MiB")
    data = b"\0".join(source.read_at(start, end - start) for start, end in ranges)
    return Texts(
        version=_version(data),
        configuration=_configuration(data),
        encoders=_names(data, "nvenc", CODECS) if codecs else (),
        decoders=_names(data, "cuvid", CODECS) if codecs else (),
        hwaccels=_names(data, "nvdec", CODECS) if codecs else (),
        filters=_names(data, "cuda", FILTERS) + _names(data, "npp", FILTERS) if filters else (),
        opens=tuple(name for name in OPENED if data.find(name.encode() + b"\0") >= 0),
        nvenc_driver=_nvenc_driver(data),
    )


def _names(data: bytes, suffix: str, stems: str) -> tuple[str, ...]:
    """Names STEM_SUFFIX, sorted. What stands before one may be any byte: a number's last, say."""
    ending = f"_{suffix}\0".encode()
    wanted = re.compile(rf"(?:{stems})_{suffix}\Z".encode())
    found: set[str] = set()
    at = data.find(ending)
    while at >= 0 and len(found) < MOST_NAMES:
        name = wanted.search(data, max(0, at - 16), at + len(ending) - 1)
        if name:
            found.add(name.group().decode())
        at = data.find(ending, at + 1)
    return tuple(sorted(found))


def _version(data: bytes) -> str | None:
    """Each of FFmpeg's libraries names the whole: "FFmpeg version 5.1.9-0+deb12u1"."""
    at = data.find(b"FFmpeg version ")
    while at >= 0:
        found = re.compile(rb"FFmpeg version ([!-~]{1,100})\0").match(data, at)
        if found:
            return found.group(1).decode()
        at = data.find(b"FFmpeg version ", at + 1)
    return None


def _configuration(data: bytes) -> tuple[str, ...] | None:
    for first in (b"\0--prefix=", b"\0--enable-", b"\0--disable-"):
        at = data.find(first)
        if at >= 0:
            text = data[at + 1 : at + OPTIONS_LIMIT].partition(b"\0")[0].decode("ascii", "replace")
            try:
                return tuple(shlex.split(text))  # quoted as for a shell
            except ValueError:
                return tuple(text.split())
    return None


def _nvenc_driver(data: bytes) -> str | None:
    """The number that stands for %s in "The minimum required Nvidia driver for nvenc is %s"."""
    at = data.find(ENCODE)
    if at < 0 or data.find(b"Nvidia driver for nvenc is %s") < 0:
        return None
    near = data[max(0, at - NEAR) : at + NEAR]
    found = re.search(rb"(?<=\0)\d{3}\.\d{1,3}(?:\.\d{1,2})?(?=\0)", near)
    return found.group().decode() if found else None
