"""From what was asked (paths, names of packages) to the compiled files that are meant."""

import difflib
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from envcheck import __version__
from envcheck.binaries import BinaryError
from envcheck.binaries.errors import OpenFailed
from envcheck.binaries.loader import LibrarySearch
from envcheck.binaries.source import FileSource
from envcheck.errors import UsageError
from envcheck.facts import Missing
from envcheck.finding import words
from envcheck.inspect.binary import read_binary
from envcheck.inspect.patient import Patient
from envcheck.inspect.wheel import WheelFiles
from envcheck.inspection import Binary, Compared, Inspection, Target
from envcheck.kb.wheel_zip import WheelError
from envcheck.probes.compiled_files import compiled_files, is_library
from envcheck.probes.host import Host
from envcheck.probes.python_env import normalise

MAX_BINARIES = 5000  # of one target
MAX_FOLDERS = 200_000  # of one directory that is walked
_ELF, _ZIP = b"\x7fELF", b"PK"
_UNINSTALLED = "/site-packages"  # where a wheel is thought to lie when there is no environment


def inspect(asked: Sequence[str], python: str | None = None) -> Inspection:
    """What these files, folders, wheels and installed packages hold and need.

    Args:
        python: the environment they are looked at from; None: the active one, else PATH's python3.

    Raises:
        UsageError: nothing of that name, or nothing compiled in it.
        OSError: it may not be read.
    """
    with closing(Patient(Host(), python)) as patient:
        targets = tuple(_target(each, patient) for each in asked)
        interpreter = patient.interpreter
        return Inspection(
            tool=f"envcheck {__version__}",
            python=None if isinstance(interpreter, Missing) else interpreter.executable,
            torch=_compared(patient, targets),
            ld_library_path=patient.library_path,
            targets=targets,
        )


def _compared(patient: Patient, targets: tuple[Target, ...]) -> Compared | None:
    used = any(binary.torch for target in targets for binary in target.binaries)
    if not used or patient.torch is None or patient.torch_libraries is None:
        return None
    abi = patient.torch_libraries.cxx11_abi
    return Compared(
        version=words(patient.torch.version),
        path=words(patient.torch.path),
        cxx11_abi=abi if isinstance(abi, bool) else None,
    )


def _target(asked: str, patient: Patient) -> Target:
    if Path(asked).is_dir():
        return _directory(asked, patient)
    if os.path.lexists(asked):
        return _file(asked, patient)
    if "/" in asked or is_library(asked) or asked.endswith(".whl"):
        raise UsageError(f"{asked}: no such file or directory")
    return _package(asked, patient)


def _file(asked: str, patient: Patient) -> Target:
    start = _start(asked)
    if start.startswith(_ZIP) or asked.endswith(".whl"):
        return _wheel(asked, patient)
    if not start.startswith(_ELF):
        raise UsageError(f"{asked}: neither a compiled library (ELF) nor a wheel")
    path = _absolute(asked)
    binary = _read(path, patient)
    if binary.problem:
        raise UsageError(f"{asked}: {binary.problem}")
    return Target(asked=asked, kind="library", path=path, binaries=(binary,))


def _directory(asked: str, patient: Patient) -> Target:
    paths = _bounded(asked, _libraries_below(_absolute(asked)))
    binaries = tuple(_read(path, patient) for path in paths)
    if not binaries:
        raise UsageError(f"{asked}: no compiled libraries (*.so) in this directory")
    return Target(asked=asked, kind="directory", path=_absolute(asked), binaries=binaries)


def _wheel(asked: str, patient: Patient) -> Target:
    interpreter = patient.interpreter
    folders = () if isinstance(interpreter, Missing) else interpreter.path
    sites = (f for f in folders if f.endswith(("/site-packages", "/dist-packages")))
    path = _absolute(asked)
    try:
        with (
            FileSource(path) as source,
            WheelFiles(source, next(sites, _UNINSTALLED), patient.files) as files,
        ):
            members = {at: name for at, name in files.members.items() if is_library(name)}
            searches: dict[bool, LibrarySearch] = {}

            def search(with_torch: bool) -> LibrarySearch:
                if with_torch not in searches:
                    searches[with_torch] = patient.search(files, with_torch=with_torch)
                return searches[with_torch]

            binaries = tuple(
                read_binary(at, files, search, lambda: patient.torch_libraries, members[at])
                for at in _bounded(asked, iter(sorted(members)))
            )
    except (WheelError, BinaryError) as error:
        raise UsageError(f"{asked}: no sound wheel: {error}") from error
    if not binaries:
        raise UsageError(f"{asked}: this wheel holds no compiled libraries (*.so)")
    return Target(asked=asked, kind="wheel", path=path, binaries=binaries)


def _package(asked: str, patient: Patient) -> Target:
    python, interpreter = patient.python, patient.interpreter
    if isinstance(python, Missing) or isinstance(interpreter, Missing):
        raise UsageError(f"{asked}: no such file, and no Python whose packages could be meant")
    dists = python.find(normalise(asked))
    if not dists:
        every = () if isinstance(python.distributions, Missing) else python.distributions
        near = difflib.get_close_matches(normalise(asked), {dist.name for dist in every}, 3)
        hint = f": did you mean {', '.join(near)}?" if near else ""
        raise UsageError(
            f"{asked}: no such file, and not installed for {interpreter.executable}{hint}"
        )
    paths = compiled_files(patient.host, dists[0], interpreter.tag)
    elf = (path for path in paths if _is_elf(path))
    binaries = tuple(_read(path, patient) for path in _bounded(asked, elf))
    if not binaries:
        raise UsageError(f"{asked} {dists[0].version} is installed and has no compiled libraries")
    return Target(
        asked=asked,
        kind="package",
        path=dists[0].path,
        version=dists[0].version,
        binaries=binaries,
    )


def _read(path: str, patient: Patient) -> Binary:
    return read_binary(
        path,
        patient.files,
        lambda with_torch: patient.installed_search(with_torch=with_torch),
        lambda: patient.torch_libraries,
    )


def _absolute(asked: str) -> str:
    return str(Path(asked).absolute())


def _libraries_below(folder: str) -> Iterator[str]:
    """ELF files called *.so, each real file once; links to folders are not followed."""
    with os.scandir(folder):  # raises what the walk would pass over in silence
        pass
    seen: set[str] = set()
    for count, (here, folders, names) in enumerate(os.walk(folder)):
        folders.sort()
        if count > MAX_FOLDERS:
            raise UsageError(f"{folder}: more than {MAX_FOLDERS} folders: name a smaller part")
        for name in sorted(filter(is_library, names)):
            path = f"{here}/{name}"
            real = os.path.realpath(path)
            if real not in seen and _is_elf(path):
                seen.add(real)
                yield path


def _bounded(asked: str, paths: Iterator[str]) -> Iterator[str]:
    for count, path in enumerate(paths):
        if count == MAX_BINARIES:
            raise UsageError(f"{asked}: more than {MAX_BINARIES} libraries: name a smaller part")
        yield path


def _is_elf(path: str) -> bool:
    """Whether it begins as one; an unreadable file counts, so that it is reported."""
    try:
        return _start(path).startswith(_ELF)
    except UsageError:
        return False
    except OSError:
        return True


def _start(path: str) -> bytes:
    """The first bytes of a file.

    Raises:
        UsageError: it is no regular file.
        OSError: it cannot be read.
    """
    try:
        with FileSource(path) as source:
            return source.read_at(0, min(4, source.size))
    except OpenFailed as error:
        raise OSError(error.errno, str(error), path) from error
    except BinaryError as error:
        raise UsageError(f"{path}: {error}") from error
