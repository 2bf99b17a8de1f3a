"""Where Python would import a package from, and the compiled module beside it. Must not judge.

Needs no metadata: source trees on the path, half-removed packages and second copies are found too.
"""

import posixpath
import re
from collections.abc import Iterator

import msgspec

from envcheck.facts import Distribution
from envcheck.kb.extensions import Kernels
from envcheck.probes.compiled_files import meant_for, origin
from envcheck.probes.host import Host
from envcheck.probes.interpreter import Interpreter


class Importable(msgspec.Struct, frozen=True, kw_only=True):
    """A package as `import` meets it."""

    folder: str  # on sys.path; "": it is nowhere
    version: str | None  # what its __init__.py says
    libraries: tuple[str, ...]  # its compiled module for this Python
    other_python: tuple[str, ...]  # the same for others
    copies: tuple[str, ...]  # further folders with a copy
    hidden_by: str  # the current folder, when it holds another copy


def find_importable(
    host: Host, interpreter: Interpreter, row: Kernels, dists: tuple[Distribution, ...]
) -> Importable:
    """The package of `row.library`, "detectron2/_C", on the patient's path."""
    package, _, module = row.library.rpartition("/")
    folders = tuple(_holders(host, interpreter, dists, package))
    first = folders[0] if folders else ""
    found = _modules(host, f"{first}/{package}", module) if first else ()
    mine = tuple(path for path in found if meant_for(path, interpreter.tag))
    here = host.environ.get("PWD", "") if host.live else ""
    hides = here and first and _holds(host, here, package) and _real(host, here) != first
    return Importable(
        folder=first,
        version=_version(host, f"{first}/{package}/__init__.py") if first else None,
        libraries=mine,
        other_python=tuple(path for path in found if path not in mine),
        copies=folders[1:],
        hidden_by=here if hides else "",
    )


def _holders(
    host: Host, interpreter: Interpreter, dists: tuple[Distribution, ...], package: str
) -> Iterator[str]:
    """Real folders that hold the package, the one it is imported from first."""
    sources = (origin(host, dist) for dist in dists)
    trees = (source for source, editable in sources if editable)  # behind everything on the path
    seen = set()
    for folder in (*interpreter.path, *trees):
        real = _real(host, folder)
        if real not in seen and _holds(host, real, package):
            seen.add(real)
            yield real


def _holds(host: Host, folder: str, package: str) -> bool:
    return host.is_file(f"{folder}/{package}/__init__.py")


def _real(host: Host, folder: str) -> str:
    return host.realpath(folder).rstrip("/")


def _modules(host: Host, folder: str, module: str) -> tuple[str, ...]:
    """Files that are the module for one Python or another; a link that leads nowhere is none."""
    names = host.glob(f"{folder}/{module}.*so")
    pattern = re.compile(re.escape(module) + r"(\.[\w-]+)?\.so")
    return tuple(p for p in names if pattern.fullmatch(posixpath.basename(p)) and host.is_file(p))


def _version(host: Host, file: str) -> str | None:
    text = host.read(file)
    match = re.search(r"(?m)^__version__\s*=\s*['\"]([^'\"\n]{1,60})['\"]", str(text))
    return match[1] if match else None
