"""FFmpeg programs: which there are, what they were built for, which libraries they would load.

All is read from files: to start one costs 60 ms, and one in another root cannot be started. Must
not judge what it finds.
"""

import re
from collections.abc import Iterable

from envcheck.binaries import BinaryError
from envcheck.binaries.process import Process
from envcheck.facts import Ffmpeg, FfmpegBuild, Missing, absent, failed
from envcheck.probes.ffmpeg_files import Texts, read_texts
from envcheck.probes.host import Host
from envcheck.probes.interpreter import Interpreter
from envcheck.probes.loader import Files

PLACES = ("/opt/ffmpeg*/bin", "/opt/conda/bin", "/usr/local/bin", "/usr/bin")
MOST = 8  # programs looked at; the first of PATH is the one that matters
OWN = re.compile(r"lib(?:av(?:util|codec|format|filter|device)|sw(?:resample|scale))\.so")
CODEC_LIBRARY, FILTER_LIBRARY = "libavcodec.so", "libavfilter.so"
TELLING = ("libavutil.so", CODEC_LIBRARY, FILTER_LIBRARY)  # the others say nothing of NVIDIA
DEFAULT_PREFIX = "/usr/local"  # of a configure without --prefix


SYSTEM = "/usr/bin/"  # whose libraries a running system's package manager answers for


def read_ffmpeg(host: Host, interpreter: Interpreter | Missing) -> Ffmpeg:
    """Every ffmpeg on PATH, beside the patient's Python and in the usual places."""
    files = Files(host)
    library_path = host.environ.get("LD_LIBRARY_PATH", "")
    programs = _programs(host, interpreter)
    return Ffmpeg(
        builds=tuple(
            _build(files, path, library_path, whole=not (host.live and path.startswith(SYSTEM)))
            for path in programs[:MOST]
        ),
        sources={"*": "texts in the program and its libraries; the loader's search order"},
    )


def _programs(host: Host, interpreter: Interpreter | Missing) -> list[str]:
    folders = [f for f in host.environ.get("PATH", "").split(":") if f.startswith("/")]
    if not isinstance(interpreter, Missing):
        folders.append(f"{interpreter.prefix}/bin")
    for pattern in PLACES:
        folders += host.glob(pattern)
    programs: dict[str, str] = {}  # real path → path
    for folder in dict.fromkeys(folders):
        path = f"{folder}/ffmpeg"
        if host.is_file(path):
            programs.setdefault(host.realpath(path), path)
    return list(programs.values())


def _build(files: Files, path: str, library_path: str, *, whole: bool) -> FfmpegBuild | Missing:
    """One program. `whole`: look for the hundred libraries its libav libraries need, too."""
    real = files.realpath(path)
    try:
        process = Process(files, path, library_path, lambda n: whole and OWN.match(n) is not None)
        parts = {real: _texts(files, real, "")}
        for name, found in process.found.items():
            if found.path and name.startswith(TELLING):
                parts[found.path] = _texts(files, found.path, name)
    except BinaryError as error:
        return failed(f"{path}: {error}")
    lost = tuple(name for name, found in process.found.items() if found.path is None)
    version = next((part.version for part in parts.values() if part.version), None)
    if version is None:
        own = [name for name in lost if OWN.match(name)]
        if not own:
            return failed(f"{path} is no FFmpeg program")
        unread = absent(f"{own[0]} was not found")
        return FfmpegBuild(path=path, version=unread, not_found=lost)
    return _described(files, process, path, version, parts, lost)


def _texts(files: Files, path: str, library: str) -> Texts:
    """The texts of the program (no `library`), or of the library of that name."""
    codecs = not library or library.startswith(CODEC_LIBRARY)
    filters = not library or library.startswith(FILTER_LIBRARY)
    with files.open(path) as source:
        return read_texts(source, codecs=codecs, filters=filters)


def _described(
    files: Files,
    process: Process,
    path: str,
    version: str,
    parts: dict[str, Texts],
    lost: tuple[str, ...],
) -> FfmpegBuild:
    texts = tuple(parts.values())
    opens = _together(part.opens for part in texts)
    encoders = _together(part.encoders for part in texts)
    driver = next((part.nvenc_driver for part in texts if part.nvenc_driver), None)
    options = next((part.configuration for part in texts if part.configuration), ())
    return FfmpegBuild(
        path=path,
        version=version,
        configuration=options,
        encoders=encoders,
        decoders=_together(part.decoders for part in texts),
        hwaccels=_together(part.hwaccels for part in texts),
        filters=_together(part.filters for part in texts),
        nvenc_driver=driver
        or (absent("its headers are newer than it knows") if encoders else None),
        opens=opens,
        not_opened=tuple(name for name in opens if _opened(process, parts, name) is None),
        not_found=lost,
        foreign=_foreign(files, parts),
    )


def _together(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({name for group in groups for name in group}))


def _opened(process: Process, parts: dict[str, Texts], name: str) -> str | None:
    """The file that `dlopen(name)` gives the library which calls it."""
    caller = next(path for path, part in parts.items() if name in part.opens)
    try:
        return process.open(name, caller).path
    except BinaryError:
        return None


def _foreign(files: Files, parts: dict[str, Texts]) -> tuple[str, ...]:
    """Libraries whose --prefix is another build's: FFmpeg's "library configuration mismatch".

    Until FFmpeg 8 the program itself holds its options. Without them a library is another build's
    when its prefix has a program of its own.
    """
    program, *libraries = parts
    own = parts[program].configuration
    foreign = []
    for path in libraries:
        options = parts[path].configuration
        prefix = _prefix(options or ())
        theirs = f"{prefix}/bin/ffmpeg"
        if own is not None:
            other = prefix != _prefix(own)
        else:
            other = files.is_file(theirs) and files.realpath(theirs) != program
        if options is not None and other:
            foreign.append(path)
    return tuple(foreign)


def _prefix(options: tuple[str, ...]) -> str:
    given = [option for option in options if option.startswith("--prefix=")]
    return given[-1].partition("=")[2].rstrip("/") if given else DEFAULT_PREFIX
