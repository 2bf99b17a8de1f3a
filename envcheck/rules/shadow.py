"""What the checks of shadowed libraries share: how bad it is, in words, and what mends it. Pure."""

import re
import shlex
from collections.abc import Iterable

import msgspec

from envcheck.facts import Library, Loader, Missing, or_none
from envcheck.finding import (
    ERROR,
    NOTE,
    WARNING,
    Effect,
    Evidence,
    Finding,
    Remedy,
    Severity,
    seen,
    words,
)
from envcheck.rules.versions import common

# Toolkits put stand-ins for the driver's libcuda into these folders.
STAND_IN = re.compile(r"/(?:cuda-)?compat(?:[-_][^/]*)?/|/stubs/")

Judged = tuple[Library, Severity]


def quoted(text: str) -> str:
    return shlex.quote(text)


def is_cudnn(library: Library) -> bool:
    return library.name.startswith("libcudnn")


def has_own_rule(library: Library) -> bool:
    """Libraries that other checks speak of."""
    return is_cudnn(library) or library.name.startswith(("libcuda.so", "libstdc++"))


def is_stand_in(path: str) -> bool:
    """A libcuda that is not the driver's: of a cuda-compat package or a toolkit's stub."""
    return bool(STAND_IN.search(path))


def judged(libraries: Iterable[Library], *, mixed: bool = False) -> list[Judged]:
    """Shadowed libraries with how bad it is, the worst first; those of one version are left out.

    `mixed`: parts of one library come from two places and must be of exactly one version.
    """
    found = ((lib, _harm(lib, mixed)) for lib in libraries)
    bad = [(lib, severity) for lib, severity in found if severity is not None]
    return sorted(bad, key=lambda pair: -pair[1].rank)


def _harm(library: Library, mixed: bool) -> Severity | None:
    if library.lacks and not isinstance(library.lacks, Missing):
        return ERROR
    complete = library.lacks == () and not is_cudnn(library)  # cuDNN looks its symbols up by hand
    if isinstance(library.version, Missing) or isinstance(library.meant_version, Missing):
        return NOTE if complete else WARNING
    got, meant = common(library.version, library.meant_version)
    if got == meant:
        return None
    if mixed or (not complete and (got[0] != meant[0] or got[:2] < meant[:2])):
        return ERROR
    return NOTE  # it has what is asked of it; or is newer, or an update of one minor release


def finding(bad: list[Judged], loader: Loader) -> Finding:
    """One finding for all of them: they have one cause and one remedy."""
    libraries = [lib for lib, _ in bad]
    first = libraries[0]
    others = [lib.name for lib in libraries[1:]]
    wanted = f", which {first.wanted_by} needs," if first.wanted_by else ""
    lacks = (or_none(first.lacks) or ("",))[0]
    return Finding(
        severity=bad[0][1],
        message=f"{first.name}{wanted} is taken from {_named(first.path, first.version)} instead"
        f" of {_named(first.meant, first.meant_version)}"
        + (f", and lacks {lacks}" if lacks else "")
        + (f"; likewise {', '.join(others)}." if others else "."),
        evidence=(
            *seen(loader, "ld_library_path"),
            *(Evidence(lib.name, lib.path, lib.via) for lib in libraries),
        ),
        remedy=Remedy(
            "Start without that folder in LD_LIBRARY_PATH.",
            (path_command(loader, libraries),),
            "safe",
            (Effect("loader.libraries", _healed(loader, libraries)),),
        ),
    )


def path_command(loader: Loader, libraries: Iterable[Library]) -> str:
    """Sets LD_LIBRARY_PATH so that these libraries are no longer found through it.

    A path in a fact has its links followed, so an entry that leads there through a link is not
    recognised: then the whole variable goes.
    """
    paths = [lib.path for lib in libraries]
    folders = {path.rpartition("/")[0] for path in paths}
    stand_ins = any(is_stand_in(path) for path in paths)
    entries = or_none(loader.ld_library_path) or ()
    kept = [
        entry
        for entry in entries
        if entry.rstrip("/") not in folders and not (stand_ins and is_stand_in(f"{entry}/"))
    ]
    if kept and len(kept) < len(entries):
        return f"export LD_LIBRARY_PATH={quoted(':'.join(kept))}"
    return "unset LD_LIBRARY_PATH"


def _named(path: str, version: str | Missing) -> str:
    return path if isinstance(version, Missing) else f"{path} ({words(version)})"


def _healed(loader: Loader, libraries: list[Library]) -> tuple[Library, ...]:
    return tuple(
        msgspec.structs.replace(lib, path=lib.meant, version=lib.meant_version, meant="", lacks=())
        if lib in libraries
        else lib
        for lib in or_none(loader.libraries) or ()
    )
